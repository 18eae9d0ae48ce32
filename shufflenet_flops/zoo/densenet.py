"""DenseNet (arXiv 1608.06993)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    Number,
    ReLU,
    seq,
)
from shufflenet_flops.spec.numbers import exact_div
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm
from shufflenet_flops.zoo.registry import Network, Values, derived, family, variant

# Layers of the four dense blocks (Table 1).
LAYERS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}


def layer(c_in: Number, growth: Number) -> Concat:
    """Norm, ReLU, 1x1 to 4 x growth, norm, ReLU, 3x3 to `growth` channels, beside the input."""
    branch = seq(
        bn1=BatchNorm(c_in),
        relu1=ReLU,
        conv1=Conv2d(c_in, 4 * growth),
        bn2=BatchNorm(4 * growth),
        relu2=ReLU,
        conv2=Conv2d(4 * growth, growth, 3, 1, 1),
    )
    return Concat((("input", Identity()), ("branch", branch)))


def _twice(options: Values) -> Number:
    growth: Number = options["growth"]
    return 2 * growth


@family("DenseNet, Table 1")
def densenet(
    depth: Literal[121, 161, 169, 201] = 121,
    growth: Number = 32,
    stem: Number = derived(_twice),
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """DenseNet-BC of a depth, each of whose layers adds `growth` channels to those before it.

    A transition halves the channels (the compression of DenseNet-C).
    """
    check_resolution(resolution)
    stages: dict[str, Node] = {"conv1": conv_norm(3, stem, 7, 2), "maxpool": MaxPool2d(3, 2, 1)}
    c = stem
    for number, repeat in enumerate(LAYERS[depth], start=1):
        layers = []
        for _ in range(repeat):
            layers.append(layer(c, growth))
            c = c + growth
        stages[f"block{number}"] = seq(*layers)
        if number < len(LAYERS[depth]):
            half = exact_div(c, 2)
            stages[f"transition{number}"] = seq(
                bn=BatchNorm(c), relu=ReLU, conv=Conv2d(c, half), pool=AvgPool2d(2, 2)
            )
            c = half
    spec = seq(
        **stages,
        bn=BatchNorm(c),
        relu=ReLU,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(c, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _depth in LAYERS:
    _growth = {"growth": 48} if _depth == 161 else {}
    variant(f"densenet{_depth}", "densenet", depth=_depth, **_growth)
