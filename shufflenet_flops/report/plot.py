"""Figures, as matplotlib draws them: the same bytes for the same data and version.

The ground is transparent, and text and axes are a grey that reads on white and on black.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#808080"
# Okabe and Ito's colours, told apart by colour-blind readers, without those lost on black or white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
# matplotlib types its settings by a Literal of all their names.
_STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.alpha": 0.25,
    "grid.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "shufflenet-flops",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def _style() -> Iterator[None]:
    try:
        import matplotlib as mpl
    except ImportError:
        raise InputError("figures need matplotlib: pip install 'shufflenet-flops[plots]'") from None
    with mpl.rc_context(_STYLE):
        yield


def _axes(figure: Figure, title: str, x_label: str, y_label: str, position: int = 111) -> Axes:
    axes = figure.add_subplot(position)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return axes


def _figure(width: float = 6.4, height: float = 4.0) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def image(figure: Figure, suffix: str) -> bytes:
    """The figure as SVG or PNG, without a date."""
    content = io.BytesIO()
    with _style():
        if suffix == ".svg":
            figure.savefig(content, format="svg", metadata={"Date": None})
        else:
            figure.savefig(content, format="png", dpi=160, metadata={"Software": None})
    return content.getvalue()


def draw_lines(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """One line with markers for each name, from its (x, y) points."""
    with _style():
        figure = _figure()
        axes = _axes(figure, title, x_label, y_label)
        for i, (name, points) in enumerate(lines.items()):
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                markersize=4,
                label=name,
            )
        axes.set_ylim(bottom=0)
        if len(lines) > 1:
            axes.legend()
    return figure


def draw_shares(
    x: Sequence[float],
    parts: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """Above, the sum of the parts against x; below, each part's share of it, stacked."""
    with _style():
        figure = _figure(height=6.4)
        whole = [sum(values) for values in zip(*parts.values(), strict=True)]
        above = _axes(figure, title, x_label, y_label, 211)
        above.plot(x, whole, color=COLOURS[0], marker=MARKERS[0], markersize=4)
        above.set_ylim(bottom=0)
        below = _axes(figure, "share of each term", x_label, "share, %", 212)
        shares = [
            [100 * value / total for value, total in zip(values, whole, strict=True)]
            for values in parts.values()
        ]
        below.stackplot(x, shares, labels=list(parts), colors=COLOURS, alpha=0.85)
        below.set_ylim(0, 100)
        below.margins(x=0)
        below.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_front(
    points: Sequence[tuple[float, float]],
    front: Sequence[tuple[float, float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """A Pareto front among a sample of the points it was chosen from."""
    with _style():
        figure = _figure()
        axes = _axes(figure, title, x_label, y_label)
        if points:
            xs, ys = zip(*points, strict=True)
            axes.scatter(xs, ys, s=6, color=INK, alpha=0.35, label="swept")
        ordered = sorted(front)
        axes.plot(
            [x for x, _ in ordered],
            [y for _, y in ordered],
            color=COLOURS[3],
            marker="o",
            markersize=4,
            label="Pareto front",
        )
        axes.legend()
    return figure
