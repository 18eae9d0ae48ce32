"""Figures of the inverse questions: what is drawn where."""

from __future__ import annotations

import pytest

from shufflenet_flops.report.plot.bars import KIND_COLOURS
from shufflenet_flops.report.plot.design import draw_front, draw_shares

LABELS = {"title": "t", "x_label": "channels c", "y_label": "MMAC"}


@pytest.mark.parametrize("number", [4, 40])
def test_shares_add_up_to_a_hundred(number: int) -> None:
    """Bars for a few values, an area for many; a kind of layer keeps its colour."""
    x = list(range(1, number + 1))
    above, below = draw_shares(x, {"linear": [1.0] * number, "norm": [3.0] * number}, **LABELS).axes

    assert list(above.lines[0].get_ydata()) == [4.0] * number
    assert above.get_ylim()[0] == 0
    assert above.get_ylim()[1] > 4
    if number == 4:
        assert [bar.get_height() for bar in below.patches] == [25.0] * 4 + [75.0] * 4
        assert [bar.get_y() for bar in below.patches] == [0.0] * 4 + [25.0] * 4
    else:
        assert [area.get_paths()[0].get_extents().y1 for area in below.collections] == [25.0, 100.0]
    _, labels = below.get_legend_handles_labels()
    assert labels == ["linear", "norm"]
    from matplotlib.colors import to_rgba

    parts = below.patches or below.collections
    colour = parts[0].get_facecolor()
    assert tuple(colour if number == 4 else colour[0]) == to_rgba(KIND_COLOURS["linear"])


@pytest.mark.parametrize(("stairs", "style"), [("pre", "-"), ("post", "-"), (None, "None")])
def test_a_front_has_stairs_only_in_the_plane(stairs: str | None, style: str) -> None:
    figure = draw_front([(1, 5), (2, 7)], [(2, 3), (1, 1)], **LABELS, stairs=stairs)  # type: ignore[arg-type]
    (line,) = figure.axes[0].lines

    assert list(line.get_xdata()) == [1, 2]
    assert list(line.get_ydata()) == [1, 3]
    assert line.get_linestyle() == style
    assert line.get_drawstyle() == f"steps-{stairs or 'pre'}"


def test_an_axis_of_many_decades_is_logarithmic() -> None:
    (axes,) = draw_front([(1, 1), (2, 5000)], [(1, 1)], **LABELS, stairs="pre").axes

    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    (axes,) = draw_front([(0, 1), (5000, 2)], [], **LABELS, stairs="pre").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
