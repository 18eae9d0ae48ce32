"""Whether models stay within their budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.budget.verdict import Report, Verdict
from shufflenet_flops.counting.amount import figure
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.section import Picture, Section
from shufflenet_flops.report.view.budget import label, row_cells, summary

MOST_BARS = 30  # those nearest to their limits, or over them
_COLOURS = {"used": "#009E73", "over the limit": "#D55E00"}


def section(saved: Saved) -> Section:
    """Every verdict, what failed first, and how much of each limit is used."""
    return verdicts_section(
        "check",
        "Are the models within their budgets?",
        saved.typed(Verdict),
        saved.environment,
    )


def verdicts_section(
    command: str,
    question: str,
    verdicts: Sequence[Verdict],
    environment: Mapping[str, Any] | None = None,
) -> Section:
    """The verdicts of a command; the environment is of interest where a clock was read."""
    verdicts = sorted(verdicts, key=lambda verdict: verdict.passed)
    report = Report(tuple(verdicts))
    timed = any(verdict.metric == "latency" for verdict in verdicts)
    return Section(
        name=command,
        question=question,
        findings=(f"{summary(report)}.", *_nearest(verdicts), *_failures(verdicts)),
        grids=(_grid(verdicts),),
        pictures=tuple(_picture(verdicts)),
        details=tuple(
            _layers(verdict) for verdict in verdicts if verdict.top_rows and not verdict.passed
        ),
        convention="Each limit's own, as its row says; a limit without one is under `paper`.",
        environment=environment if timed else None,
    )


def _used(verdict: Verdict) -> float | None:
    """How much of the limit is used, as a share of it."""
    return verdict.actual / verdict.limit if verdict.actual is not None and verdict.limit else None


def _nearest(verdicts: list[Verdict]) -> list[str]:
    used = [
        (share, f"{verdict.model} {verdict.metric}")
        for verdict in verdicts
        if verdict.passed and (share := _used(verdict)) is not None
    ]
    if not used:
        return []
    share, name = max(used)
    return [f"Of those that pass, {name} is nearest to its limit: {100 * share:.2f} % of it."]


def _failures(verdicts: list[Verdict]) -> list[str]:
    return [
        f"{verdict.model} {verdict.metric}: {verdict.message}."
        for verdict in verdicts
        if not verdict.passed
    ]


def _grid(verdicts: list[Verdict]) -> Grid:
    columns = [
        Column("state", figures=False),
        Column("model", figures=False),
        Column("metric", figures=False),
        Column("verdict", figures=False),
        Column("used"),
        Column("convention", figures=False),
        Column("reason", figures=False),
    ]
    rows: list[tuple[Cell | str, ...]] = []
    for verdict in verdicts:
        used = _used(verdict)
        share = f"{100 * used:.2f} %" if used is not None else "–"
        place = verdict.convention or "–"
        rows.append(
            (
                Cell(label(verdict), tone="good" if verdict.passed else "bad"),
                verdict.model,
                verdict.metric,
                verdict.message,
                share,
                place,
                verdict.reason,
            )
        )
    return grid("verdicts", columns, rows)


def _picture(verdicts: list[Verdict]) -> list[Picture]:
    shares = {f"{verdict.model}, {verdict.metric}": _used(verdict) for verdict in verdicts}
    known = {name: 100 * share for name, share in shares.items() if share is not None}
    used = {
        name: known[name] for name in sorted(known, key=lambda verdict: -known[verdict])[:MOST_BARS]
    }
    if not used:
        return []
    parts = {
        "used": [min(share, 100.0) for share in used.values()],
        "over the limit": [max(share - 100.0, 0.0) for share in used.values()],
    }
    drawn = draw_stacked(
        list(used),
        {name: values for name, values in parts.items() if any(values)},
        title="how much of each limit is used",
        x_label="% of the limit",
        digits=2,
        colours=_COLOURS,
    )
    return [Picture("limits", "How much of each limit is used, in per cent", drawn)]


def _layers(verdict: Verdict) -> Grid:
    """The layers behind a verdict that did not pass."""
    columns = [
        Column("difference"),
        Column("layer", figures=False),
        Column("change", figures=False),
        Column("now"),
    ]
    rows: list[list[Cell | str]] = [
        [*row_cells(row), figure(row.metric, row.amount)] for row in verdict.top_rows
    ]
    more = [f"{verdict.more_rows} other layers"] if verdict.more_rows else []
    return grid(
        f"layers behind {verdict.model}, {verdict.metric}", columns, rows, [*more, verdict.hint]
    )
