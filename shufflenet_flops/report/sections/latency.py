"""How long models take, and what that has to do with their MACs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.latency.measure import Timing
from shufflenet_flops.latency.warnings import doubts_about
from shufflenet_flops.report.plot.latency import draw_roofline, draw_times
from shufflenet_flops.report.section import Picture, Section, measured_on
from shufflenet_flops.report.view.latency import latencies, latency_grids
from shufflenet_flops.report.view.roofline import layer_grids


def section(saved: Saved) -> Section:
    """Times on every engine, theory beside practice, and the roofline where it was measured.

    The stamp of the environment is under the table, as `latency` has it.
    """
    rows = saved.typed(Timing)
    return Section(
        name="latency",
        question="How long do the models take, and is it the MACs?",
        findings=(*_rates(rows), *_order(rows), *_failures(rows)),
        grids=tuple(
            latency_grids(rows, measured_on(saved.environment), doubts_about(latencies(rows)))
        ),
        pictures=tuple(_pictures(rows)),
        details=tuple(layer_grids(rows)) if any(row.layers for row in rows) else (),
        convention="`paper`, in MACs; GFLOP/s count two floating-point operations for each. Times "
        "are medians over rounds in which every row ran.",
    )


def _measured(rows: Sequence[Timing]) -> list[Timing]:
    return [row for row in rows if row.median_s and row.flop_per_s]


def _rates(rows: Sequence[Timing]) -> list[str]:
    """How far apart the speeds are that models reach on one engine."""
    findings = []
    for engine in dict.fromkeys(row.engine for row in rows):
        ran = sorted(
            (row for row in _measured(rows) if row.engine == engine),
            key=lambda row: row.flop_per_s or 0,
        )
        if len(ran) > 1:
            slow, fast = (row.flop_per_s or 0 for row in (ran[0], ran[-1]))
            least, most = (f"{speed / 1e9:.3g} GFLOP/s" for speed in (slow, fast))
            findings.append(
                f"On {engine} every model gets {most}."
                if least == most
                else f"On {engine} a model gets from {least} ({_place(ran[0], ran)}) to {most} "
                f"({_place(ran[-1], ran)})"
                + (": MACs alone do not tell the time." if fast > 1.5 * slow else ".")
            )
    return findings


def _place(row: Timing, among: Sequence[Timing]) -> str:
    """The row's model, with its inputs where others are of the same model."""
    alone = sum(other.model == row.model for other in among) == 1
    return row.model if alone else f"{row.model} on {', '.join(row.inputs)}"


def _order(rows: Sequence[Timing]) -> list[str]:
    """Pairs of models on the same engine and input whose order by MACs is not that by time."""
    turned = [
        f"{more.model} has more MACs than {fewer.model} and is faster on {more.engine}"
        for a, b in combinations(_measured(rows), 2)
        if (a.engine, a.inputs) == (b.engine, b.inputs) and a.macs != b.macs
        for fewer, more in [sorted((a, b), key=lambda row: row.macs)]
        if (more.q3_s or 0) < (fewer.q1_s or 0)
    ]
    return [f"{'; '.join(turned)}."] if turned else []


def _failures(rows: Sequence[Timing]) -> list[str]:
    return [
        f"{row.model} on {row.engine}: {row.status}, {row.reason}."
        for row in rows
        if row.status != "ok"
    ]


def _pictures(rows: Sequence[Timing]) -> list[Picture]:
    pictures = []
    if _measured(rows):
        shown = "MACs against median time, with quartiles, an engine per colour"
        pictures.append(Picture("times", shown, draw_times(rows)))
    if any(layer.macs and layer.time_s for row in rows for layer in row.layers):
        shown = "Layers of eager mode under the roofs of this machine"
        pictures.append(Picture("roofline", shown, draw_roofline(rows)))
    return pictures
