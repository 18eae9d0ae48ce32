"""ViT (arXiv 2010.11929) and DeiT (arXiv 2012.12877)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    Add,
    Attention,
    ClassToken,
    Conv2d,
    FirstToken,
    Identity,
    LayerNorm,
    Linear,
    Number,
    PositionEmbedding,
    Seq,
    Tokens,
    seq,
)
from shufflenet_flops.spec.numbers import exact_div
from shufflenet_flops.zoo.blocks import check_resolution
from shufflenet_flops.zoo.registry import Network, family, variant

# Width, layers and heads (ViT, Table 1; DeiT, Table 1).
SIZES = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
}


def layer(c: Number, heads: Number) -> Seq:
    """Attention and a perceptron of four times c, each after a layer norm and beside a shortcut."""
    attention = seq(
        norm=LayerNorm(c), qkv=Linear(c, 3 * c), attention=Attention(heads), project=Linear(c, c)
    )
    perceptron = seq(
        norm=LayerNorm(c),
        fc1=Linear(c, 4 * c),
        gelu=Activation("gelu"),
        fc2=Linear(4 * c, c),
    )
    return seq(
        attention=Add((("branch", attention), ("shortcut", Identity()))),
        mlp=Add((("branch", perceptron), ("shortcut", Identity()))),
    )


@family("ViT and DeiT, their Tables 1")
def vit(
    size: Literal["tiny", "small", "base", "large", "huge"] = "base",
    patch: int = 16,
    resolution: int = 224,
    classes: Number = 1000,
) -> Network:
    """ViT of a size on patches of `patch` pixels; DeiT is its tiny, small and base.

    The position embedding is for one resolution, which the patch must divide.
    """
    check_resolution(resolution)
    width, layers, heads = SIZES[size]
    side = exact_div(resolution, patch)
    spec = seq(
        patches=Conv2d(3, width, patch, patch, bias=True),
        tokens=Tokens(),
        cls=ClassToken(width),
        positions=PositionEmbedding(side * side + 1, width),
        layers=seq(*[layer(width, heads)] * layers),
        norm=LayerNorm(width),
        first=FirstToken(),
        head=Linear(width, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


variant("vit_b_16", "vit")
variant("vit_b_32", "vit", patch=32)
variant("vit_l_16", "vit", size="large")
variant("vit_l_32", "vit", size="large", patch=32)
variant("vit_h_14", "vit", size="huge", patch=14)
variant("deit_tiny", "vit", size="tiny")
variant("deit_small", "vit", size="small")
variant("deit_base", "vit", size="base")
