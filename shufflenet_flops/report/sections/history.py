"""What models cost over a repository's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shufflenet_flops.budget.history import Step
from shufflenet_flops.counting.amount import difference
from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.plot.figure import COLOURS, draw_lines
from shufflenet_flops.report.section import Picture, Section
from shufflenet_flops.report.view.history import history_grid

MOST_LINES = len(COLOURS)  # in a figure: those of the models that changed most


def section(saved: Saved) -> Section:
    """The steps, a figure for each metric, and which steps made models heavier most."""
    return section_of(saved.typed(Step), saved.notes)


def section_of(steps: Sequence[Step], notes: Sequence[str] = ()) -> Section:
    """The same of steps that are at hand, the oldest first."""
    commits = list(dict.fromkeys(step.commit for step in steps))
    metrics = list(dict.fromkeys(step.metric for step in steps))
    models = {step.model for step in steps}
    return Section(
        name="history",
        question="What did the models cost over time?",
        findings=(
            f"{len(models)} model{'s' * (len(models) != 1)}, {len(commits)} "
            f"commit{'s' * (len(commits) != 1)}.",
            *_heaviest(steps),
        ),
        grids=(history_grid(steps, notes),),
        pictures=tuple(_picture(steps, commits, metric) for metric in metrics)
        if len(commits) > 1
        else (),
        convention="Each model's own, as its budget says.",
    )


def _heaviest(steps: Sequence[Step]) -> Iterator[str]:
    """The step that made some model heavier most, for what conventions count."""
    grown = [
        (step.after - step.before, step)
        for step in steps
        if step.metric in ("macs", "flops") and step.before and step.after
    ]
    for delta, step in sorted(grown, key=lambda pair: -pair[0])[:1]:
        if delta > 0 and step.before:
            by = difference(step.metric, step.before + delta, step.before)
            yield (
                f"The largest step up is {step.model} at {step.commit[:9]}: {by}, "
                f"{step.layer} {step.change}."
            )


def _picture(steps: Sequence[Step], commits: Sequence[str], metric: str) -> Picture:
    lines = _lines(steps, commits, metric)
    known = find_metric(metric)
    return Picture(
        metric,
        f"{known.noun} of {', '.join(lines)}, at each commit that changed a model",
        draw_lines(
            lines,
            title=f"{known.noun} over {len(commits)} commits",
            x_label="commit that changed a model",
            y_label=known.axis("M"),
        ),
    )


def _lines(
    steps: Sequence[Step], commits: Sequence[str], metric: str
) -> Mapping[str, Sequence[tuple[float, float]]]:
    """The points of the models that changed most, in millions; each goes on to the last commit."""
    place = {commit: i + 1 for i, commit in enumerate(commits)}
    values: dict[str, dict[int, int]] = {}
    for step in steps:
        if step.metric == metric and step.after is not None:
            values.setdefault(step.model, {})[place[step.commit]] = step.after
    removed = {step.model: place[step.commit] for step in steps if step.after is None}
    chosen = sorted(values, key=lambda model: -_spread(list(values[model].values())))[:MOST_LINES]
    lines = {}
    for model in chosen:
        points = values[model]
        end = removed.get(model, len(commits))
        points.setdefault(max(end, *points), points[max(points)])
        lines[model] = [(x, points[x] / 1e6) for x in sorted(points)]
    return lines


def _spread(values: Sequence[int]) -> float:
    return max(values) / max(min(values), 1)
