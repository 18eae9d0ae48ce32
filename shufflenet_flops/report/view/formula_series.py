"""A closed form drawn against one of its variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.counting.metric import MACS, PREFIXES, MetricName, find_metric
from shufflenet_flops.design.formula import FormulaValue

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_series(
    points: Sequence[tuple[int, FormulaValue]],
    name: str,
    metric: MetricName,
    wrt: str,
    *,
    training: bool = False,
) -> Figure:
    """The metric, and the share of each kind of layer, against one variable."""
    from shufflenet_flops.report.plot.design import draw_shares

    kinds = dict.fromkeys(kind for _, value in points for kind in value.parts)
    prefix = "M" if metric == MACS.name else "k"
    scale = PREFIXES[prefix]
    first = points[0][1].numbers
    fixed = ", ".join(
        f"{key}={number}"
        for key, number in first.items()
        if all(value.numbers[key] == number for _, value in points)
    )
    return draw_shares(
        [x for x, _ in points],
        {kind: [value.parts.get(kind, 0) / scale for _, value in points] for kind in kinds},
        title=f"{'a training step of ' if training else ''}{name}, {fixed}",
        x_label="channels c of the last stage" if wrt == "s" else AXES.get(wrt, wrt),
        y_label=find_metric(metric).axis(prefix),
    )


AXES = {
    "c": "channels c",
    "m": "bottleneck channels m",
    "n": "output channels n",
    "k": "kernel size k, pixels",
    "g": "groups g",
    "h": "input height h, pixels",
    "w": "input width w, pixels",
}
