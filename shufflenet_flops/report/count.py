"""The layer table of one network, grouped, with shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.count import Convention, Grouping, Row, Table
from shufflenet_flops.report.grid import Column, Grid, grid, mega, mega_or_dash, percent
from shufflenet_flops.spec import shape_text
from shufflenet_flops.zoo import Model


def count_result(model: Model, table: Table, convention: Convention) -> dict[str, Any]:
    """The JSON result of `count`; shares are of the convention's total."""
    total = table.total(convention)
    return {
        "model": model.name,
        "input": model.input,
        "total": total,
        "unit": convention.unit,
        "macs": table.macs,
        "flops": table.flops,
        "params": table.params,
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
        "unknown_ops": [],
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


def count_grids(model: Model, table: Table, convention: Convention, by: Grouping) -> list[Grid]:
    """The table grouped as asked, then, unless that is it, the shares by kind."""
    title = f"{model.name} on {shape_text(model.input)}"
    notes = [
        f"{table.total(convention):,} {convention.unit}s under `{convention.name}`: "
        f"{convention.meaning}",
        f"{table.params:,} parameters; {table.activations:,} activations; "
        f"{mega(table.memory_bytes, 2)} MB of memory access in fp32, nothing cached",
    ]
    kinds = dict(sorted(table.by("kind").items(), key=lambda item: -item[1].total(convention)))
    if by == "kind":
        return [_groups(title, "kind", kinds, table, convention, notes)]
    first = (
        _layers(title, table, convention)
        if by == "layer"
        else _groups(title, by, table.by(by), table, convention)
    )
    return [first, _groups("by kind", "kind", kinds, table, convention, notes)]


def _groups(
    title: str,
    by: str,
    groups: Mapping[str, Table],
    whole: Table,
    convention: Convention,
    notes: Sequence[str] = (),
) -> Grid:
    total = whole.total(convention)
    columns = [
        Column(by, figures=False),
        Column(f"M{convention.unit}"),
        Column("share"),
        Column("params"),
        Column("share"),
        Column("activations k"),
        Column("memory MB"),
    ]
    rows = [
        (
            name,
            mega_or_dash(part.total(convention)),
            percent(part.total(convention), total),
            f"{part.params:,}" if part.params else "–",
            percent(part.params, whole.params),
            f"{part.activations / 1e3:,.1f}" if part.activations else "–",
            mega(part.memory_bytes, 2),
        )
        for name, part in (*groups.items(), ("total", whole))
    ]
    return grid(title, columns, rows, notes)


def _layers(title: str, table: Table, convention: Convention) -> Grid:
    total = table.total(convention)
    columns = [
        Column("layer", figures=False),
        Column("kind", figures=False),
        Column("output"),
        Column("kernel"),
        Column("stride"),
        Column("groups"),
        Column(f"M{convention.unit}"),
        Column("share"),
        Column("params"),
    ]
    rows = [
        (
            row.path,
            row.kind.value,
            shape_text(row.output),
            shape_text(row.kernel) if row.kernel else "",
            str(row.stride[0]) if row.stride else "",
            str(row.groups or ""),
            mega_or_dash(convention.total(row.counts)),
            percent(convention.total(row.counts), total),
            f"{row.params:,}" if row.params else "–",
        )
        for row in table.rows
    ]
    return grid(title, columns, rows)
