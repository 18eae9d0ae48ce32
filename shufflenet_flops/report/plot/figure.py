"""Figures, as matplotlib draws them: the same bytes for the same data and version.

The ground is transparent. Text and axes are, in PNG, a grey that reads on white and on black; in
SVG they go by what the reader prefers, light or dark.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#767676"
# Okabe and Ito's colours, told apart by colour-blind readers; those that a thin line shows on black
# and on white come first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
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
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "xtick.color": INK,
    "ytick.color": INK,
}


# Settles what INK is in an SVG, where the reader's preference is known.
_INK_RULES = (
    "svg{color:#4b5563}@media (prefers-color-scheme:dark){svg{color:#b9c0ca}}"
    "@media print{svg{color:#333}}"
)


@contextmanager
def style() -> Iterator[None]:
    """The settings that every figure is drawn and saved with."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_axes(figure: Figure, title: str, x_label: str, y_label: str, position: int = 111) -> Axes:
    """Axes with a title and, on both axes, what is shown and its unit."""
    axes = figure.add_subplot(position)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return axes


def logarithmic(axes: Axes) -> None:
    """Both axes, with ticks at 1, 2, 5, 10, … written out."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())


def new_figure(width: float = 5.6, height: float = 3.6) -> Figure:
    """A figure of a size in inches that nothing global knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def image(figure: Figure, suffix: str) -> bytes:
    """The figure as SVG or PNG, without a date."""
    content = io.BytesIO()
    with style(), warnings.catch_warnings():
        # A name may have signs that the font has not; a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        if suffix == ".svg":
            figure.savefig(content, format="svg", metadata={"Date": None})
            return _adaptive(printable(content.getvalue().decode(), "\n\t")).encode()
        figure.savefig(content, format="png", dpi=160, metadata={"Software": None})
    return content.getvalue()


def _adaptive(svg: str) -> str:
    """The SVG with INK a colour that follows the reader's light or dark mode."""
    return svg.replace(INK, "currentColor").replace(
        '<style type="text/css">', f'<style type="text/css">{_INK_RULES}', 1
    )


def draw_lines(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """One line with markers for each name, from its (x, y) points."""
    with style():
        figure = new_figure(height=2.8)
        axes = new_axes(figure, title, x_label, y_label)
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
        if all(float(x).is_integer() for points in lines.values() for x, _ in points):
            axes.locator_params(axis="x", integer=True)
        if len(lines) > 1:
            axes.legend()
    return figure
