"""What `count` found about one model, as its JSON has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shufflenet_flops.counting.precision import PrecisionResult
from shufflenet_flops.counting.row import IntShape, Kind, Row
from shufflenet_flops.counting.table import Table
from shufflenet_flops.counting.training import TrainingResult
from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.peak.result import PeakResult
from shufflenet_flops.saved import Count, given_with
from shufflenet_flops.spec import OpClass, shape_text

_SHAPE = re.compile(r"([0-9]{1,19}(x[0-9]{1,19})*)?")


@dataclass(frozen=True)
class LayerResult:
    """One row of the layer table; `inputs` are shapes as text, such as `1x3x224x224`.

    `time_s` are the predicted seconds of what an engine runs for it, where they were asked for.
    """

    path: str
    op: str
    kind: Kind
    inputs: tuple[str, ...]
    output: IntShape
    kernel: IntShape | None
    stride: IntShape | None
    groups: Count | None
    macs: Count
    params: Count
    activations: Count
    read_bytes: Count
    write_bytes: Count
    counts: Mapping[OpClass, Count]
    time_s: float | None = field(default=None, metadata=given_with("time_s"))

    def __post_init__(self) -> None:
        for text in self.inputs:
            if not _SHAPE.fullmatch(text):
                raise InputError(f"{shown(text)} is no shape, such as 1x3x224x224")

    @classmethod
    def of(cls, row: Row, time_s: float | None = None) -> LayerResult:
        """The row without what only counters ask for."""
        return cls(
            path=row.path,
            op=row.op,
            kind=row.kind,
            inputs=tuple(map(shape_text, row.inputs)),
            output=row.output,
            kernel=row.kernel,
            stride=row.stride,
            groups=row.groups,
            macs=row.macs,
            params=row.params,
            activations=row.activations,
            read_bytes=row.read_bytes,
            write_bytes=row.write_bytes,
            counts=row.counts,
            time_s=time_s,
        )

    @property
    def row(self) -> Row:
        """The row of a table."""
        return Row(
            path=self.path,
            op=self.op,
            kind=self.kind,
            inputs=tuple(tuple(map(int, filter(None, text.split("x")))) for text in self.inputs),
            output=self.output,
            counts=self.counts,
            params=self.params,
            read_bytes=self.read_bytes,
            write_bytes=self.write_bytes,
            kernel=self.kernel,
            stride=self.stride,
            groups=self.groups,
        )


def norms_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The kinds of norms among the rows, such as `batch_norm`, in order of first appearance."""
    return tuple(dict.fromkeys(row.op for row in rows if row.kind is Kind.NORM))


@dataclass(frozen=True)
class KindResult:
    """The layers of one kind together; `share` is of the convention's total."""

    macs: Count
    params: Count
    share: float


@dataclass(frozen=True)
class UnknownOp:
    """An op without a rule, which is not counted, and how often it runs."""

    op: str
    calls: Count


@dataclass(frozen=True)
class TimeResult:
    """How long one run takes on an engine, in seconds, predicted from its calibration.

    `low_s` and `high_s` are a 90 % interval, None where unknown; `covered` is the share of the time
    of kernels like those that were measured, and `uncovered` names the others. `doubts` tell in
    what this machine differs from the calibration's.
    """

    engine: str
    calibration: str
    predicted_s: float
    low_s: float | None
    high_s: float | None
    covered: float
    uncovered: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class CountResult:
    """One model on its inputs; `total` is under the convention that was asked for, in its `unit`.

    `input` is the shape of the first input (batch first), `inputs` all of them as the command line
    takes them. `params` counts every parameter once, used or not. `specified` tells that the rows
    are those of a spec, and not of a trace or a graph. `peak`, `training`, `precision`
    and `time` are there where they were asked for.
    """

    model: str
    source: str
    input: IntShape
    inputs: tuple[str, ...]
    total: Count
    unit: str
    macs: Count
    flops: Count
    params: Count
    activations: Count
    memory_bytes: Count
    by_kind: Mapping[str, KindResult]
    rows: tuple[LayerResult, ...]
    unknown_ops: tuple[UnknownOp, ...]
    real_forward: bool
    specified: bool = False
    real_because: str = ""
    peak: PeakResult | None = field(default=None, metadata=given_with("peak"))
    training: TrainingResult | None = field(default=None, metadata=given_with("training"))
    precision: PrecisionResult | None = field(default=None, metadata=given_with("precision"))
    time: TimeResult | None = field(default=None, metadata=given_with("time"))

    @cached_property
    def table(self) -> Table:
        """The rows as a table, with their times where all have one."""
        times = tuple(layer.time_s for layer in self.rows if layer.time_s is not None)
        rows = tuple(layer.row for layer in self.rows)
        return Table(rows, times if len(times) == len(rows) else ())
