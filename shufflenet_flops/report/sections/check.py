"""Whether models stay within their budgets."""

from __future__ import annotations

from shufflenet_flops.budget.verdict import Report, Verdict
from shufflenet_flops.counting.amount import figure
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.saved import Saved, structured
from shufflenet_flops.report.section import Picture, Section
from shufflenet_flops.report.view.budget import label, row_cells, summary

MOST_BARS = 30  # those nearest to their limits, or over them
_COLOURS = {"used": "#0072B2", "over the limit": "#D55E00"}


def section(saved: Saved) -> Section:
    """Every verdict, what failed first, and how much of each limit is used."""
    verdicts = [structured(Verdict, one, f"results[{i}]") for i, one in enumerate(saved.results)]
    verdicts.sort(key=lambda one: one.passed)
    report = Report(tuple(verdicts))
    timed = any(one.metric == "latency" for one in verdicts)
    return Section(
        name="check",
        question="Are the models within their budgets?",
        findings=(f"{summary(report)}.", *_nearest(verdicts), *_failures(verdicts)),
        grids=(_grid(verdicts),),
        pictures=tuple(_picture(verdicts)),
        details=tuple(_layers(one) for one in verdicts if one.top_rows and not one.passed),
        convention="Each limit's own, as its row says; a limit without one is under `paper`.",
        environment=saved.environment if timed else None,
    )


def _used(one: Verdict) -> float | None:
    """How much of the limit is used, as a share of it."""
    return one.actual / one.limit if one.actual is not None and one.limit else None


def _nearest(verdicts: list[Verdict]) -> list[str]:
    used = {f"{one.model} {one.metric}": _used(one) for one in verdicts if one.passed}
    known = {name: share for name, share in used.items() if share is not None}
    if not known:
        return []
    name = max(known, key=known.__getitem__)
    return [f"Of those that pass, {name} is nearest to its limit: {100 * known[name]:.2f} % of it."]


def _failures(verdicts: list[Verdict]) -> list[str]:
    return [f"{one.model} {one.metric}: {one.message}." for one in verdicts if not one.passed]


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
    rows = []
    for one in verdicts:
        used = _used(one)
        share = f"{100 * used:.2f} %" if used is not None else "–"
        place = one.convention or "–"
        rows.append((label(one), one.model, one.metric, one.message, share, place, one.reason))
    return grid("verdicts", columns, rows)


def _picture(verdicts: list[Verdict]) -> list[Picture]:
    shares = {f"{one.model}, {one.metric}": _used(one) for one in verdicts}
    known = {name: 100 * share for name, share in shares.items() if share is not None}
    used = {name: known[name] for name in sorted(known, key=lambda one: -known[one])[:MOST_BARS]}
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


def _layers(one: Verdict) -> Grid:
    """The layers behind a verdict that did not pass."""
    columns = [
        Column("difference"),
        Column("layer", figures=False),
        Column("change", figures=False),
        Column("now"),
    ]
    rows: list[list[Cell | str]] = [
        [*row_cells(row), figure(row.metric, row.amount)] for row in one.top_rows
    ]
    more = [f"{one.more_rows} other layers"] if one.more_rows else []
    return grid(f"layers behind {one.model}, {one.metric}", columns, rows, [*more, one.hint])
