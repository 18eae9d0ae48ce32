"""Inception V3 (arXiv 1512.00567) and Xception (arXiv 1610.02357)."""

from __future__ import annotations

from itertools import pairwise

from shufflenet_flops.spec import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.spec.ops import Size2
from shufflenet_flops.zoo.blocks import check_resolution
from shufflenet_flops.zoo.registry import Network, family, variant

_POOL = AvgPool2d(3, 1, 1)
_DOWN = MaxPool2d(3, 2)


def _conv(
    c_in: int, c_out: int, kernel: int | Size2 = 1, stride: int = 1, padding: int | Size2 = 0
) -> Seq:
    conv = Conv2d(c_in, c_out, kernel, stride, padding)
    return seq(conv=conv, bn=BatchNorm(c_out), relu=ReLU)


def _row(c_in: int, c_out: int, size: int) -> Seq:
    """A convolution of 1 x size."""
    return _conv(c_in, c_out, (1, size), padding=(0, size // 2))


def _column(c_in: int, c_out: int, size: int) -> Seq:
    """A convolution of size x 1."""
    return _conv(c_in, c_out, (size, 1), padding=(size // 2, 0))


def _side_by_side(*branches: Node) -> Concat:
    return Concat(tuple((f"branch{i}", branch) for i, branch in enumerate(branches, start=1)))


def _module_a(c: int, pooled: int) -> Concat:
    """1x1, 5x5, two 3x3 and a pool."""
    return _side_by_side(
        _conv(c, 64),
        seq(_conv(c, 48), _conv(48, 64, 5, padding=2)),
        seq(_conv(c, 64), _conv(64, 96, 3, padding=1), _conv(96, 96, 3, padding=1)),
        seq(_POOL, _conv(c, pooled)),
    )


def _module_c(c: int, m: int) -> Concat:
    """1x1, 7x7 in two steps, twice 7x7 in two steps, and a pool."""
    return _side_by_side(
        _conv(c, 192),
        seq(_conv(c, m), _row(m, m, 7), _column(m, 192, 7)),
        seq(_conv(c, m), _column(m, m, 7), _row(m, m, 7), _column(m, m, 7), _row(m, 192, 7)),
        seq(_POOL, _conv(c, 192)),
    )


def _module_e(c: int) -> Concat:
    """1x1, and 1x3 beside 3x1 after a 1x1 and after a 3x3, and a pool."""
    both = _side_by_side(_row(384, 384, 3), _column(384, 384, 3))
    return _side_by_side(
        _conv(c, 320),
        seq(_conv(c, 384), both),
        seq(_conv(c, 448), _conv(448, 384, 3, padding=1), both),
        seq(_POOL, _conv(c, 192)),
    )


@family("Inception V3, Table 1")
def inception_v3(resolution: Number = 299, classes: Number = 1000) -> Network:
    """Inception V3 without its auxiliary classifier, which inference does not run."""
    check_resolution(resolution)
    grid_1 = _side_by_side(
        _conv(288, 384, 3, 2),
        seq(_conv(288, 64), _conv(64, 96, 3, padding=1), _conv(96, 96, 3, 2)),
        _DOWN,
    )
    grid_2 = _side_by_side(
        seq(_conv(768, 192), _conv(192, 320, 3, 2)),
        seq(_conv(768, 192), _row(192, 192, 7), _column(192, 192, 7), _conv(192, 192, 3, 2)),
        _DOWN,
    )
    stem = seq(_conv(3, 32, 3, 2), _conv(32, 32, 3), _conv(32, 64, 3, padding=1))
    spec = seq(
        stem=stem,
        pool1=_DOWN,
        conv4=seq(_conv(64, 80), _conv(80, 192, 3)),
        pool2=_DOWN,
        stage1=seq(_module_a(192, 32), _module_a(256, 64), _module_a(288, 64)),
        grid1=grid_1,
        stage2=seq(*(_module_c(768, m) for m in (128, 160, 160, 192))),
        grid2=grid_2,
        stage3=seq(_module_e(1280), _module_e(2048)),
        globalpool=GlobalAvgPool(),
        dropout=Dropout(),
        flatten=Flatten(),
        fc=Linear(2048, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


def _separable(c_in: int, c_out: int) -> dict[str, Node]:
    """A depthwise 3x3, a 1x1, and norm."""
    return {
        "dw": Conv2d(c_in, c_in, 3, 1, 1, groups=c_in),
        "pw": Conv2d(c_in, c_out),
        "bn": BatchNorm(c_out),
    }


def _unit(widths: tuple[int, ...], stride: int, *, first: bool = False) -> Add:
    """Separable convolutions, each after a ReLU, a pool where the stride is 2, and a shortcut.

    The `first` unit has no ReLU before its first convolution.
    """
    layers: list[Node] = []
    for i, (c_in, c_out) in enumerate(pairwise(widths)):
        early: dict[str, Node] = {} if first and i == 0 else {"relu": ReLU}
        layers.append(seq(**early, **_separable(c_in, c_out)))
    if stride == 2:
        layers.append(MaxPool2d(3, 2, 1))
    shortcut: Node = Identity()
    if stride == 2 or widths[0] != widths[-1]:
        shortcut = seq(conv=Conv2d(widths[0], widths[-1], 1, stride), bn=BatchNorm(widths[-1]))
    return Add((("branch", seq(*layers)), ("shortcut", shortcut)))


@family("Xception")
def xception(resolution: Number = 299, classes: Number = 1000) -> Network:
    """Xception: entry, middle and exit flow of separable convolutions with shortcuts."""
    check_resolution(resolution)
    entry = [
        _unit((64, 128, 128), 2, first=True),
        _unit((128, 256, 256), 2),
        _unit((256, 728, 728), 2),
    ]
    spec = seq(
        conv1=_conv(3, 32, 3, 2),
        conv2=_conv(32, 64, 3),
        entry=seq(*entry),
        middle=seq(*[_unit((728, 728, 728, 728), 1)] * 8),
        exit=_unit((728, 728, 1024), 2),
        conv3=seq(**_separable(1024, 1536), relu=ReLU),
        conv4=seq(**_separable(1536, 2048), relu=ReLU),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(2048, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


variant("inception_v3", "inception_v3")
variant("xception", "xception")
