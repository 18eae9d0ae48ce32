"""The layer table of one network, grouped, with shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shufflenet_flops.counting import Convention, Grouping, Kind, Row, Table
from shufflenet_flops.counting.metric import ACTIVATIONS, MACS, MEMORY
from shufflenet_flops.report.grid import Cell, Column, Grid, Scale, grid, percent, scale_within
from shufflenet_flops.sources import Counted, Source
from shufflenet_flops.spec import OpClass, shape_text

ROOT = "(model)"  # what the outermost module does itself, which has no path


def count_result(source: Source, convention: Convention) -> dict[str, Any]:
    """The JSON result of `count`; shares are of the convention's total.

    `input` is the shape of the first input, `inputs` all of them as the command line takes them.
    """
    counted = source.counted
    table = counted.table
    total = table.total(convention)
    return {
        "model": source.name,
        "source": source.origin,
        "input": source.inputs[0].shape,
        "inputs": [str(one) for one in source.inputs],
        "total": total,
        "unit": convention.unit,
        "macs": table.macs,
        "flops": table.flops,
        "params": counted.params,
        "activations": table.activations,
        "memory_bytes": table.memory_bytes,
        "by_kind": {
            kind: {
                "macs": part.macs,
                "params": part.params,
                "share": part.total(convention) / total if total else 0.0,
            }
            for kind, part in table.by("kind").items()
        },
        "rows": [_row_record(row) for row in table.rows],
        "unknown_ops": [{"op": op, "calls": calls} for op, calls in counted.unknown_ops.items()],
        "real_forward": counted.real_forward,
    }


def _row_record(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "op": row.op,
        "kind": row.kind.value,
        "inputs": [shape_text(shape) for shape in row.inputs],
        "output": row.output,
        "kernel": row.kernel,
        "stride": row.stride,
        "groups": row.groups,
        "macs": row.macs,
        "params": row.params,
        "activations": row.activations,
        "read_bytes": row.read_bytes,
        "write_bytes": row.write_bytes,
        "counts": {op_class.value: amount for op_class, amount in row.counts.items()},
    }


def table_from(result: Mapping[str, Any]) -> Table:
    """The table whose `count_result` is `result`."""
    return Table(tuple(_row_from(record) for record in result["rows"]))


def _row_from(record: Mapping[str, Any]) -> Row:
    def sizes(key: str) -> tuple[int, ...] | None:
        return None if record[key] is None else tuple(record[key])

    return Row(
        path=record["path"],
        op=record["op"],
        kind=Kind(record["kind"]),
        inputs=tuple(tuple(map(int, filter(None, shape.split("x")))) for shape in record["inputs"]),
        output=tuple(record["output"]),
        counts={OpClass(name): amount for name, amount in record["counts"].items()},
        params=record["params"],
        read_bytes=record["read_bytes"],
        write_bytes=record["write_bytes"],
        kernel=sizes("kernel"),
        stride=sizes("stride"),
        groups=record["groups"],
    )


def count_grids(source: Source, convention: Convention, by: Grouping) -> list[Grid]:
    """The table grouped as asked, then, unless that is it, the shares by kind."""
    title = f"{source.name} on {' '.join(map(str, source.inputs))}"
    table = source.counted.table
    notes = _notes(source, source.counted, convention)
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

    count: Scale
    activations: Scale
    memory: Scale


def _scales(table: Table, convention: Convention) -> _Scales:
    return _Scales(
        scale_within(*MACS.scale, table.total(convention)),
        scale_within(*ACTIVATIONS.scale, table.activations),
        scale_within(*MEMORY.scale, table.memory_bytes),
    )


def _or_dash(value: int, scale: Scale) -> str:
    """A dash for none at all, which is not the same as a little."""
    return scale(value) if value else "–"


def memory_text(size: int, digits: int) -> str:
    """Bytes in MB, `104.59 MB`, or in less for a tiny network."""
    scale = scale_within(MEMORY.scale[0], digits, size)
    return f"{scale(size)} {scale.prefix}B"


def _notes(source: Source, counted: Counted, convention: Convention) -> list[str]:
    table = counted.table
    unused = counted.params - table.params
    precision = " in fp32" if source.network else ""
    notes = [
        f"{table.total(convention):,} {convention.unit}s under `{convention.name}`: "
        f"{convention.meaning}",
        f"{counted.params:,} parameters{f' ({unused:,} of them unused)' if unused else ''}; "
        f"{table.activations:,} activations; "
        f"{memory_text(table.memory_bytes, 2)} of memory access{precision}, nothing cached",
    ]
    if source.network is None:
        notes.append(f"counted from: {source.origin}")
    return notes + caveats(counted.unknown_ops, real_forward=counted.real_forward)


def caveats(unknown_ops: Mapping[str, int], *, real_forward: bool) -> list[str]:
    """Sentences on what a count leaves out, and on what had to run for it."""
    found = []
    if unknown_ops:
        ops = ", ".join(f"{op} x{calls}" for op, calls in unknown_ops.items())
        found.append(f"NOT COUNTED, because unknown: {ops}")
    if real_forward:
        found.append("a real forward pass was run, because control flow asked for values")
    return found


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
            (*_figures(name, one, table, convention, scales), _bar(one, convention, longest))
            for name, one in lines.items()
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
