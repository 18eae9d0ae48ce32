"""ResNet (arXiv 1512.03385) and ResNeXt (arXiv 1611.05431)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    Number,
    ReLU,
    Seq,
    ZeroPadShortcut,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, squeezed
from shufflenet_flops.zoo.registry import Network, family, variant

StrideIn = Literal["1x1", "3x3"]
Shortcut = Literal["A", "B"]


def bottleneck(
    c_in: Number,
    c_out: Number,
    m: Number,
    g: Number = 1,
    stride: int = 1,
    *,
    stride_in: StrideIn = "3x3",
    shortcut: Shortcut = "B",
    project: bool | None = None,
    se: bool = False,
) -> Add:
    """1x1 to m channels, 3x3 in g groups, 1x1 to c_out, added to the shortcut, then ReLU.

    `project` tells whether the shortcut changes shape (default: when the stride does). `se` gates
    the branch (SENet).
    """
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    branch = seq(
        conv1=Conv2d(c_in, m, 1, first),
        bn1=BatchNorm(m),
        relu1=ReLU,
        conv2=Conv2d(m, m, 3, second, 1, groups=g),
        bn2=BatchNorm(m),
        relu2=ReLU,
        conv3=Conv2d(m, c_out, 1),
        bn3=BatchNorm(c_out),
        **squeezed(c_out, se=se),
    )
    return _residual(branch, c_in, c_out, stride, shortcut, project)


def basic(
    c_in: Number,
    c_out: Number,
    stride: int = 1,
    *,
    shortcut: Shortcut = "B",
    project: bool | None = None,
    se: bool = False,
) -> Add:
    """Two 3x3 convolutions added to the shortcut, then ReLU (ResNet-18 and -34)."""
    branch = seq(
        conv1=Conv2d(c_in, c_out, 3, stride, 1),
        bn1=BatchNorm(c_out),
        relu1=ReLU,
        conv2=Conv2d(c_out, c_out, 3, 1, 1),
        bn2=BatchNorm(c_out),
        **squeezed(c_out, se=se),
    )
    return _residual(branch, c_in, c_out, stride, shortcut, project)


def _residual(
    branch: Seq, c_in: Number, c_out: Number, stride: int, shortcut: Shortcut, project: bool | None
) -> Add:
    skip: Node = Identity()
    if project or (project is None and stride != 1):
        skip = (
            ZeroPadShortcut(c_out, stride)
            if shortcut == "A"
            else seq(conv=Conv2d(c_in, c_out, 1, stride), bn=BatchNorm(c_out))
        )
    return Add((("branch", branch), ("shortcut", skip)), after=(("relu", ReLU),))


_REPEATS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


@family("ResNet, Table 1")
def resnet(
    depth: Literal[18, 34, 50, 101, 152] = 50,
    stride_in: StrideIn = "3x3",
    shortcut: Shortcut = "B",
    width: int = 1,
    se: bool = False,
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """ResNet of a given depth.

    The paper strides in the first 1x1 of a bottleneck and torchvision in its 3x3 (`stride_in`).
    Shortcuts that change shape are 1x1 projections (`B`) or padded with zeros (`A`), section 3.3.
    `width` multiplies the channels inside a bottleneck (Wide ResNet, as torchvision has it), `se`
    gates every unit (SENet).
    """
    check_resolution(resolution)
    if width < 1:
        raise InputError(f"resnet@width={width}: must be at least 1")
    if depth < 50:
        if stride_in != "3x3":
            raise InputError(
                f"resnet@stride_in={stride_in}: ResNet-{depth} has no 1x1 in its units; "
                "it needs depth=50 or more"
            )
        if width != 1:
            raise InputError(
                f"resnet@width={width}: ResNet-{depth} has no bottlenecks; "
                "it needs depth=50 or more"
            )
        stages = [
            [
                basic(
                    c_in,
                    c_out,
                    stride,
                    shortcut=shortcut,
                    project=stride != 1 or c_in != c_out,
                    se=se,
                )
                for c_in, c_out, stride in blocks
            ]
            for blocks in _plan(_REPEATS[depth], 64)
        ]
        return _network(stages, 512, resolution, classes)
    stages = _bottlenecks(
        _REPEATS[depth], 64 * width, 1, stride_in=stride_in, shortcut=shortcut, se=se
    )
    return _network(stages, 2048, resolution, classes)


@family("ResNeXt, Table 1")
def resnext(
    depth: Literal[50, 101, 152] = 50,
    cardinality: int = 32,
    width: int = 4,
    se: bool = False,
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """ResNeXt: `cardinality` groups of `width` channels each in the first stage, doubling after.

    `se` gates every unit (SENet).
    """
    check_resolution(resolution)
    for name, value in (("cardinality", cardinality), ("width", width)):
        if value < 1:
            raise InputError(f"resnext@{name}={value}: must be at least 1")
    stages = _bottlenecks(_REPEATS[depth], cardinality * width, cardinality, se=se)
    return _network(stages, 2048, resolution, classes)


def _plan(repeats: tuple[int, ...], c_out: int) -> list[list[tuple[int, int, int]]]:
    """Per stage, each unit's (c_in, c_out, stride); widths double from stage to stage."""
    plan = []
    c_in = 64
    for i, repeat in enumerate(repeats):
        width = c_out * 2**i
        stage = []
        for j in range(repeat):
            stage.append((c_in, width, 2 if i and not j else 1))
            c_in = width
        plan.append(stage)
    return plan


def _bottlenecks(
    repeats: tuple[int, ...],
    m: int,
    g: int,
    *,
    stride_in: StrideIn = "3x3",
    shortcut: Shortcut = "B",
    se: bool = False,
) -> list[list[Add]]:
    """The four stages' units; m channels in the first stage's bottlenecks, doubling after."""
    return [
        [
            bottleneck(
                c_in,
                c_out,
                m * 2**i,
                g,
                stride,
                stride_in=stride_in,
                shortcut=shortcut,
                project=stride != 1 or c_in != c_out,
                se=se,
            )
            for c_in, c_out, stride in blocks
        ]
        for i, blocks in enumerate(_plan(repeats, 256))
    ]


def _network(
    stages: list[list[Add]], features: int, resolution: Number, classes: Number
) -> Network:
    stem = seq(conv=Conv2d(3, 64, 7, 2, 3), bn=BatchNorm(64), relu=ReLU)
    named = {f"conv{i}": seq(*units) for i, units in enumerate(stages, start=2)}
    return Network(
        seq(
            conv1=stem,
            maxpool=MaxPool2d(3, 2, 1),
            **named,
            globalpool=GlobalAvgPool(),
            flatten=Flatten(),
            fc=Linear(features, classes),
        ),
        (1, 3, resolution, resolution),
    )


for _depth in _REPEATS:
    variant(f"resnet{_depth}", "resnet", depth=_depth)
    variant(f"se_resnet{_depth}", "resnet", depth=_depth, se=True)
variant("wide_resnet50_2", "resnet", depth=50, width=2)
variant("wide_resnet101_2", "resnet", depth=101, width=2)
variant("resnext152_32x4d", "resnext", depth=152, cardinality=32, width=4)
variant("se_resnext50_32x4d", "resnext", depth=50, cardinality=32, width=4, se=True)
variant("se_resnext101_32x4d", "resnext", depth=101, cardinality=32, width=4, se=True)
variant("resnext50_32x4d", "resnext", depth=50, cardinality=32, width=4)
variant("resnext101_32x4d", "resnext", depth=101, cardinality=32, width=4)
variant("resnext101_32x8d", "resnext", depth=101, cardinality=32, width=8)
variant("resnext101_64x4d", "resnext", depth=101, cardinality=64, width=4)
