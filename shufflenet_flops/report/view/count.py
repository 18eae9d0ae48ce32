"""The layer table of one network, grouped, with shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shufflenet_flops.counting import Convention, Grouping, Table
from shufflenet_flops.counting.metric import ACTIVATIONS, MACS, MEMORY
from shufflenet_flops.counting.result import CountResult, KindResult, LayerResult, UnknownOp
from shufflenet_flops.report.grid import Cell, Column, Grid, UnitPrefix, grid, percent, scale_within
from shufflenet_flops.sources import Source
from shufflenet_flops.spec import shape_text

ROOT = "(model)"  # what the outermost module does itself, which has no path


def count_result(source: Source, convention: Convention) -> CountResult:
    """The result of `count`; shares are of the convention's total."""
    counted = source.counted
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
        rows=tuple(map(LayerResult.of, table.rows)),
        unknown_ops=tuple(UnknownOp(op, calls) for op, calls in counted.unknown_ops.items()),
        real_forward=counted.real_forward,
        specified=source.network is not None,
    )


def count_grids(result: CountResult, convention: Convention, by: Grouping) -> list[Grid]:
    """The table grouped as asked, then, unless that is it, the shares by kind."""
    title = f"{result.model} on {' '.join(result.inputs)}"
    table = result.table
    notes = _notes(result, convention)
    kinds = dict(sorted(table.by("kind").items(), key=lambda item: -item[1].total(convention)))
    if by == "kind":
        return [group_grid(title, "kind", kinds, table, convention, notes)]
    match by:
        case "layer":
            first = layer_grid(title, table, convention)
        case "stage":
            first = stage_grid(title, table, convention)
        case _:
            first = group_grid(title, by, table.by(by), table, convention)
    return [first, group_grid("by kind", "kind", kinds, table, convention, notes)]


@dataclass(frozen=True)
class _Scales:
    """In which units a table's figures are: MMAC, thousands and MB, or less for a tiny network."""

    count: UnitPrefix
    activations: UnitPrefix
    memory: UnitPrefix


def _scales(table: Table, convention: Convention) -> _Scales:
    return _Scales(
        scale_within(*MACS.scale, table.total(convention)),
        scale_within(*ACTIVATIONS.scale, table.activations),
        scale_within(*MEMORY.scale, table.memory_bytes),
    )


def _or_dash(value: int, scale: UnitPrefix) -> str:
    """A dash for none at all, which is not the same as a little."""
    return scale(value) if value else "–"


def memory_text(size: int, digits: int) -> str:
    """Bytes in MB, `104.59 MB`, or in less for a tiny network."""
    scale = scale_within(MEMORY.scale[0], digits, size)
    return f"{scale(size)} {scale.prefix}B"


def _notes(result: CountResult, convention: Convention) -> list[str]:
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
    return notes + count_caveats(result)


def count_caveats(result: CountResult) -> list[str]:
    """What one count leaves out, and what had to run for it."""
    unknown_ops = {unknown.op: unknown.calls for unknown in result.unknown_ops}
    return caveats(unknown_ops, real_forward=result.real_forward)


def caveats(unknown_ops: Mapping[str, int], *, real_forward: bool) -> list[str]:
    """Sentences on what a count leaves out, and on what had to run for it."""
    sentences = []
    if unknown_ops:
        ops = ", ".join(f"{op} x{calls}" for op, calls in unknown_ops.items())
        sentences.append(f"NOT COUNTED, because unknown: {ops}")
    if real_forward:
        sentences.append("a real forward pass was run, because control flow asked for values")
    return sentences


def stage_grid(title: str, table: Table, convention: Convention) -> Grid:
    """A tree: each stage, and in it the kinds of layer that count, with bars of their shares."""
    scales = _scales(table, convention)
    columns = [*_columns("stage", convention, scales), Column("", figures=False, bars=True)]
    stages = table.by("stage")
    longest = max((part.total(convention) for part in stages.values()), default=0) or 1
    rows: list[Sequence[Cell | str]] = []
    for stage, part in stages.items():
        branches = _branches(part, convention)
        lines = {stage: part} | {
            f"{'└' if i == len(branches) else '├'} {kind}": inside
            for i, (kind, inside) in enumerate(branches.items(), start=1)
        }
        rows += [
            (*_figures(name, line, table, convention, scales), _bar(line, convention, longest))
            for name, line in lines.items()
        ]
    rows.append((*_figures("total", table, table, convention, scales), Cell("")))
    return grid(title, columns, rows)


def _branches(stage: Table, convention: Convention) -> dict[str, Table]:
    """The kinds of layer of a stage that count for something, and all others in one."""
    kinds = stage.by("kind")
    counted = {kind: part for kind, part in kinds.items() if part.total(convention)}
    if len(kinds) == 1 or not counted:
        return {}
    rest = tuple(row for row in stage.rows if row.kind.value not in counted)
    ordered = dict(sorted(counted.items(), key=lambda item: -item[1].total(convention)))
    return ordered | ({"other layers": Table(rest)} if rest else {})


def _bar(part: Table, convention: Convention, longest: int) -> Cell:
    return Cell("", share=part.total(convention) / longest)


def group_grid(
    title: str,
    by: str,
    groups: Mapping[str, Table],
    whole: Table,
    convention: Convention,
    notes: Sequence[str] = (),
) -> Grid:
    """One row for each of `groups`, by `by`, with shares of the whole."""
    scales = _scales(whole, convention)
    rows = [
        _figures(name, part, whole, convention, scales)
        for name, part in (*groups.items(), ("total", whole))
    ]
    return grid(title, _columns(by, convention, scales), rows, notes)


def _columns(by: str, convention: Convention, scales: _Scales) -> list[Column]:
    return [
        Column(by, figures=False),
        Column(f"{scales.count.prefix}{convention.unit}"),
        Column("share"),
        Column("params"),
        Column("share"),
        Column(f"activations\n{scales.activations.prefix}".rstrip()),
        Column(f"memory\n{scales.memory.prefix}B"),
    ]


def _figures(
    name: str, part: Table, whole: Table, convention: Convention, scales: _Scales
) -> list[str]:
    count = part.total(convention)
    return [
        name or ROOT,
        _or_dash(count, scales.count),
        percent(count, whole.total(convention)),
        f"{part.params:,}" if part.params else "–",
        percent(part.params, whole.params),
        _or_dash(part.activations, scales.activations),
        scales.memory(part.memory_bytes),
    ]


def layer_grid(title: str, table: Table, convention: Convention) -> Grid:
    """One row for each layer, in the order they run."""
    total = table.total(convention)
    scale = _scales(table, convention).count
    columns = [
        Column("layer", figures=False),
        Column("kind", figures=False),
        Column("output"),
        Column("kernel"),
        Column("stride"),
        Column("groups"),
        Column(f"{scale.prefix}{convention.unit}"),
        Column("share"),
        Column("params"),
    ]
    rows = [
        (
            row.path or ROOT,
            row.kind.value,
            shape_text(row.output),
            shape_text(row.kernel) if row.kernel else "",
            str(row.stride[0]) if row.stride else "",
            str(row.groups or ""),
            _or_dash(convention.total(row.counts), scale),
            percent(convention.total(row.counts), total),
            f"{row.params:,}" if row.params else "–",
        )
        for row in table.rows
    ]
    return grid(title, columns, rows)
