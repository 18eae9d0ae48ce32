"""Figures of `latency` and `shuffle`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.report.plot.figure import (
    COLOURS,
    INK,
    MARKERS,
    logarithmic,
    new_axes,
    new_figure,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shufflenet_flops.latency.measure import Timing
    from shufflenet_flops.paper.table8_times import Against

# A seventh engine needs a seventh colour; this one too is told from the others by its marker.
_COLOURS = (*COLOURS, INK)
_MARKERS = (*MARKERS, "X")


def draw_times(rows: Sequence[Timing]) -> Figure:
    """MACs against median time, an engine per colour, with quartiles; both axes logarithmic."""
    with style():
        figure = new_figure(height=4.0)
        axes = new_axes(figure, "MACs against time", "MMAC", "median time, ms")
        for i, engine in enumerate(_engines(rows)):
            points = sorted(
                (row.macs / 1e6, row.median_s * 1e3, row.q1_s * 1e3, row.q3_s * 1e3)
                for row in rows
                if row.engine == engine and row.median_s and row.q1_s and row.q3_s
            )
            if not points:
                continue
            macs, median, q1, q3 = zip(*points, strict=True)
            below = [middle - low for middle, low in zip(median, q1, strict=True)]
            above = [high - middle for middle, high in zip(median, q3, strict=True)]
            axes.errorbar(
                macs,
                median,
                [below, above],
                color=_COLOURS[i % len(_COLOURS)],
                marker=_MARKERS[i % len(_MARKERS)],
                markersize=5,
                linestyle="none",
                elinewidth=0.8,
                label=engine,
            )
        logarithmic(axes)
        _name_models(axes, rows)
        _legend_below(figure)
    return figure


def _name_models(axes: Axes, rows: Sequence[Timing]) -> None:
    """Over the axes, each model's name at its MACs, where they are few enough to be read."""
    several = len({row.inputs for row in rows}) > 1
    names = {
        row.macs / 1e6: " ".join([row.model, *(row.inputs if several else ())])
        for row in rows
        if row.median_s
    }
    if len(names) > _NAMED:
        return
    above = axes.secondary_xaxis("top")
    above.set_xscale("log")
    above.set_xticks(list(names), list(names.values()), rotation=30, ha="left", fontsize=8)
    above.tick_params(which="both", length=0, pad=2)
    above.minorticks_off()
    above.spines["top"].set_visible(False)


_NAMED = 10


def _legend_below(figure: Figure) -> None:
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, handlelength=1.5)


def draw_speedups(ratios: Sequence[Against], engines: Sequence[str]) -> Figure:
    """AlexNet's time over ShuffleNet 0.5x's at each size: an engine's bars, the paper, the MACs."""
    with style():
        figure = new_figure(width=8.0)
        axes = new_axes(figure, "AlexNet over ShuffleNet 0.5x: theory and practice", "", "ratio")
        width = 0.8 / (len(engines) + 1)
        for i, ratio in enumerate(ratios):
            for j, engine in enumerate(engines):
                if pair := ratio.ours.get(engine):
                    axes.bar(
                        i + (j - len(engines) / 2) * width,
                        pair.ratio,
                        width,
                        yerr=[[pair.ratio - pair.low], [pair.high - pair.ratio]],
                        color=_COLOURS[j % len(_COLOURS)],
                        ecolor=INK,
                        label=engine if i == 0 else "",
                    )
            ends = (i - 0.45, i + 0.45)
            axes.hlines(ratio.theory, *ends, color=INK, label="MACs" if i == 0 else "")
            axes.hlines(
                ratio.paper, *ends, color=INK, linestyle="--", label="paper" if i == 0 else ""
            )
        axes.set_xticks(
            range(len(ratios)), [f"{h}x{w}" for h, w in (ratio.size for ratio in ratios)]
        )
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_roofline(rows: Sequence[Timing]) -> Figure:
    """Eager's layers under the roofs of this machine: FLOP per byte against GFLOP/s."""
    peaks = rows[0].peaks
    with style():
        figure = new_figure(height=4.0)
        axes = new_axes(
            figure, "roofline: eager's layers", "arithmetic intensity, FLOP/byte", "GFLOP/s"
        )
        points = [
            (row.model, 2 * layer.macs / layer.memory_bytes, 2 * layer.macs / layer.time_s / 1e9)
            for row in rows
            for layer in row.layers
            if layer.macs and layer.time_s
        ]
        for i, model in enumerate(dict.fromkeys(model for model, _, _ in points)):
            axes.scatter(
                [x for name, x, _ in points if name == model],
                [y for name, _, y in points if name == model],
                s=14,
                color=_COLOURS[i % len(_COLOURS)],
                marker=_MARKERS[i % len(_MARKERS)],
                alpha=0.8,
                label=model,
            )
        span = [min(x for _, x, _ in points) / 2, max(x for _, x, _ in points) * 2]
        for label, rate, line in (
            ("copy in memory", peaks.bytes_per_s, "-"),
            ("copy in the caches", max(rate for _, rate in peaks.copies), "--"),
        ):
            knee = peaks.flop_per_s / rate
            xs = [span[0], *([knee] if span[0] < knee < span[1] else []), span[1]]
            roof = [min(peaks.flop_per_s, x * rate) / 1e9 for x in xs]
            axes.plot(xs, roof, color=INK, linestyle=line, label=label)
        logarithmic(axes)
        _legend_below(figure)
    return figure


def draw_connections(permutations: Mapping[str, Sequence[int]], g: int) -> Figure:
    """Two grouped convolutions with a permutation between, side by side for each permutation.

    A channel has the colour of the group that made it, as in ShuffleNet V1, Figure 1.
    """
    with style():
        figure = new_figure(width=3.4 * len(permutations), height=3.6)
        for i, (name, permutation) in enumerate(permutations.items(), start=1):
            axes = new_axes(figure, name, "", "", 100 + 10 * len(permutations) + i)
            _draw_network(axes, permutation, g)
            axes.axis("off")
    return figure


def _draw_network(axes: Axes, permutation: Sequence[int], g: int) -> None:
    """From above: input, first convolution's output, permuted, second convolution's output."""
    n = len(permutation) // g
    heights = {"input": 3.0, "GConv1": 2.0, "between": 1.0, "GConv2": 0.0}
    group_of = [_COLOURS[channel // n % len(_COLOURS)] for channel in range(len(permutation))]

    def connect(x: int, other: int, upper: str, lower: str, colour: str) -> None:
        axes.plot([x, other], [heights[upper], heights[lower]], color=colour, linewidth=0.6)

    for place, channel in enumerate(permutation):
        for other in range(place // n * n, place // n * n + n):
            connect(place, other, "input", "GConv1", group_of[place])
            connect(place, other, "between", "GConv2", group_of[channel])
        connect(channel, place, "GConv1", "between", group_of[channel])
    colours = {
        "input": group_of,
        "GConv1": group_of,
        "between": [group_of[channel] for channel in permutation],
    }
    for name, height in heights.items():
        filled = colours.get(name, INK)
        axes.scatter(range(len(permutation)), [height] * len(permutation), c=filled, s=30, zorder=3)
        axes.text(-0.8, height, name if name != "between" else "", ha="right", va="center", size=8)


def _engines(rows: Sequence[Timing]) -> list[str]:
    return list(dict.fromkeys(row.engine for row in rows))
