"""What reports/gpu-time.md says: findings, tables and a figure, all from the predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gpu_time.crossed import Crossed
from benchmarks.gpu_time.errors import Errors, ratio_of_equals
from benchmarks.gpu_time.predictors import PREDICTORS
from benchmarks.gpu_time.published import SOURCE
from shufflenet_flops.report.grid import Column, Grid, grid
from shufflenet_flops.report.plot.figure import COLOURS, new_axes, new_figure, style
from shufflenet_flops.report.section import Picture, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = tuple(predictor.title for predictor in PREDICTORS)
BEST = TITLES[-1]
HARDEST = 12  # families in the table of those that are predicted worst
LEAST = 3  # networks of a family in it


def section(files: Sequence[Crossed]) -> Section:
    """The report on all files; its figure is of the last file of a GPU that has most networks."""
    shown = max((one for one in files if not one.on_cpu), key=lambda one: len(one.networks))
    return Section(
        "gpu-time",
        "How far do FLOPs tell the time on a GPU?",
        findings(files, shown),
        (_summary(files), _by_file(files), _by_family(shown)),
        (Picture("gpu-time", _caption(shown), draw(shown)),),
        command="make reports-gpu-time TIMM_RESULTS=DIR",
    )


def findings(files: Sequence[Crossed], shown: Crossed) -> tuple[str, ...]:
    """Sentences that hold for these files, with the figures that they rest on."""
    gpus = [one for one in files if not one.on_cpu]
    cpus = [one for one in files if one.on_cpu]
    names = {network.model for one in files for network in one.networks}
    unknown = sum(len(one.unknown) for one in files)
    runs = sum(len(one.networks) for one in files)
    slow, fast, apart = ratio_of_equals(
        [sum(network.layers[i].macs for i in network.order) for network in shown.networks],
        shown.measured,
    )
    return (
        f"{runs:,} times of {len(names):,} networks in {len(files)} files that timm publishes "
        f"({SOURCE}), each beside our exact trace at the size that was timed. {unknown} more are "
        "left out: their names are unknown to today's timm, or mean a network with other "
        "parameters there.",
        "Every time is predicted by what was learnt from networks of other families: those of one "
        "module of timm, or with the same first letters, are one family.",
        f"MACs alone are off by {_range(gpus, 'MACs')} on GPUs"
        + (f" and {_range(cpus, 'MACs')} on CPUs" if cpus else "")
        + ", on average over a file's networks. "
        f"Activations alone, {_range(gpus, 'activations')}, are nearer than MACs in "
        f"{_better(gpus, 'activations', 'MACs')} of {len(gpus)} files of GPUs"
        + (f" and in {_better(cpus, 'activations', 'MACs')} of {len(cpus)} of CPUs" if cpus else "")
        + ".",
        f"On {shown.setup}, {shown.networks[slow].model} takes {apart:.0f} times as long as "
        f"{shown.networks[fast].model}, which has as many MACs to within 1 %.",
        f"A weighted sum over kinds of layers and ops is off by {_range(gpus, BEST)} on GPUs"
        + (f" and {_range(cpus, BEST)} on CPUs" if cpus else "")
        + f"; in the median file half of the networks are within "
        f"{100 * _middle(files, lambda one: one.median):.1f} %, and "
        f"{100 * _middle(files, lambda one: one.within_20):.0f} % of them within 20 %.",
    )


def _range(files: Sequence[Crossed], title: str) -> str:
    """The least and the largest mean error of a predictor over files."""
    shares = sorted(one.errors(title).mape for one in files)
    low, high = f"{100 * shares[0]:.0f}", f"{100 * shares[-1]:.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _better(files: Sequence[Crossed], first: str, second: str) -> int:
    return sum(one.errors(first).mape < one.errors(second).mape for one in files)


def _middle(files: Sequence[Crossed], of: Callable[[Errors], float]) -> float:
    return median(of(one.errors(BEST)) for one in files)


def _summary(files: Sequence[Crossed]) -> Grid:
    measures: tuple[tuple[str, Callable[[Errors], float], str], ...] = (
        ("mean error %", lambda one: 100 * one.mape, ".1f"),
        ("median error %", lambda one: 100 * one.median, ".1f"),
        ("within 10 %, %", lambda one: 100 * one.within_10, ".0f"),
        ("within 20 %, %", lambda one: 100 * one.within_20, ".0f"),
        ("Spearman", lambda one: one.spearman, ".3f"),
    )
    lines = []
    for title in TITLES:
        found = [one.errors(title) for one in files]
        middles = (format(median(map(of, found)), form) for _, of, form in measures)
        lines.append([title, *middles])
    return grid(
        "What tells the time: the median over all files",
        [Column("predictor", figures=False), *(Column(name) for name, _, _ in measures)],
        lines,
        [
            "MACs, activations and bytes: a power of that figure times a constant",
            "whole network: a sum, with weights of 0 or more, of MACs, activations, bytes read and "
            "written, and, for each image of a batch, weights and ops",
            "kinds of layers: the same sums for each kind of layer by itself",
            "kinds and ops: also for each op that is no convolution, for large kernels and "
            "strides, and for MACs for each input and output channel",
        ],
    )


def _by_file(files: Sequence[Crossed]) -> Grid:
    lines = []
    for one in files:
        found = {title: one.errors(title) for title in TITLES}
        best = found[BEST]
        lines.append(
            [
                one.setup,
                f"{best.networks:,}",
                *(f"{100 * found[title].mape:.1f}" for title in TITLES),
                f"{100 * best.within_10:.0f}",
                f"{100 * best.within_20:.0f}",
            ]
        )
    return grid(
        "Mean error in %, by file",
        [
            Column("file", figures=False),
            Column("networks"),
            *map(Column, TITLES),
            Column("within 10 %, %"),
            Column("within 20 %, %"),
        ],
        lines,
        [
            "a file's name says precision, memory layout, PyTorch, CUDA and machine; dynamo is "
            "torch.compile",
            f"the last two columns are the shares of networks of {BEST}",
        ],
    )


def _by_family(shown: Crossed) -> Grid:
    ratios = shown.predicted[BEST] / shown.measured
    flops = shown.predicted["MACs"] / shown.measured
    members = {family: shown.families == family for family in sorted(set(shown.families))}
    members = {family: at for family, at in members.items() if at.sum() >= LEAST}
    error = {family: float(np.abs(ratios[at] - 1).mean()) for family, at in members.items()}
    hardest = sorted(error, key=lambda family: -error[family])[:HARDEST]
    return grid(
        f"Families that the others tell least of, on {shown.setup}",
        [
            Column("family", figures=False),
            Column("networks"),
            Column("mean error %"),
            Column("predicted / measured"),
            Column("by MACs alone"),
        ],
        [
            [
                family.removeprefix("timm.models."),
                str(int(members[family].sum())),
                f"{100 * error[family]:.0f}",
                f"{np.median(ratios[members[family]]):.2f}",
                f"{np.median(flops[members[family]]):.2f}",
            ]
            for family in hardest
        ],
        [
            f"families of {LEAST} networks or more; the ratios are medians over a family, of "
            f"{BEST} and of MACs"
        ],
    )


def _caption(shown: Crossed) -> str:
    return f"Measured and predicted time of each network, by MACs and by {BEST}: {shown.setup}"


def draw(shown: Crossed) -> Figure:
    """Predicted against measured milliseconds, by MACs and by the best predictor."""
    with style():
        figure = new_figure(width=8.4, height=4.0)
        for position, title, colour in zip((121, 122), ("MACs", BEST), COLOURS, strict=False):
            axes = new_axes(
                figure, title, "measured ms an image", "predicted ms an image", position
            )
            measured, predicted = 1e3 * shown.measured, 1e3 * shown.predicted[title]
            ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
            axes.plot(ends, ends, color="#767676", linewidth=0.8)
            axes.plot(measured, predicted, ".", color=colour, markersize=2.5, alpha=0.6)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_major_formatter("{x:g}")
    return figure
