"""Units or whole networks side by side: formula, analytic, traced, and every counter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shufflenet_flops import zoo
from shufflenet_flops.count import CLOSED_FORMS, layer_table
from shufflenet_flops.latency.stats import Latency
from shufflenet_flops.measure.build import build
from shufflenet_flops.measure.counters import COUNTERS, CounterReport, run
from shufflenet_flops.measure.trace import trace
from shufflenet_flops.spec import walk


@dataclass(frozen=True)
class Subject:
    """One thing to compare: a name, a built module in eval mode, and a real input."""

    model: zoo.Model
    module: nn.Module
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class Comparison:
    """Everything known about one unit or model on one input (batch first).

    `formula_macs` is the paper's closed form with the numbers filled in, None where no paper gives
    one. Bytes are fp32 and count every op's inputs, weights and outputs, nothing cached.
    """

    name: str
    unit: str | None
    c: int | None
    m: int | None
    g: int | None
    h: int | None
    w: int | None
    stride: int | None
    input: tuple[int, ...]
    formula: str | None
    formula_macs: int | None
    analytic_macs: int
    traced_macs: int
    params: int
    activations: int
    memory_bytes: int
    counters: Mapping[str, CounterReport]
    unknown_ops: Mapping[str, int]
    latency_s: Latency | None = None


def prepare(model: zoo.Model) -> Subject:
    """Build a zoo model with torch's default weights and a random input.

    The spec is walked first, so that an impossible input is refused before anything is allocated.
    """
    walk(model.spec, model.input)
    return Subject(model, build(model.spec).eval(), (torch.randn(model.input),))


def compare(subject: Subject) -> Comparison:
    """Count one subject from every side; `latency_s` stays None."""
    model = subject.model
    analytic = layer_table(model.spec, model.input)
    traced = trace(subject.module, *subject.inputs)
    counters = {
        counter.name: run(counter, subject.module, subject.inputs, traced) for counter in COUNTERS
    }
    unit, sizes = _unit_sizes(model)
    form = CLOSED_FORMS[unit] if unit and sizes["stride"] == 1 else None
    return Comparison(
        name=unit or model.name,
        unit=unit,
        c=sizes["c"],
        m=sizes["m"],
        g=sizes["g"],
        h=sizes["h"],
        w=sizes["w"],
        stride=sizes["stride"],
        input=model.input,
        formula=form.text if form else None,
        formula_macs=form.macs(*(sizes[name] for name in "cmghw")) if form else None,
        analytic_macs=analytic.macs,
        traced_macs=traced.table.macs,
        params=traced.params,
        activations=analytic.activations,
        memory_bytes=analytic.memory_bytes,
        counters=counters,
        unknown_ops=traced.unknown_ops,
    )


_SIZES = ("c", "m", "g", "h", "w", "stride")


def _unit_sizes(model: zoo.Model) -> tuple[str | None, dict[str, int | None]]:
    """The unit's name and its c, m, g, h, w and stride; all None for a whole network."""
    unit = model.family.removesuffix("_unit")
    if unit == model.family:
        return None, dict.fromkeys(_SIZES)
    options = {
        name: option.default for name, option in zoo.family_options(model.family).items()
    } | dict(model.options)
    if options["m"] is None:
        options["m"] = options["c"] * options["stride"] // 4
    return unit, {"g": 1} | {name: options[name] for name in _SIZES if name in options}
