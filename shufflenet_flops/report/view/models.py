"""The list of the zoo's networks and families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.report.grid import Column, Grid, grid, mega
from shufflenet_flops.spec import shape_text
from shufflenet_flops.zoo.registry import Derived


def models_document(names: Sequence[str], pattern: str) -> tuple[list[dict[str, Any]], list[Grid]]:
    """Results and grids: one row per network, and the families with their options."""
    results: list[dict[str, Any]] = []
    for name in names:
        model = zoo.find(name)
        table = layer_table(model.spec, model.input)
        results.append(
            {
                "model": name,
                "family": model.family,
                "options": dict(model.options),
                "input": model.input,
                "macs": table.macs,
                "params": table.params,
            }
        )
    columns = [
        Column("model", figures=False),
        Column("input"),
        Column("MMAC"),
        Column("params M"),
        Column("same as", figures=False),
    ]
    rows = [
        (
            result["model"],
            shape_text(result["input"]),
            mega(result["macs"]),
            mega(result["params"]),
            _as_options(result["family"], result["options"]),
        )
        for result in results
    ]
    grids = [grid("networks (MACs of convolutions and fully connected layers)", columns, rows)]
    if pattern == "*":
        grids.append(_families())
    return results, grids


def _as_options(family: str, options: dict[str, Any]) -> str:
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
