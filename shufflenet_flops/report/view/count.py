"""The layer table of one network, grouped, with shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import repeat

from shufflenet_flops.counting import Convention, Grouping, Table
from shufflenet_flops.counting.metric import MEMORY
from shufflenet_flops.counting.precision import BOPS, PrecisionResult
from shufflenet_flops.counting.result import (
    CountResult,
    KindResult,
    LayerResult,
    TimeResult,
    UnknownOp,
)
from shufflenet_flops.counting.training import TrainingResult
from shufflenet_flops.peak.result import PeakResult
from shufflenet_flops.report.grid import Grid, milliseconds, scale_within, with_notes
from shufflenet_flops.report.view.lines import (
    OF_GROUPS,
    ROOT,
    LayerView,
    Line,
    group_grid,
    layer_grid,
    line_grid,
)
from shufflenet_flops.report.view.peak import peak_grids
from shufflenet_flops.sources import Source
from shufflenet_flops.sources.source import Counted


def count_result(
    source: Source,
    convention: Convention,
    peak: PeakResult | None = None,
    training: tuple[Counted, TrainingResult] | None = None,
    time: tuple[TimeResult, tuple[float, ...]] | None = None,
) -> CountResult:
    """The result of `count`; shares are of the convention's total.

    With `training`, the rows are of its forward pass, in training mode. With `time` each row has
    its seconds.
    """
    timed, times = time or (None, repeat(None))
    counted, step = training or (source.counted, None)
    table = counted.table
    total = table.total(convention)
    return CountResult(
        model=source.name,
        source=source.origin,
        input=source.first_shape,
        inputs=tuple(map(str, source.inputs)),
        total=total,
        unit=convention.unit,
        macs=table.macs,
        flops=table.flops,
        params=counted.params,
        activations=table.activations,
        memory_bytes=table.memory_bytes,
        by_kind={
            kind: KindResult(
                part.macs, part.params, part.total(convention) / total if total else 0.0
            )
            for kind, part in table.by("kind").items()
        },
        rows=tuple(map(LayerResult.of, table.rows, times)),
        unknown_ops=tuple(UnknownOp(op, calls) for op, calls in counted.unknown_ops.items()),
        real_forward=counted.real_forward,
        specified=source.network is not None,
        real_because=counted.real_because,
        peak=peak,
        training=step,
        time=timed,
    )


def count_grids(
    result: CountResult, convention: Convention, by: Grouping, view: LayerView | None = None
) -> list[Grid]:
    """The table grouped as asked, unless each layer is shown the shares by kind, and the peak.

    Raises UnknownNameError or InputError for what `view` asks for and there is not.
    """
    title = f"{result.model} on {' '.join(result.inputs)}"
    return [
        *_table_grids(title, result, convention, by, view),
        *count_peak(result),
    ]


def count_peak(result: CountResult) -> list[Grid]:
    """The tables of the peak memory, where that was asked for."""
    title = f"{result.model} on {' '.join(result.inputs)}"
    if result.peak is None:
        return []
    return peak_grids(title, result.peak, specified=result.specified)


def _table_grids(
    title: str, result: CountResult, convention: Convention, by: Grouping, view: LayerView | None
) -> list[Grid]:
    table = result.table
    notes = count_notes(result, convention)
    if by == "layer":
        return [with_notes(layer_grid(title, table, convention, view), notes)]
    kinds = dict(sorted(table.by("kind").items(), key=lambda item: -item[1].total(convention)))
    if by == "kind":
        return [group_grid(title, "kind", kinds, table, convention, notes, view)]
    first = (
        stage_grid(title, table, convention, view)
        if by == "stage"
        else group_grid(title, by, table.by(by), table, convention, (), view)
    )
    unit = LayerView(zeros=True, unit=view.unit if view else "M")
    return [first, group_grid("by kind", "kind", kinds, table, convention, notes, unit)]


def memory_text(size: int, digits: int) -> str:
    """Bytes in MB, `104.59 MB`, or in less for a tiny network."""
    scale = scale_within(MEMORY.scale[0], digits, size)
    return f"{scale(size)} {scale.prefix}B"


def count_notes(result: CountResult, convention: Convention) -> list[str]:
    """What the count is under which convention, what else was counted, and what was not."""
    table = result.table
    unused = result.params - table.params
    precision = " in fp32" if result.specified else ""
    notes = [
        f"{table.total(convention):,} {convention.unit}s under `{convention.name}`: "
        f"{convention.meaning}",
        f"{result.params:,} parameters{f' ({unused:,} of them unused)' if unused else ''}; "
        f"{table.activations:,} activations; "
        f"{memory_text(table.memory_bytes, 2)} of memory access{precision}, nothing cached",
    ]
    if not result.specified:
        notes.append(f"counted from: {result.source}")
    if result.precision is not None:
        notes.append(_at_precision(result.precision))
    if result.time is not None:
        notes += time_notes(result.time)
    return notes + count_caveats(result)


def time_notes(time: TimeResult) -> list[str]:
    """What the predicted time is, from which calibration, and how far it can be trusted."""
    interval = ""
    if time.low_s is not None and time.high_s is not None:
        interval = f" (90 % of the like take {milliseconds(time.low_s)} to "
        interval += f"{milliseconds(time.high_s)} ms)"
    notes = [
        f"predicted: {milliseconds(time.predicted_s)} ms for one run on {time.engine}{interval}, "
        f"from {time.calibration}",
        "what the engine runs within a layer, such as its norm and activation, is in that layer's "
        "time",
    ]
    if time.uncovered:
        notes.append(
            f"guessed, because no kernel like it was measured: {'; '.join(time.uncovered)}; "
            f"{100 * time.covered:.1f} % of the time is of kernels like those measured"
        )
    return notes + [f"warning: {doubt}" for doubt in time.doubts]


def _at_precision(precision: PrecisionResult) -> str:
    return (
        f"at {precision.weight_bits} bits a weight and {precision.activation_bits} an activation: "
        f"{precision.bops:,} BOPs ({BOPS}), {memory_text(precision.weight_bytes, 2)} of weights, "
        f"{memory_text(precision.activation_bytes, 2)} of activations"
    )


def count_caveats(result: CountResult) -> list[str]:
    """What one count leaves out, and what had to run for it."""
    unknown_ops = {unknown.op: unknown.calls for unknown in result.unknown_ops}
    return caveats(unknown_ops, result.real_because if result.real_forward else None)


def caveats(unknown_ops: Mapping[str, int], real_because: str | None) -> list[str]:
    """Sentences on what a count leaves out, and on what had to run for it."""
    sentences = []
    if unknown_ops:
        ops = ", ".join(f"{op} x{calls}" for op, calls in unknown_ops.items())
        sentences.append(f"NOT COUNTED, because unknown: {ops}")
        ways = {_kind(op): _way_out(op) for op in reversed(list(unknown_ops))}
        sentences += filter(None, ways.values())  # the first of each kind
    if real_because is not None:
        reason = f", because {real_because}" if real_because else ""  # of results saved before
        sentences.append(f"a real forward pass was run{reason}")
    return sentences


_SHAPE, _SENTENCE = " on a shape that ", ", wh"


def _kind(unknown: str) -> str:
    """What one way out is good for."""
    return next((mark for mark in (_SENTENCE, _SHAPE, " ") if mark in unknown), "")


def _way_out(unknown: str) -> str:
    """What to do about an op that is not counted; nothing where what it is says that."""
    if _SENTENCE in unknown:  # as in: BeamSearch, which runs its decoder until values end it
        return ""
    if _SHAPE in unknown:  # of an ONNX file
        return "to count what a shape hangs on, declare that shape in the file (graph.value_info)"
    op, space, _ = unknown.partition(" ")
    if op == "the":  # work of another thread or process
        return "to count it, let forward do the work itself, or start the thread that does it"
    if space:  # as in: aten.mul of tensors that are not dense
        return f"to count {op} here, run it on dense tensors (x.to_dense()): formulas are for these"
    if op.rpartition(".")[2][:1].isupper():  # of an ONNX file, which takes no rules
        return ""
    return (
        "to count it, write in a file for --rules: "
        f"@shufflenet_flops.rule(torch.ops.{op}) above a function that gives its MACs "
        "(docs/add-an-op.md)"
    )


def stage_grid(
    title: str, table: Table, convention: Convention, view: LayerView | None = None
) -> Grid:
    """A tree: each stage, and in it the kinds of layer that count, with bars of their shares."""
    stages = table.by("stage")
    longest = max((part.total(convention) for part in stages.values()), default=0) or 1
    lines = [
        Line(name, part, bar=part.total(convention) / longest)
        for stage, whole in stages.items()
        for name, part in _branch(stage or ROOT, whole, convention).items()
    ]
    view = replace(view or LayerView(), zeros=True)
    return line_grid(title, "stage", lines, table, convention, view, OF_GROUPS)


def _branch(stage: str, whole: Table, convention: Convention) -> dict[str, Table]:
    """A stage, and below it its kinds of layer."""
    kinds = _branches(whole, convention)
    return {stage: whole} | {
        f"{'└' if i == len(kinds) else '├'} {kind}": part
        for i, (kind, part) in enumerate(kinds.items(), start=1)
    }


def _branches(stage: Table, convention: Convention) -> dict[str, Table]:
    """The kinds of layer of a stage that count for something, and all others in one."""
    kinds = stage.by("kind")
    counted = {kind: part for kind, part in kinds.items() if part.total(convention)}
    if len(kinds) == 1 or not counted:
        return {}
    rest = [i for i, row in enumerate(stage.rows) if row.kind.value not in counted]
    ordered = dict(sorted(counted.items(), key=lambda item: -item[1].total(convention)))
    return ordered | ({"other layers": stage.at(rest)} if rest else {})
