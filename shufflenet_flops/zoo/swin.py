"""Swin Transformer (arXiv 2103.14030)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    Add,
    AddMask,
    Conv2d,
    Crop,
    CyclicShift,
    Flatten,
    FromWindows,
    GlobalAvgPool,
    Identity,
    LayerNorm,
    Linear,
    MergeHeads,
    MergePatches,
    Node,
    Number,
    PadToMultiple,
    RelativePosition,
    Seq,
    ShiftMask,
    ToChannelsFirst,
    ToChannelsLast,
    ToWindows,
    WindowAttention,
    seq,
)
from shufflenet_flops.spec.numbers import check_at_least, exact_div
from shufflenet_flops.zoo.blocks import check_resolution
from shufflenet_flops.zoo.registry import Network, family, variant

HEAD = 32  # channels of one head
# Channels of the first stage, doubled from stage to stage, and blocks of the four (section 3.3).
SIZES: dict[str, tuple[int, tuple[int, ...]]] = {
    "tiny": (96, (2, 2, 6, 2)),
    "small": (96, (2, 2, 18, 2)),
    "base": (128, (2, 2, 18, 2)),
    "large": (192, (2, 2, 18, 2)),
}


def attention(c: Number, window: int, *, shifted: bool) -> Crop:
    """Attention within windows of a map of c channels, which are shifted by half of one or not."""
    heads = exact_div(c, HEAD)
    bias: Node = RelativePosition(window, heads)
    if shifted:
        bias = AddMask((("position", bias), ("mask", ShiftMask(window))))
    within = seq(
        pad=PadToMultiple(window),
        **({"shift": CyclicShift(window)} if shifted else {}),
        cut=ToWindows(window),
        attention=WindowAttention((("qkv", Linear(c, 3 * c)), ("bias", bias))),
        merge=MergeHeads(),
        project=Linear(c, c),
        join=FromWindows(window),
        **({"back": CyclicShift(window, back=True)} if shifted else {}),
    )
    return Crop((("windows", within), ("map", Identity())))


def block(c: Number, window: int, *, shifted: bool) -> Seq:
    """Attention and a perceptron of four times c, each after a layer norm and beside a shortcut."""
    attend = seq(norm=LayerNorm(c), attention=attention(c, window, shifted=shifted))
    perceptron = seq(
        norm=LayerNorm(c), fc1=Linear(c, 4 * c), gelu=Activation("gelu"), fc2=Linear(4 * c, c)
    )
    return seq(
        attention=Add((("branch", attend), ("shortcut", Identity()))),
        mlp=Add((("branch", perceptron), ("shortcut", Identity()))),
    )


@family("Swin Transformer, section 3.3")
def swin(
    size: Literal["tiny", "small", "base", "large"] = "tiny",
    window: int = 7,
    resolution: int = 224,
    classes: Number = 1000,
) -> Network:
    """Swin Transformer of a size, its attention within windows of `window` x `window` tokens.

    Every second block shifts its windows by half of one. Maps that windows do not fill are padded
    with zeros, as torchvision does; what drops whole blocks in training is not there.
    """
    check_resolution(resolution)
    check_at_least("window", window, 2)
    width, repeats = SIZES[size]
    stages: dict[str, Node] = {
        "patches": seq(
            conv=Conv2d(3, width, 4, 4, bias=True), last=ToChannelsLast(), norm=LayerNorm(width)
        )
    }
    for number, repeat in enumerate(repeats, start=1):
        c = width * 2 ** (number - 1)
        if number > 1:
            stages[f"merge{number}"] = seq(
                pad=PadToMultiple(2),
                patches=MergePatches(),
                norm=LayerNorm(2 * c),
                reduce=Linear(2 * c, c, bias=False),
            )
        stages[f"stage{number}"] = seq(
            *(block(c, window, shifted=i % 2 == 1) for i in range(repeat))
        )
    spec = seq(
        **stages,
        norm=LayerNorm(c),
        first=ToChannelsFirst(),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        head=Linear(c, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


variant("swin_t", "swin")
variant("swin_s", "swin", size="small")
variant("swin_b", "swin", size="base")
variant("swin_l", "swin", size="large")
variant("swin_b_384", "swin", size="base", window=12, resolution=384)
