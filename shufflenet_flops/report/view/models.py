"""The list of the zoo's networks and families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shufflenet_flops import zoo
from shufflenet_flops.counting.metric import MACS
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.counting.totals import macs_and_params
from shufflenet_flops.report.grid import Column, Grid, grid, mega
from shufflenet_flops.spec import shape_text
from shufflenet_flops.zoo.registry import Derived


@dataclass(frozen=True)
class ModelResult:
    """One network of the zoo at the input at which its source counts it (batch first)."""

    model: str
    family: str
    options: Mapping[str, Any]
    input: IntShape
    macs: int
    params: int


def model_result(name: str) -> ModelResult:
    """The network of this name, counted. Raises UnknownNameError."""
    model = zoo.find(name)
    macs, params = macs_and_params(model.spec, model.input)
    return ModelResult(name, model.family, dict(model.options), model.input, macs, params)


def models_grids(results: Sequence[ModelResult], *, families: bool) -> list[Grid]:
    """One row per network, and the families with their options if these are wanted."""
    columns = [
        Column("model", figures=False),
        Column("input"),
        Column(MACS.scaled("M")),
        Column("params M"),
        Column("same as", figures=False),
    ]
    rows = [
        (
            result.model,
            shape_text(result.input),
            mega(result.macs),
            mega(result.params),
            _as_options(result.family, result.options),
        )
        for result in results
    ]
    grids = [grid("networks (MACs of convolutions and fully connected layers)", columns, rows)]
    return [*grids, _families()] if families else grids


def _as_options(family: str, options: Mapping[str, Any]) -> str:
    text = ",".join(f"{key}={value}" for key, value in options.items())
    return f"{family}@{text}" if text else family


def _families() -> Grid:
    rows = [
        (
            name,
            ", ".join(f"{key}={_default(value)}" for key, value in family.options.items()),
            family.source,
        )
        for name, family in zoo.families().items()
    ]
    columns = [
        Column("family", figures=False),
        Column("options and defaults", figures=False),
        Column("source", figures=False),
    ]
    return grid("families, used as family@option=value,…", columns, rows)


def _default(value: Any) -> str:
    if isinstance(value, Derived):
        return "auto"
    return str(value).lower() if isinstance(value, bool) else str(value)
