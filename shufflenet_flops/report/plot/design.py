"""Figures of the inverse questions: what a metric is made of as one variable grows, and a front."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Literal

from shufflenet_flops.report.plot.bars import KIND_COLOURS
from shufflenet_flops.report.plot.figure import COLOURS, INK, MARKERS, new_axes, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of kinds of layers that have no multiply-accumulates, and no colour of their own.
_OTHERS = ("#9AA5B1", "#C3B299", "#7A6C5D", "#B9C7A8", "#6B7F99", "#A98FA8")
_BARS = 20  # an area between fewer values would suggest values that are not there


def draw_shares(
    x: Sequence[int],
    parts: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """Above, the sum of the parts against x; below, each part's share of it, stacked."""
    few = len(x) <= _BARS
    with style():
        figure = new_figure(height=5.6)
        whole = [sum(values) for values in zip(*parts.values(), strict=True)]
        above = new_axes(figure, title, "", y_label, 211)
        marker = MARKERS[0] if few else ""
        above.plot(x, whole, color=COLOURS[0], marker=marker, markersize=4)
        above.set_ylim(0, 1.08 * max(whole))
        below = new_axes(figure, "share of each term", x_label, "share, %", 212)
        below.sharex(above)
        shares = {
            name: [100 * value / total for value, total in zip(values, whole, strict=True)]
            for name, values in parts.items()
        }
        if few:
            _stack_bars(below, x, shares)
        else:
            below.stackplot(x, *shares.values(), labels=list(shares), colors=_colours(shares))
            below.set_xlim(x[0], x[-1])
        below.set_ylim(0, 100)
        below.grid(visible=False, axis="x")
        above.tick_params(labelbottom=False)
        figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _colours(kinds: Iterable[str]) -> list[str]:
    others = cycle(_OTHERS)
    return [KIND_COLOURS.get(kind) or next(others) for kind in kinds]


def _stack_bars(axes: Axes, x: Sequence[int], shares: Mapping[str, Sequence[float]]) -> None:
    width = 0.8 * min(b - a for a, b in pairwise(x)) if len(x) > 1 else 0.8
    base = [0.0] * len(x)
    for (name, values), colour in zip(shares.items(), _colours(shares), strict=True):
        axes.bar(x, values, width, bottom=base, label=name, color=colour)
        base = [low + value for low, value in zip(base, values, strict=True)]
    axes.set_xticks(x)


def draw_front(
    points: Sequence[tuple[float, float]],
    front: Sequence[tuple[float, float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    stairs: Literal["pre", "post"] | None,
) -> Figure:
    """A Pareto front among a sample of the points it was chosen from.

    `stairs` join its points by corners, as the edge of what can be had: `post` where x is best
    small, `pre` where it is best large. An axis whose values span two decades is logarithmic.
    """
    with style():
        figure = new_figure()
        axes = new_axes(figure, title, x_label, y_label)
        if points:
            xs, ys = zip(*points, strict=True)
            axes.scatter(xs, ys, s=7, color=INK, alpha=0.6, linewidths=0, label="swept")
        ordered = sorted(front)
        axes.step(
            [x for x, _ in ordered],
            [y for _, y in ordered],
            where=stairs or "pre",
            color=COLOURS[3],
            linestyle="-" if stairs else "",
            marker="o",
            markersize=3,
            linewidth=1,
            label="Pareto front",
        )
        for scale, axis, values in (
            (axes.set_xscale, axes.xaxis, [x for x, _ in (*points, *front)]),
            (axes.set_yscale, axes.yaxis, [y for _, y in (*points, *front)]),
        ):
            if values and 0 < 100 * min(values) < max(values):
                scale("log")
                axis.set_major_formatter("{x:,.6g}")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
