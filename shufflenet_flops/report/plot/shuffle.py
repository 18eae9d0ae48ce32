"""The figure of channel shuffle: where each channel goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.report.plot.figure import COLOURS, INK, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shuffled(groups: int, channels: int) -> list[int]:
    """For every output channel, the input channel it is: (g, n) reshaped, transposed, flattened.

    ShuffleNet V1, section 3.1.
    """
    per_group = channels // groups
    return [(i % groups) * per_group + i // groups for i in range(channels)]


def draw_shuffle(groups: int, channels: int) -> Figure:
    """Channels of a grouped convolution above, as the next one reads them below.

    Every group below sees channels of every group above.
    """
    with style():
        figure = new_figure(5.6, 2.3)
        axes = figure.add_subplot()
        per_group = channels // groups
        where = [i + 0.6 * (i // per_group) for i in range(channels)]  # a gap between groups
        origins = shuffled(groups, channels)
        for i, origin in enumerate(origins):
            colour = COLOURS[origin // per_group % len(COLOURS)]
            axes.plot([where[origin], where[i]], [0.78, 0.22], color=colour, lw=1.4, alpha=0.8)
        for height, channel_at in ((0.86, list(range(channels))), (0.14, origins)):
            for i, origin in enumerate(channel_at):
                colour = COLOURS[origin // per_group % len(COLOURS)]
                axes.scatter(where[i], height, s=150, marker="s", color=colour)
                ink = "white" if colour == COLOURS[0] else "#111111"
                axes.text(where[i], height, str(origin + 1), ha="center", va="center",
                          color=ink, fontsize=8)  # fmt: skip
        for height, text in ((0.86, "written"), (0.14, "read")):
            axes.text(where[0] - 1, height, text, ha="right", va="center", color=INK)
        axes.set_title(
            f"channel shuffle of {channels} channels in g={groups} groups", loc="left", fontsize=11
        )
        axes.set_xlim(where[0] - 2.6, where[-1] + 0.8)
        axes.set_ylim(0, 1)
        axes.axis("off")
    return figure
