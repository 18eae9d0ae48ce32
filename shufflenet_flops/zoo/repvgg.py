"""RepVGG (arXiv 2101.03697)."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from shufflenet_flops.spec import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    Node,
    Number,
    ReLU,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm, width_factor
from shufflenet_flops.zoo.registry import Network, family, variant

Form = Literal["train", "deploy"]
WIDTHS = (64, 128, 256, 512)
# Layers of the four stages after the first layer, of A and of B (Table 2).
LAYERS = {"A": (2, 4, 14, 1), "B": (4, 6, 16, 1)}


def layer(c_in: Number, c_out: Number, stride: int, form: Form) -> Node:
    """A 3x3, and in training beside it a 1x1 and, where shapes allow, the input, each normalised.

    For deployment the three are one 3x3 with a bias.
    """
    if form == "deploy":
        return seq(conv=Conv2d(c_in, c_out, 3, stride, 1, bias=True), relu=ReLU)
    both = Add(
        (
            ("dense", conv_norm(c_in, c_out, 3, stride, act=None)),
            ("pointwise", conv_norm(c_in, c_out, 1, stride, act=None)),
        )
    )
    if stride != 1 or c_in != c_out:
        return seq(both=both, relu=ReLU)
    return Add((("both", both), ("identity", BatchNorm(c_in))), after=(("relu", ReLU),))


@family("RepVGG, Tables 2 and 3")
def repvgg(
    kind: Literal["A", "B"] = "A",
    a: float = 0.75,
    b: float = 2.5,
    form: Form = "train",
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """RepVGG with multipliers a, of the first three stages' widths, and b, of the last's.

    `form` is that of training, with three branches, or that of deployment, with one.
    """
    check_resolution(resolution)
    early, late = width_factor("a", a), width_factor("b", b)
    factors = (early, early, early, late)
    c_in = int(min(Fraction(1), early) * WIDTHS[0])
    stages: dict[str, Node] = {"stage0": layer(3, c_in, 2, form)}
    plan = zip(WIDTHS, factors, LAYERS[kind], strict=True)
    for number, (width, factor, repeat) in enumerate(plan, start=1):
        c_out = int(factor * width)
        layers = []
        for i in range(repeat):
            layers.append(layer(c_in, c_out, 1 if i else 2, form))
            c_in = c_out
        stages[f"stage{number}"] = seq(*layers)
    spec = seq(**stages, globalpool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(c_in, classes))
    return Network(spec, (1, 3, resolution, resolution))


_SCALES = {
    "a0": (0.75, 2.5),
    "a1": (1.0, 2.5),
    "a2": (1.5, 2.75),
    "b0": (1.0, 2.5),
    "b1": (2.0, 4.0),
}
for _name, (_a, _b) in _SCALES.items():
    for _form, _suffix in (("train", ""), ("deploy", "_deploy")):
        variant(f"repvgg_{_name}{_suffix}", "repvgg", kind=_name[0].upper(), a=_a, b=_b, form=_form)
