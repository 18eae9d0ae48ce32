"""ConvNeXt (arXiv 2201.03545)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    Add,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Identity,
    LayerNorm,
    LayerScale,
    Linear,
    Node,
    Number,
    Seq,
    ToChannelsFirst,
    ToChannelsLast,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution
from shufflenet_flops.zoo.registry import Network, family, variant

# Channels of the first stage, doubled from stage to stage, and blocks of the four .
SIZES: dict[str, tuple[int, tuple[int, ...]]] = {
    "tiny": (96, (3, 3, 9, 3)),
    "small": (96, (3, 3, 27, 3)),
    "base": (128, (3, 3, 27, 3)),
    "large": (192, (3, 3, 27, 3)),
    "xlarge": (256, (3, 3, 27, 3)),
}


def block(c: Number) -> Add:
    """Depthwise 7x7, layer norm, 1x1 to four times c and back, scaled, added to the input."""
    branch = seq(
        dw=Conv2d(c, c, 7, 1, 3, groups=c, bias=True),
        last=ToChannelsLast(),
        norm=LayerNorm(c),
        expand=Linear(c, 4 * c),
        gelu=Activation("gelu"),
        project=Linear(4 * c, c),
        scale=LayerScale(c),
        first=ToChannelsFirst(),
    )
    return Add((("branch", branch), ("shortcut", Identity())))


def _norm(c: Number) -> Seq:
    """Layer norm over the channels of a map."""
    return seq(last=ToChannelsLast(), norm=LayerNorm(c), first=ToChannelsFirst())


@family("ConvNeXt")
def convnext(
    size: Literal["tiny", "small", "base", "large", "xlarge"] = "tiny",
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """ConvNeXt of a size; what drops whole blocks in training (stochastic depth) is not there."""
    check_resolution(resolution)
    width, repeats = SIZES[size]
    stages: dict[str, Node] = {
        "stem": seq(conv=Conv2d(3, width, 4, 4, bias=True), norm=_norm(width))
    }
    for number, repeat in enumerate(repeats, start=1):
        c = width * 2 ** (number - 1)
        if number > 1:
            stages[f"down{number}"] = seq(
                norm=_norm(c // 2), conv=Conv2d(c // 2, c, 2, 2, bias=True)
            )
        stages[f"stage{number}"] = seq(*[block(c)] * repeat)
    spec = seq(
        **stages,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        norm=LayerNorm(c),
        fc=Linear(c, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _size in SIZES:
    variant(f"convnext_{_size}", "convnext", size=_size)
