"""AlexNet, VGG, GoogLeNet and SqueezeNet: the networks that small ones are compared with.

Local response normalisation, which AlexNet and GoogLeNet had and torchvision dropped, is left out:
it has no parameters and no multiply-accumulates.
"""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    AdaptiveAvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, squeezed
from shufflenet_flops.zoo.registry import Network, family, variant


def _classifier(features: int, classes: Number) -> dict[str, Node]:
    """Three fully connected layers of 4096, 4096 and `classes` (AlexNet, section 3.5; VGG)."""
    return {
        "flatten": Flatten(),
        "fc6": seq(linear=Linear(features, 4096), relu=ReLU, dropout=Dropout()),
        "fc7": seq(linear=Linear(4096, 4096), relu=ReLU, dropout=Dropout()),
        "fc8": Linear(4096, classes),
    }


def _conv(
    c_in: int,
    c_out: Number,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    g: int = 1,
    *,
    norm: bool = False,
    se: bool = False,
) -> Seq:
    conv = Conv2d(c_in, c_out, kernel, stride, padding, groups=g, bias=True)
    bn: dict[str, Node] = {"bn": BatchNorm(c_out)} if norm else {}
    return seq(conv=conv, **bn, relu=ReLU, **squeezed(c_out, se=se))


@family("AlexNet (2012), section 3.5; arXiv 1404.5997 for the single tower")
def alexnet(layout: Literal["single", "grouped"] = "single", classes: Number = 1000) -> Network:
    """AlexNet: one tower, as in torchvision, or the original two, written as grouped convolutions.

    The original takes 227x227 inputs (224 as printed, which its first convolution cannot tile).
    """
    if layout == "single":
        spec = seq(
            conv1=_conv(3, 64, 11, 4, 2),
            pool1=MaxPool2d(3, 2),
            conv2=_conv(64, 192, 5, 1, 2),
            pool2=MaxPool2d(3, 2),
            conv3=_conv(192, 384, 3, 1, 1),
            conv4=_conv(384, 256, 3, 1, 1),
            conv5=_conv(256, 256, 3, 1, 1),
            pool5=MaxPool2d(3, 2),
            avgpool=AdaptiveAvgPool2d(6),
            **_classifier(256 * 6 * 6, classes),
        )
        return Network(spec)
    spec = seq(
        conv1=_conv(3, 96, 11, 4),
        pool1=MaxPool2d(3, 2),
        conv2=_conv(96, 256, 5, 1, 2, g=2),
        pool2=MaxPool2d(3, 2),
        conv3=_conv(256, 384, 3, 1, 1),
        conv4=_conv(384, 384, 3, 1, 1, g=2),
        conv5=_conv(384, 256, 3, 1, 1, g=2),
        pool5=MaxPool2d(3, 2),
        **_classifier(256 * 6 * 6, classes),
    )
    return Network(spec, (1, 3, 227, 227))


# Convolutions of the five stages: configurations A, B, D and E.
_VGG_CONVS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


@family("VGG (arXiv 1409.1556), Table 1, A, B, D and E")
def vgg(
    depth: Literal[11, 13, 16, 19] = 16,
    norm: bool = False,
    pointwise: bool = False,
    se: bool = False,
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """VGG of a depth: five stages of 3x3 convolutions, then three fully connected layers.

    `norm` puts batch norm after each convolution, which torchvision offers and the paper has not;
    `pointwise` makes the last convolution of the last three stages of VGG-16 a 1x1
    (configuration C); `se` gates the output of every convolution (SENet, section 3).
    """
    check_resolution(resolution)
    if pointwise and depth != 16:
        raise InputError(f"vgg@pointwise=true: is configuration C, of depth 16, not {depth}")
    stages: dict[str, Node] = {}
    c_in = 3
    for number, repeat in enumerate(_VGG_CONVS[depth], start=1):
        c_out = min(32 * 2**number, 512)
        convs = []
        for i in range(repeat):
            small = pointwise and number > 2 and i == repeat - 1
            window = (1, 1, 0) if small else (3, 1, 1)
            convs.append(_conv(c_in if i == 0 else c_out, c_out, *window, norm=norm, se=se))
        stages |= {f"conv{number}": seq(*convs), f"pool{number}": MaxPool2d(2, 2)}
        c_in = c_out
    pool = AdaptiveAvgPool2d(7)
    return Network(
        seq(**stages, avgpool=pool, **_classifier(512 * 7 * 7, classes)),
        (1, 3, resolution, resolution),
    )


# Channels of each inception module: input; 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection.
INCEPTION = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


@family("GoogLeNet (arXiv 1409.4842), Table 1")
def googlenet(
    layout: Literal["torchvision", "paper"] = "torchvision", classes: Number = 1000
) -> Network:
    """GoogLeNet without its auxiliary classifiers, which inference does not run.

    torchvision has 3x3 where the paper has 5x5 (pytorch/vision issue 906), and batch norm in place
    of biases.
    """
    published = layout == "paper"

    def conv(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> Seq:
        norm: dict[str, Node] = {} if published else {"bn": BatchNorm(c_out)}
        plain = Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=published)
        return seq(conv=plain, **norm, relu=ReLU)

    def inception(name: str) -> Concat:
        c_in, one, reduce3, three, reduce5, five, pool = INCEPTION[name]
        large = 5 if published else 3
        return Concat(
            (
                ("branch1", conv(c_in, one)),
                ("branch2", seq(conv(c_in, reduce3), conv(reduce3, three, 3))),
                ("branch3", seq(conv(c_in, reduce5), conv(reduce5, five, large))),
                ("branch4", seq(MaxPool2d(3, 1, 1, ceil_mode=True), conv(c_in, pool))),
            )
        )

    def modules(stage: str) -> dict[str, Node]:
        return {f"inception{name}": inception(name) for name in INCEPTION if name[0] == stage}

    pool = MaxPool2d(3, 2, ceil_mode=True)
    spec = seq(
        conv1=conv(3, 64, 7, 2),
        pool1=pool,
        conv2=seq(conv(64, 64), conv(64, 192, 3)),
        pool2=pool,
        **modules("3"),
        pool3=pool,
        **modules("4"),
        pool4=pool if published else MaxPool2d(2, 2, ceil_mode=True),
        **modules("5"),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.4 if published else 0.2),
        fc=Linear(1024, classes),
    )
    return Network(spec)


def _fire(c_in: int, squeeze: int, expand: int) -> Seq:
    """Fire module: 1x1 to `squeeze` channels, then 1x1 and 3x3 to `expand` each, side by side."""
    return seq(
        squeeze=_conv(c_in, squeeze, 1),
        expand=Concat(
            (("1x1", _conv(squeeze, expand, 1)), ("3x3", _conv(squeeze, expand, 3, 1, 1)))
        ),
    )


_FIRE = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
# The layers that a max-pool follows.
_POOL_AFTER = {"1.0": ("conv1", "fire4", "fire8"), "1.1": ("conv1", "fire3", "fire5")}


@family("SqueezeNet (arXiv 1602.07360), Table 1; release 1.1 of its authors")
def squeezenet(
    version: Literal["1.0", "1.1"] = "1.0",
    ceil: bool = True,
    conv10_padding: Literal[0, 1] = 0,
    classes: Number = 1000,
) -> Network:
    """SqueezeNet 1.0 or 1.1; pools round up (`ceil`, as Caffe and torchvision do) or down.

    The authors' prototxt of 1.0 pads conv10, a 1x1 convolution, by 1; torchvision does not.
    """
    c_in = 96 if version == "1.0" else 64
    layers: dict[str, Node] = {"conv1": _conv(3, c_in, 7 if version == "1.0" else 3, 2)}
    for name in ("conv1", *_FIRE):
        if name in _FIRE:
            squeeze, expand = _FIRE[name]
            layers[name] = _fire(c_in, squeeze, expand)
            c_in = 2 * expand
        if name in _POOL_AFTER[version]:
            layers[f"pool_{name}"] = MaxPool2d(3, 2, ceil_mode=ceil)
    spec = seq(
        **layers,
        dropout=Dropout(),
        conv10=_conv(c_in, classes, 1, 1, conv10_padding),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
    )
    return Network(spec)


variant("alexnet", "alexnet")
variant("alexnet_grouped", "alexnet", layout="grouped")
for _depth in _VGG_CONVS:
    variant(f"vgg{_depth}", "vgg", depth=_depth)
    variant(f"vgg{_depth}_bn", "vgg", depth=_depth, norm=True)
variant("vgg16_c", "vgg", depth=16, pointwise=True)
variant("googlenet", "googlenet")
variant("googlenet_5x5", "googlenet", layout="paper")
variant("squeezenet1_0", "squeezenet", version="1.0")
variant("squeezenet1_1", "squeezenet", version="1.1")
