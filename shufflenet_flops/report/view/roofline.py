"""Eager mode's slowest layers, each beside the bound of the machine."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.counting.metric import MACS
from shufflenet_flops.latency.measure import Timing
from shufflenet_flops.report.grid import Column, Grid, grid, mega, milliseconds
from shufflenet_flops.spec import shape_text

_SLOWEST_LAYERS = 12


def layer_grids(rows: Sequence[Timing]) -> list[Grid]:
    """Eager's slowest layers of each model, with the bound the roofline gives for each."""
    grids = []
    for row in rows:
        if not row.layers:
            continue
        total = sum(layer.time_s for layer in row.layers)
        bound = sum(layer.bound_s for layer in row.layers)
        slowest = sorted(row.layers, key=lambda layer: -layer.time_s)[:_SLOWEST_LAYERS]
        intensity = 2 * row.macs / row.memory_bytes
        lines = [
            [
                layer.path,
                layer.kind,
                mega(layer.macs),
                mega(layer.memory_bytes, 2),
                f"{2 * layer.macs / layer.memory_bytes:.1f}",
                f"{layer.bound_s * 1e6:,.0f}",
                f"{layer.time_s * 1e6:,.0f}",
                f"{layer.time_s / total:.1%}",
            ]
            for layer in slowest
        ]
        kinds: dict[str, float] = {}
        for layer in row.layers:
            kinds[layer.kind] = kinds.get(layer.kind, 0.0) + layer.time_s
        by_kind = ", ".join(
            f"{kind} {seconds / total:.0%}"
            for kind, seconds in sorted(kinds.items(), key=lambda item: -item[1])
        )
        grids.append(
            grid(
                f"roofline of {row.model} on {shape_text(row.input)}: eager's slowest layers",
                [
                    Column("layer", figures=False),
                    Column("kind", figures=False),
                    Column(MACS.scaled("M")),
                    Column("MB"),
                    Column("FLOP/byte"),
                    Column("bound µs"),
                    Column("eager µs"),
                    Column("share"),
                ],
                lines,
                [
                    f"by kind: {by_kind}",
                    f"whole model: {intensity:.1f} FLOP/byte (the ridge is at "
                    f"{row.peaks.ridge:.1f}), bound {milliseconds(bound)} ms layer by layer, "
                    f"{milliseconds(total)} ms in the profiler, "
                    f"{milliseconds(row.median_s or 0)} ms outside it",
                    "bound: the larger of FLOP over peak and bytes over the bandwidth of a copy of "
                    "as many bytes; engines that fuse layers can stay below it",
                ],
            )
        )
    return grids
