"""Tables of `latency`: times with theory beside practice, Table 8, layers, and two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shufflenet_flops.counting.metric import MACS
from shufflenet_flops.errors import plural
from shufflenet_flops.latency.agreement import LIMITS
from shufflenet_flops.latency.measure import Pair, Timing
from shufflenet_flops.latency.roofline import Peaks
from shufflenet_flops.latency.saved import RunChange
from shufflenet_flops.latency.stats import Latency
from shufflenet_flops.paper.table8_times import Against, paper_ms, per_4x
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega, milliseconds, with_notes
from shufflenet_flops.saved import record
from shufflenet_flops.spec import shape_text

_NO_LISTS = ("samples_s", "pairs", "layers", "peaks")


def records(rows: Sequence[Timing]) -> list[dict[str, Any]]:
    """Lines of the CSV: everything but samples, pairs and layers."""
    return [
        {key: value for key, value in record(row).items() if key not in _NO_LISTS} for row in rows
    ]


def latencies(rows: Sequence[Timing]) -> dict[str, Latency]:
    """The measured rows as statistics, by label, and input where there are several."""
    several = len({row.inputs for row in rows}) > 1
    return {
        row.label + (f" at {shape_text(row.input)}" if several else ""): Latency(
            row.median_s, row.q1_s, row.q3_s, len(row.samples_s), row.samples_s
        )
        for row in rows
        if row.median_s is not None and row.q1_s is not None and row.q3_s is not None
    }


def latency_grids(rows: Sequence[Timing], stamp: str, doubts: Sequence[str] = ()) -> list[Grid]:
    """One table per input, engines apart, with what is said of all of them under the last."""
    if not rows:
        return []
    by_input: dict[tuple[str, ...], list[Timing]] = {}
    for row in rows:
        by_input.setdefault(row.inputs, []).append(row)
    grids = [_input_grid(group) for group in by_input.values()]
    notes = [
        *_legend(rows),
        _peaks(rows[0].peaks),
        *(f"warning: {doubt}" for doubt in doubts),
        stamp,
    ]
    return [*grids[:-1], with_notes(grids[-1], notes)]


def _input_grid(rows: Sequence[Timing]) -> Grid:
    first = rows[0]
    base = first.model
    columns = [
        Column("engine", figures=False),
        Column("model", figures=False),
        Column(f"{MACS.scaled('M')}\n"),
        Column("MB\n"),
        Column("median\nms"),
        Column("quartiles\nms"),
        Column("GFLOP/s\n"),
        Column("of peak\n"),
        Column("MACs\nratio"),
        Column("time\nratio"),
        Column("95 %\ninterval"),
        Column("relative\nerror"),
    ]
    engines = list(dict.fromkeys(row.engine for row in rows))
    base_macs = first.macs
    fastest = min((row.median_s for row in rows if row.median_s), default=None)
    lines = [
        _line(row, base, base_macs, fastest)
        for engine in engines
        for row in rows
        if row.engine == engine
    ]
    title = (
        f"input {' '.join(first.inputs)}, {first.dtype}, "
        f"{plural(first.threads, 'thread')}, {first.device}"
        + (", partial: interrupted" if any(row.partial for row in rows) else "")
    )
    notes = [f"{row.label} failed: {row.reason}" for row in rows if row.status != "ok"]
    if len({row.model for row in rows}) > 1:
        notes.append(f"ratios: to {base} on the same engine")
    return grid(title, columns, lines, notes)


def _line(row: Timing, base: str, base_macs: int, fastest: float | None) -> list[Cell | str]:
    head: list[Cell | str] = [row.engine, row.model, mega(row.macs), mega(row.memory_bytes, 2)]
    if row.median_s is None or row.q1_s is None or row.q3_s is None:
        return [*head, "failed", *["–"] * 6, _error(row)]
    pair = next((pair for pair in row.pairs if pair.b == f"{base} on {row.engine}"), None)
    return [
        *head,
        Cell(milliseconds(row.median_s), best=row.median_s == fastest),
        f"{milliseconds(row.q1_s)} to {milliseconds(row.q3_s)}",
        f"{(row.flop_per_s or 0) / 1e9:.1f}",
        f"{row.peak_share or 0:.0%}",
        f"{row.macs / base_macs:.2f}" if base_macs else "–",
        f"{pair.ratio:.2f}" if pair else "–",
        interval(pair) if pair else "–",
        _error(row),
    ]


def _error(row: Timing) -> str:
    return "–" if row.max_rel_error is None else f"{row.max_rel_error:.0e}"


def _legend(rows: Sequence[Timing]) -> list[str]:
    dtypes = sorted({row.dtype for row in rows})
    limits = ", ".join(f"{LIMITS[dtype]:.0e} in {dtype}" for dtype in dtypes)
    blunt = [row.label for row in rows if row.moved is not None and row.moved <= LIMITS[row.dtype]]
    notes = [
        "* fastest; time ratio: the median over rounds, with a 95 % bootstrap interval; = where it "
        "holds 1, so there is no clear difference",
        "column error: the largest absolute difference to eager's fp32 output over that output's "
        "largest, "
        f"limit {limits}; MB: memory access in fp32, nothing cached",
        "GFLOP/s: two FLOP per MAC",
    ]
    if blunt:
        notes.append(
            f"the output hardly depends on the input, so that agreement says little: "
            f"{', '.join(blunt)}"
        )
    return notes


def _peaks(peaks: Peaks) -> str:
    fastest = max(rate for _, rate in peaks.copies)
    return (
        f"peaks measured in this run: {peaks.flop_per_s / 1e9:.1f} GFLOP/s in a matrix product; "
        f"copies read and write {peaks.bytes_per_s / 1e9:.1f} GB/s in memory, up to "
        f"{fastest / 1e9:.1f} GB/s in the caches"
    )


def table8_grids(quotients: Sequence[Against], rows: Sequence[Timing]) -> list[Grid]:
    """The paper's ratios beside ours, and its milliseconds beside ours, an engine per column."""
    engines = list(dict.fromkeys(row.engine for row in rows))
    ratios = grid(
        "ShuffleNet V1, Table 8: ratios of times, each with its 95 % interval",
        [
            Column("ratio", figures=False),
            Column("input"),
            Column("MACs"),
            Column("paper"),
            *(Column(engine) for engine in engines),
        ],
        [_ratio_line(quotient, engines) for quotient in quotients]
        + [
            _ratio_line(per_4x(quotient), engines)
            for quotient in quotients
            if quotient.a.startswith("shufflenet") and quotient.b.startswith("shufflenet")
        ],
        [
            "per 4x: the ratio as it would be for exactly 4 times the MACs, 4^(ln t / ln f); the "
            "paper says about 2.6",
            "the paper's times are of one core of a Snapdragon 820; AlexNet is the single tower of "
            "714 MMAC at 224x224",
        ],
    )
    times = {(row.model, row.input[2:], row.engine): row.median_s for row in rows}
    lines = []
    for model, size in dict.fromkeys((row.model, row.input[2:]) for row in rows):
        ours = (times.get((model, size, engine)) for engine in engines)
        lines.append(
            [
                model,
                shape_text(size),
                f"{paper_ms(model, (size[0], size[1])):,.1f}",
                *("–" if seconds is None else milliseconds(seconds) for seconds in ours),
            ]
        )
    milliseconds_grid = grid(
        "ShuffleNet V1, Table 8: median milliseconds",
        [
            Column("model", figures=False),
            Column("input"),
            Column("paper"),
            *(Column(engine) for engine in engines),
        ],
        lines,
    )
    return [ratios, milliseconds_grid]


def _ratio_line(quotient: Against, engines: Sequence[str]) -> list[str]:
    ours = (quotient.ours.get(engine) for engine in engines)
    return [
        f"{quotient.a} / {quotient.b}" + (", per 4x" if quotient.per_4x else ""),
        shape_text(quotient.size),
        f"{quotient.theory:.2f}",
        f"{quotient.paper:.2f}",
        *(f"{pair.ratio:.2f} ({interval(pair)})" if pair else "–" for pair in ours),
    ]


def change_notes(differences: Sequence[str], missing: Sequence[str]) -> list[str]:
    """What is to be known of two runs: where their environments differ, rows of one alone."""
    notes = []
    if differences:
        notes.append(f"warning: the runs are of unlike environments: {', '.join(differences)}")
    if missing:
        notes.append(f"in one run only: {', '.join(missing)}")
    return notes


def change_grid(changes: Sequence[RunChange], about: Sequence[str]) -> Grid:
    """Two runs side by side, and what is to be known `about` them."""
    within = sum(change.within for change in changes)
    notes = [
        "new over old: ratio of medians with a 95 % bootstrap interval; = where it holds 1, so "
        "there is no clear difference",
        f"{within} of {len(changes)} rows have medians within each other's quartiles",
    ]
    if changes and 2 * within <= len(changes):
        notes.append(
            "warning: most medians moved by more than the runs' own spread: the machine is "
            "unstable, or something changed"
        )
    return grid(
        "two runs",
        [
            Column("engine", figures=False),
            Column("model", figures=False),
            Column("input"),
            Column("old ms"),
            Column("new ms"),
            Column("new over old"),
            Column("95 %"),
            Column("within quartiles", figures=False),
        ],
        [
            [
                change.engine,
                change.model,
                shape_text(change.input),
                milliseconds(change.old_s),
                milliseconds(change.new_s),
                f"{change.ratio:.3f}",
                interval(change, digits=3),
                "yes" if change.within else "no",
            ]
            for change in changes
        ],
        [*notes, *about],
    )


def interval(ratio: Pair | RunChange, digits: int = 2) -> str:
    """`11.0–11.4`, with = in front where it holds 1."""
    same = "= " if ratio.low <= 1 <= ratio.high else ""
    return f"{same}{ratio.low:.{digits}f}–{ratio.high:.{digits}f}"
