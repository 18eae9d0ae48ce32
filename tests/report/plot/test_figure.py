"""Figures: the same bytes every time, in colours of either mode, with units on their axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops.report.plot.bars import KIND_COLOURS, draw_panels, draw_stacked
from shufflenet_flops.report.plot.figure import INK, draw_lines, image
from shufflenet_flops.report.plot.shuffle import draw_shuffle, shuffled
from shufflenet_flops.report.plot.timeline import MOST_CALLS, draw_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def stacked() -> Figure:
    return draw_stacked(["a", "b"], {"linear": [1, 2], "x": [3, 0]}, title="t", x_label="MMAC")


def panels() -> Figure:
    return draw_panels(["a", "b"], {"MMAC": [1, 2], "MB": [3, 3]}, title="t")


def lines() -> Figure:
    return draw_lines({"a": [(1, 2), (2, 1)]}, title="t", x_label="groups g", y_label="MMAC")


def timeline(calls: int = 4, at: int = 2) -> Figure:
    """One MB throughout, with half of one more in one call."""
    whole = [1.0] * at + [1.5] + [1.0] * (calls - at - 1)
    stages = {0: "stem", calls // 2: "body"}
    return draw_timeline([1.0] * calls, whole, title="t", peak="conv", stages=stages)


@pytest.mark.parametrize("draw", [stacked, panels, lines, timeline, lambda: draw_shuffle(3, 12)])
@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_bytes_are_stable(draw: Callable[[], Figure], suffix: str) -> None:
    """No date, no random identifier, and nothing left of the figure before."""
    first = image(draw(), suffix)
    image(lines(), suffix)

    assert image(draw(), suffix) == first


def test_svg_follows_the_reader() -> None:
    """No fixed ink, a rule for dark mode, a ground that shows what is behind."""
    svg = image(stacked(), ".svg").decode()

    assert INK not in svg
    assert "currentColor" in svg
    assert "prefers-color-scheme:dark" in svg
    assert KIND_COLOURS["linear"].lower() in svg


def test_parts_add_up() -> None:
    """A bar's parts start where the one before ends; its end says the sum."""
    (axes,) = stacked().axes
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]

    assert bars == [(0, 1), (0, 2), (1, 3), (2, 0)]
    assert [text.get_text() for text in axes.texts] == ["4.0", "2.0"]
    assert axes.get_xlabel() == "MMAC"


@pytest.mark.parametrize(("groups", "channels"), [(2, 4), (3, 12), (4, 12), (8, 16)])
def test_shuffle_is_the_papers(groups: int, channels: int) -> None:
    """torch's reshape, transpose and flatten move channels the same way."""
    import torch

    moved = torch.arange(channels).view(groups, -1).t().flatten()

    assert shuffled(groups, channels) == moved.tolist()


@pytest.mark.parametrize(("calls", "at"), [(1, 0), (7, 6), (MOST_CALLS + 1, 500), (2777, 2776)])
def test_a_timeline_shows_its_peak(calls: int, at: int) -> None:
    """The highest call is drawn and named, however many there are, and all of them fit."""
    (axes,) = timeline(calls, at).axes
    (words,) = axes.texts
    tops = [float(top) for area in axes.collections for path in area.get_paths()
            for top in path.vertices[:, 1]]  # fmt: skip

    assert words.get_text() == "1.50 MB at conv"
    assert max(tops) == 1.5
    assert max(map(len, (path for area in axes.collections for path in area.get_paths()))) < (
        6 * MOST_CALLS
    )
    assert axes.get_xlim() == (0, calls)


def test_a_timeline_names_the_stages_that_have_room() -> None:
    """Of a hundred calls, one with five has none."""
    stages = {0: "stem", 5: "body", 60: "head"}
    figure = draw_timeline([1.0] * 100, [1.0] * 100, title="t", peak="c", stages=stages)

    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["body", "head"]
