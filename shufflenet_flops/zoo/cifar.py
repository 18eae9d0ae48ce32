"""The networks of 32x32 images: ResNet (section 4.2), ResNeXt (section 5.3), Wide ResNet."""

from __future__ import annotations

from collections.abc import Callable

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    Node,
    Number,
    ReLU,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm
from shufflenet_flops.zoo.registry import Network, family, variant
from shufflenet_flops.zoo.resnet import Shortcut, basic, bottleneck

Unit = Callable[[int, int, int], Node]
FIRST = 16


def _stages(repeat: int, first: int, width: int, unit: Unit) -> tuple[dict[str, Node], int]:
    """Three stages of `repeat` units, the first of `width` channels, doubling; the last width."""
    stages: dict[str, Node] = {}
    c_in = first
    for number in range(1, 4):
        c_out = width * 2 ** (number - 1)
        start = unit(c_in, c_out, 2 if number > 1 else 1)
        stages[f"stage{number}"] = seq(start, *[unit(c_out, c_out, 1)] * (repeat - 1))
        c_in = c_out
    return stages, c_in


def _repeats(name: str, depth: int, other: int, layers: int) -> int:
    """Units of a stage: three stages of units of `layers` layers, and `other` layers beside."""
    step = 3 * layers
    repeat, rest = divmod(depth - other, step)
    if rest or repeat < 1:
        near = sorted({max(other + step, other + step * (repeat + i)) for i in (0, 1)})
        raise InputError(
            f"{name}@depth={depth}: must be {step}n + {other}; nearest "
            f"{'is' if len(near) == 1 else 'are'} {' and '.join(map(str, near))}"
        )
    return repeat


def _network(spec: dict[str, Node], c: Number, resolution: Number, classes: Number) -> Network:
    check_resolution(resolution)
    head = seq(**spec, globalpool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(c, classes))
    return Network(head, (1, 3, resolution, resolution))


@family("ResNet, section 4.2")
def cifar_resnet(
    depth: int = 20, shortcut: Shortcut = "A", resolution: Number = 32, classes: Number = 10
) -> Network:
    """ResNet of 6n + 2 layers for 32x32 images; the paper's shortcuts have no parameters (A)."""

    def unit(c_in: int, c_out: int, stride: int) -> Node:
        return basic(c_in, c_out, stride, shortcut=shortcut)

    stages, c = _stages(_repeats("cifar_resnet", depth, 2, 2), FIRST, FIRST, unit)
    return _network({"conv1": conv_norm(3, FIRST, 3), **stages}, c, resolution, classes)


@family("ResNeXt, section 5.3")
def cifar_resnext(
    depth: int = 29,
    cardinality: int = 8,
    width: int = 64,
    resolution: Number = 32,
    classes: Number = 10,
) -> Network:
    """ResNeXt of 9n + 2 layers for 32x32 images: units of 256 channels in the first stage."""
    for name, value in (("cardinality", cardinality), ("width", width)):
        if value < 1:
            raise InputError(f"cifar_resnext@{name}={value}: must be at least 1")

    def unit(c_in: int, c_out: int, stride: int) -> Node:
        m = cardinality * width * c_out // 256
        changes = stride != 1 or c_in != c_out
        return bottleneck(c_in, c_out, m, cardinality, stride, project=changes)

    stages, c = _stages(_repeats("cifar_resnext", depth, 2, 3), 64, 256, unit)
    return _network({"conv1": conv_norm(3, 64, 3), **stages}, c, resolution, classes)


@family("Wide ResNet (arXiv 1605.07146), Table 1")
def wide_resnet(
    depth: int = 28, k: int = 10, resolution: Number = 32, classes: Number = 10
) -> Network:
    """Wide ResNet of 6n + 4 layers for 32x32 images, k times as wide as ResNet.

    Norm and ReLU stand before each convolution; the first unit of a stage projects its input after
    them.
    """
    if k < 1:
        raise InputError(f"wide_resnet@k={k}: must be at least 1")

    def unit(c_in: int, c_out: int, stride: int) -> Node:
        early: dict[str, Node] = {"bn1": BatchNorm(c_in), "relu1": ReLU}
        late: dict[str, Node] = {
            "conv1": Conv2d(c_in, c_out, 3, stride, 1),
            "bn2": BatchNorm(c_out),
            "relu2": ReLU,
            "conv2": Conv2d(c_out, c_out, 3, 1, 1),
        }
        if c_in == c_out:
            return Add((("branch", seq(**early, **late)), ("shortcut", Identity())))
        sum_of = Add((("branch", seq(**late)), ("shortcut", Conv2d(c_in, c_out, 1, stride))))
        return seq(**early, sum=sum_of)

    stages, c = _stages(_repeats("wide_resnet", depth, 4, 2), FIRST, FIRST * k, unit)
    spec: dict[str, Node] = {"conv1": Conv2d(3, FIRST, 3, 1, 1), **stages}
    return _network({**spec, "bn": BatchNorm(c), "relu": ReLU}, c, resolution, classes)


for _depth in (20, 32, 44, 56, 110):
    variant(f"cifar_resnet{_depth}", "cifar_resnet", depth=_depth)
variant("cifar_resnext29_8x64d", "cifar_resnext")
variant("cifar_resnext29_16x64d", "cifar_resnext", cardinality=16)
variant("cifar_wide_resnet28_10", "wide_resnet")
