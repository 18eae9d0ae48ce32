"""Figures made of horizontal bars: parts of a whole, and several quantities side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from shufflenet_flops.report.plot.figure import COLOURS, INK, new_axes, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A kind of layer has the same colour in every figure and in the explorer.
KIND_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "dense conv": "#0072B2",
        "pointwise conv": "#56B4E9",
        "grouped pointwise conv": "#E69F00",
        "grouped conv": "#D55E00",
        "depthwise conv": "#009E73",
        "linear": "#CC79A7",
        "matmul": "#8C7A52",
        "norm": "#B9AEDC",
        "activation": "#E8D44D",
        "pool": "#8FB8A8",
        "reduction": "#A3A38B",
        "resample": "#D8A48F",
        "element-wise": "#B8BEC6",
        "move": "#93A3B5",
    }
)
_BAR = 0.62  # of the distance between two bars


def draw_stacked(
    names: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    colours: Mapping[str, str] = KIND_COLOURS,
    digits: int = 1,
) -> Figure:
    """One bar for each name, made of its parts; the sum stands at its end.

    What is below zero goes to the left.
    """
    with style():
        # A legend of many entries takes two lines under the bars.
        columns = min(len(parts), 3)
        lines = -(-len(parts) // columns) if len(parts) > 1 else 0
        figure = new_figure(height=1.0 + 0.34 * len(names) + 0.24 * lines)
        axes = new_axes(figure, title, x_label, "")
        ends, lows = [0.0] * len(names), [0.0] * len(names)
        for i, (part, values) in enumerate(parts.items()):
            colour = colours.get(part, COLOURS[i % len(COLOURS)])
            left = [
                low if value < 0 else end
                for low, end, value in zip(lows, ends, values, strict=True)
            ]
            axes.barh(names, values, _BAR, left=left, color=colour, label=part)
            ends = [end + max(value, 0.0) for end, value in zip(ends, values, strict=True)]
            lows = [low + min(value, 0.0) for low, value in zip(lows, values, strict=True)]
        sums = [end + low for end, low in zip(ends, lows, strict=True)]
        _finish(axes, ends, [f"{total:,.{digits}f}" for total in sums], min(lows, default=0.0))
        if lines:
            figure.legend(loc="outside lower center", ncols=columns, fontsize=9, handlelength=1)
    return figure


def draw_panels(
    names: Sequence[str],
    panels: Mapping[str, Sequence[float]],
    *,
    title: str,
) -> Figure:
    """The same names against several quantities, each on its own scale from zero."""
    with style():
        figure = new_figure(5.6, 1.15 + 0.32 * len(names))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        for i, (label, values) in enumerate(panels.items()):
            axes = new_axes(figure, "", label, "", 100 + 10 * len(panels) + i + 1)
            axes.barh(names, values, _BAR, color=COLOURS[0])
            digits = _digits(max(values, default=0))
            _finish(axes, values, [f"{value:,.{digits}f}" for value in values])
            axes.locator_params(axis="x", nbins=2)
            if i:
                axes.tick_params(labelleft=False)
    return figure


def _digits(largest: float) -> int:
    """Decimals with which the largest figure of an axis has four digits."""
    return max(0, 3 - math.floor(math.log10(largest))) if largest >= 1 else 3


def _finish(axes: Axes, ends: Sequence[float], labels: Sequence[str], lowest: float = 0.0) -> None:
    """First name on top, figures at the bars' ends with room for them, no grid across."""
    for i, (end, label) in enumerate(zip(ends, labels, strict=True)):
        axes.annotate(
            label, (end, i), (4, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    axes.set_ylim(len(ends) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    most = max(ends, default=0.0)
    axes.set_xlim(1.04 * lowest, most + 0.22 * (most - lowest) or 1)
