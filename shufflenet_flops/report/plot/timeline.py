"""The figure of memory over one run: what is alive at each call, and where it peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from shufflenet_flops.report.plot.figure import COLOURS, INK, new_axes, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CALLS = 1000  # that are drawn one by one; of more, the highest of several that follow
_NAMED = 0.08  # share of the calls with which a stage has room for its name


def draw_timeline(
    tensors: Sequence[float],
    whole: Sequence[float],
    *,
    title: str,
    peak: str,
    stages: Mapping[int, str],
) -> Figure:
    """Bytes in MB at each call: those of `tensors`, and the `whole` with workspace.

    `peak` says what runs at the highest, `stages` what begins at which call.
    """
    each = -(-len(whole) // MOST_CALLS)
    calls = range(0, len(whole) + each, each)
    below, above = (_highest(values, each) for values in (tensors, whole))
    with style():
        figure = new_figure(height=3.2)
        axes = new_axes(figure, title, "call of an op", "MB")
        ground = [0.0] * len(below)
        for name, colour, low, high in (
            ("tensors", COLOURS[0], ground, below),
            ("workspace", COLOURS[4], below, above),
        ):
            axes.fill_between(
                calls, low, high, step="post", color=colour, linewidth=0, alpha=0.9, label=name
            )
        highest = max(whole)
        at = whole.index(highest)
        axes.plot([at + 0.5], [highest], marker="v", color=COLOURS[1], linestyle="none")
        to_the_left = at > len(whole) / 2
        axes.annotate(
            f"{highest:,.2f} MB at {peak}",
            (at, highest),
            (-6 if to_the_left else 6, 6),
            textcoords="offset points",
            ha="right" if to_the_left else "left",
            fontsize=9,
            color=INK,
        )
        axes.set_xlim(0, len(whole))
        axes.set_ylim(0, 1.15 * highest)
        starts = [*stages, len(whole)]
        named = [at for at, end in pairwise(starts) if end - at >= _NAMED * len(whole)]
        if len(named) > 1:
            axes.set_xticks(named, [stages[at] for at in named], rotation=30, ha="right")
        figure.legend(loc="outside lower center", ncols=2, fontsize=9, handlelength=1)
    return figure


def _highest(values: Sequence[float], each: int) -> list[float]:
    """The highest of every `each` that follow, and the last once more, where its call ends."""
    highest = [max(values[start : start + each]) for start in range(0, len(values), each)]
    return [*highest, highest[-1]]
