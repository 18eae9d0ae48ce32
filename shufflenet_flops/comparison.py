"""Units or whole networks side by side: formula, analytic, traced, and every counter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from shufflenet_flops import zoo
from shufflenet_flops.counters import CounterReport, compared_counters
from shufflenet_flops.counters.protocol import unavailable
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.counting import CLOSED_FORMS
from shufflenet_flops.counting.result import norms_of
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.case import bytes_needed
from shufflenet_flops.latency.memory import available_bytes
from shufflenet_flops.latency.stats import Latency
from shufflenet_flops.saved import Count, given_with
from shufflenet_flops.sources import Source
from shufflenet_flops.spec.numbers import whole


@dataclass(frozen=True)
class Prepared:
    """One thing to compare: a source with its module in eval mode and real inputs, if it can run.

    The inputs are positional arguments.
    """

    source: Source
    module: nn.Module | None
    inputs: tuple[Any, ...]


@dataclass(frozen=True)
class Comparison:
    """Everything known about one unit or model on its inputs (batch first).

    A unit has its sizes; `model` is its or a network's name, None where units are compared at the
    same sizes. `formula_macs` is the paper's closed form with the numbers filled in, None where no
    paper gives one; `analytic_macs` is None without a spec. What is not traced is counted from its
    graph. Bytes count every op's inputs, weights and outputs, nothing cached; those of a spec are
    fp32. `norms` are the kinds of norms that it has, `stages` the MACs of each stage.
    `training_macs` are those of a training step, under the `training` convention, where they were
    asked for.
    """

    model: str | None = field(metadata=given_with("model"))
    source: str
    unit: str | None = field(metadata=given_with("unit"))
    c: Count | None = field(metadata=given_with("unit"))
    m: Count | None = field(metadata=given_with("unit"))
    g: Count | None = field(metadata=given_with("unit"))
    h: Count | None = field(metadata=given_with("unit"))
    w: Count | None = field(metadata=given_with("unit"))
    stride: Count | None = field(metadata=given_with("unit"))
    input: tuple[Count, ...]
    inputs: tuple[str, ...]
    formula: str | None = field(metadata=given_with("unit"))
    formula_macs: Count | None = field(metadata=given_with("unit"))
    analytic_macs: Count | None
    traced_macs: Count
    params: Count
    activations: Count
    memory_bytes: Count
    counters: Mapping[str, CounterReport]
    unknown_ops: Mapping[str, Count]
    real_forward: bool
    latency_s: Latency | None = None
    norms: tuple[str, ...] = ()
    real_because: str = ""
    stages: Mapping[str, Count] = field(default_factory=dict)
    training_macs: Count | None = field(default=None, metadata=given_with("training_macs"))

    @property
    def name(self) -> str:
        """As it was named; that of the unit where several are compared at the same sizes."""
        return str(self.model or self.unit)


def prepare(source: Source) -> Prepared:
    """Build a source's module and its inputs, unless it is read for its graph only.

    It is counted and traced first, so that an impossible input is refused before anything is
    allocated. Raises InputError where the memory of this machine does not hold it.
    """
    if not source.can_run:
        return Prepared(source, None, ())
    check_memory(source)
    source.trace()
    return Prepared(source, source.module(), source.example_inputs())


def check_memory(source: Source) -> None:
    """Raise InputError for a model that needs more memory to run than is available."""
    needed, available = bytes_needed(source), available_bytes()
    if available is not None and needed > available:
        raise InputError(
            f"{source.name}: to run it takes at least {needed / 1e9:,.1f} GB of memory, and "
            f"{available / 1e9:,.1f} GB are available: `count` needs none of it"
        )


def compare(subject: Prepared, *, training: bool = False) -> Comparison:
    """Count one subject from every side; `latency_s` stays None.

    Raises as `Source.step` does where `training` is asked for and cannot be.
    """
    source = subject.source
    traced = source.trace() if source.can_run else source.counted
    model = source.network
    unit, sizes = _unit_sizes(model)
    form = CLOSED_FORMS.get(unit or "") if sizes["stride"] == 1 else None
    return Comparison(
        model=source.name,
        source=source.origin,
        unit=unit,
        c=sizes["c"],
        m=sizes["m"],
        g=sizes["g"],
        h=sizes["h"],
        w=sizes["w"],
        stride=sizes["stride"],
        input=source.first_shape,
        inputs=tuple(map(str, source.inputs)),
        formula=form.text if form else None,
        formula_macs=whole(form.macs(*(sizes[name] or 1 for name in "cmghw"))) if form else None,
        analytic_macs=source.table.macs if model else None,
        traced_macs=traced.table.macs,
        params=traced.params,
        activations=source.table.activations,
        memory_bytes=source.table.memory_bytes,
        counters=_counters(subject),
        unknown_ops=traced.unknown_ops,
        real_forward=traced.real_forward,
        real_because=traced.real_because,
        norms=norms_of(traced.table.rows),
        stages={name: part.macs for name, part in source.table.by("stage").items()},
        training_macs=source.step(ALL)[1].macs if training else None,
    )


def _counters(subject: Prepared) -> dict[str, CounterReport]:
    source = subject.source
    if subject.module is not None:
        return {
            counter.name: run_counter(counter, subject.module, subject.inputs, source.trace())
            for counter in compared_counters()
        }
    return {
        counter.name: unavailable(counter, f"an {source.origin} cannot be run, only counted")
        for counter in compared_counters()
    }


_SIZES = ("c", "m", "g", "h", "w", "stride")


def _unit_sizes(model: zoo.Model | None) -> tuple[str | None, dict[str, int | None]]:
    """The unit's name and its c, m, g, h, w and stride; all None for a whole network."""
    family = zoo.find_family(model.family) if model else None
    if model is None or family is None or family.unit is None:
        return None, dict.fromkeys(_SIZES)
    options = {"m": None, "g": 1, "stride": 1, **family.fill(model.options)}
    return family.unit, {name: options[name] for name in _SIZES}
