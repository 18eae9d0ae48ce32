"""RegNet (arXiv 2003.13678)."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Literal

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    Add,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    Node,
    Number,
    ReLU,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm, gated, rounded
from shufflenet_flops.zoo.registry import Network, family, variant

STEM, STEP = 32, 8


def block(c_in: int, c_out: int, group_width: int, stride: int, *, se: bool) -> Add:
    """1x1, 3x3 in groups of `group_width` channels, 1x1, added to the shortcut (X); Y has a gate.

    The gate reduces to a quarter of the block's input.
    """
    gate: dict[str, Node] = {"se": gated(c_out, round(c_in / 4))} if se else {}
    branch = seq(
        a=conv_norm(c_in, c_out),
        b=conv_norm(c_out, c_out, 3, stride, c_out // group_width),
        **gate,
        c=conv_norm(c_out, c_out, act=None),
    )
    changes = stride != 1 or c_in != c_out
    shortcut = conv_norm(c_in, c_out, 1, stride, act=None) if changes else Identity()
    return Add((("branch", branch), ("shortcut", shortcut)), after=(("relu", ReLU),))


def widths(
    depth: int, w_0: int, w_a: float, w_m: float, group_width: int, *, half_up: bool
) -> list[tuple[int, int, int]]:
    """Width, group width and blocks of each stage: a line quantised to powers of w_m.

    A width is brought to a multiple of its groups': torchvision rounds a half up, and never below
    90 %, the authors' release to even.
    """
    powers = [round(math.log((w_0 + w_a * i) / w_0, w_m)) for i in range(depth)]
    stages = []
    for width, blocks in groupby(round(w_0 * w_m**power / STEP) * STEP for power in powers):
        group = min(group_width, width)
        fitted = rounded(width, group) if half_up else max(group, round(width / group) * group)
        stages.append((fitted, group, len(list(blocks))))
    return stages


@family("RegNet")
def regnet(
    depth: int = 22,
    w_0: int = 24,
    w_a: float = 24.48,
    w_m: float = 2.54,
    group_width: int = 16,
    se: bool = False,
    layout: Literal["torchvision", "pycls"] = "torchvision",
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """RegNet X, or Y with squeeze and excitation (`se`), of the parameters that the paper names.

    `layout` tells whether widths are fitted to groups as torchvision does it or as pycls, the
    authors' release.
    """
    check_resolution(resolution)
    if min(depth, group_width) < 1 or 2 * w_0 <= STEP or w_a < 0 or w_m <= 1:
        raise InputError(
            f"regnet@depth={depth},w_0={w_0},w_a={w_a},w_m={w_m},group_width={group_width}: "
            f"w_0 must be more than {STEP // 2}, as it is rounded to a multiple of {STEP}, w_a at "
            "least 0, w_m more than 1 and the others at least 1"
        )
    c_in = STEM
    stages: dict[str, Node] = {"stem": conv_norm(3, STEM, 3, 2)}
    plan = widths(depth, w_0, w_a, w_m, group_width, half_up=layout == "torchvision")
    for number, (width, group, repeat) in enumerate(plan, start=1):
        first = block(c_in, width, group, 2, se=se)
        other = block(width, width, group, 1, se=se)
        stages[f"stage{number}"] = seq(first, *[other] * (repeat - 1))
        c_in = width
    spec = seq(**stages, globalpool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(c_in, classes))
    return Network(spec, (1, 3, resolution, resolution))


# Depth, w_0, w_a, w_m and group width, by name (pycls).
_X = {
    "200mf": (13, 24, 36.44, 2.49, 8),
    "400mf": (22, 24, 24.48, 2.54, 16),
    "600mf": (16, 48, 36.97, 2.24, 24),
    "800mf": (16, 56, 35.73, 2.28, 16),
    "1_6gf": (18, 80, 34.01, 2.25, 24),
    "3_2gf": (25, 88, 26.31, 2.25, 48),
    "4gf": (23, 96, 38.65, 2.43, 40),
    "6_4gf": (17, 184, 60.83, 2.07, 56),
    "8gf": (23, 80, 49.56, 2.88, 120),
    "12gf": (19, 168, 73.36, 2.37, 112),
    "16gf": (22, 216, 55.59, 2.1, 128),
    "32gf": (23, 320, 69.86, 2.0, 168),
}
_Y = {
    "200mf": (13, 24, 36.44, 2.49, 8),
    "400mf": (16, 48, 27.89, 2.09, 8),
    "600mf": (15, 48, 32.54, 2.32, 16),
    "800mf": (14, 56, 38.84, 2.4, 16),
    "1_6gf": (27, 48, 20.71, 2.65, 24),
    "3_2gf": (21, 80, 42.63, 2.66, 24),
    "4gf": (22, 96, 31.41, 2.24, 64),
    "6_4gf": (25, 112, 33.22, 2.27, 72),
    "8gf": (17, 192, 76.82, 2.19, 56),
    "12gf": (19, 168, 73.36, 2.37, 112),
    "16gf": (18, 200, 106.23, 2.48, 112),
    "32gf": (20, 232, 115.89, 2.53, 232),
    "128gf": (27, 456, 160.83, 2.52, 264),
}
# Where the two roundings differ, the release's network has a name of its own.
_DIFFERENT = {("x", "400mf"), ("x", "4gf"), ("y", "800mf"), ("y", "4gf"), ("y", "8gf")}
for _kind, _sizes in (("x", _X), ("y", _Y)):
    for _size, _values in _sizes.items():
        _options = dict(zip(("depth", "w_0", "w_a", "w_m", "group_width"), _values, strict=True))
        variant(f"regnet_{_kind}_{_size}", "regnet", **_options, se=_kind == "y")
        if (_kind, _size) in _DIFFERENT:
            variant(
                f"regnet_{_kind}_{_size}_pycls",
                "regnet",
                **_options,
                se=_kind == "y",
                layout="pycls",
            )
