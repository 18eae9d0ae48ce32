"""Other structures in ShuffleNet's skeleton: the networks of ShuffleNet V1, Table 4.

Table 1's architecture with the units of stages 2 to 4 replaced (section 4.2). The paper gives the
structures, and for 38 MFLOPs the channels of stage 4; it is silent about the stages before and
about conv1. As in Table 1, channels are taken to double from stage to stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from shufflenet_flops.errors import SpecError
from shufflenet_flops.spec import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.spec.numbers import exact_div, whole
from shufflenet_flops.zoo import resnet, shufflenet_v1
from shufflenet_flops.zoo.registry import Network, Values, derived, family, variant

Structure = Literal["vgg", "resnet", "xception", "resnext"]

CARDINALITY = 16

# Stage-4 channels at 38 MFLOPs (section 4.2), in the table's order.
STAGE4_WIDTHS: Mapping[str, int] = {"vgg": 50, "resnet": 192, "xception": 288, "resnext": 192}
# What every c that leaves all widths whole is a multiple of.
_STEPS: Mapping[str, int] = {
    "vgg": 4,
    "resnet": 16,
    "xception": 16,
    "resnext": 8 * CARDINALITY,
}


def unit(
    structure: Structure,
    c_in: Number,
    c_out: Number,
    stride: int = 1,
    *,
    g: Number = CARDINALITY,
    m: Number | None = None,
) -> Seq | Add | Concat:
    """One unit: `vgg`, two 3x3 convolutions with batch norm; `resnet`, a 1:4 bottleneck;
    `resnext`, a 1:2 bottleneck of cardinality g; `xception`, ShuffleNet's unit with one group.

    Bottleneck channels default to that ratio of c_out.
    """
    match structure:
        case "vgg":
            return seq(
                conv1=Conv2d(c_in, c_out, 3, stride, 1),
                bn1=BatchNorm(c_out),
                relu1=ReLU,
                conv2=Conv2d(c_out, c_out, 3, 1, 1),
                bn2=BatchNorm(c_out),
                relu2=ReLU,
            )
        case "xception":
            return shufflenet_v1.unit(c_in, c_out, 1, m=m, stride=stride)
        case "resnet":
            return resnet.bottleneck(
                c_in, c_out, exact_div(c_out, 4) if m is None else m, stride=stride
            )
        case "resnext":
            return resnet.bottleneck(
                c_in, c_out, exact_div(c_out, 2) if m is None else m, g, stride
            )


def network(
    structure: Structure,
    widths: tuple[Number, ...],
    stem: Number,
    *,
    bottlenecks: tuple[Number | None, ...] = (None, None, None),
    g: Number = CARDINALITY,
    classes: Number = 1000,
) -> Seq:
    """Table 1's skeleton with units of `structure`; widths may be ints, symbols or arrays."""
    stages = {}
    c_in = stem
    for number, (width, m, repeat) in enumerate(
        zip(widths, bottlenecks, shufflenet_v1.UNITS, strict=True), start=2
    ):
        first = unit(structure, c_in, width, 2, g=g, m=m)
        other = unit(structure, width, width, g=g, m=m)
        stages[f"stage{number}"] = seq(first, *[other] * (repeat - 1))
        c_in = width
    return seq(
        conv1=seq(conv=Conv2d(3, stem, 3, 2, 1), bn=BatchNorm(stem), relu=ReLU),
        maxpool=MaxPool2d(3, 2, 1),
        **stages,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(c_in, classes),
    )


def _stage4(options: Values) -> int:
    return STAGE4_WIDTHS[options["structure"]]


@family("ShuffleNet V1, section 4.2 and Table 4", step=lambda given: _STEPS[given["structure"]])
def shufflenet_v1_table4(
    structure: Structure = "resnet",
    c: Number = derived(_stage4),
    stem: Number = 12,
    rounding: shufflenet_v1.Rounding = "exact",
    classes: Number = 1000,
) -> Network:
    """A network of Table 4: c channels in stage 4, half in stage 3, a quarter in stage 2.

    A channel count that this does not make whole, or a ResNeXt bottleneck that is no multiple of
    the cardinality, is refused; `rounding=up` takes the next one that works.
    """
    half, quarter = (_part(f"stage {i}", c, by, 1, rounding) for i, by in ((3, 2), (2, 4)))
    widths = (quarter, half, c)
    bottlenecks: tuple[Number | None, ...] = (None, None, None)
    if structure == "resnext":
        bottlenecks = tuple(
            _part(f"the bottleneck of stage {i}", width, 2, CARDINALITY, rounding)
            for i, width in enumerate(widths, start=2)
        )
    return Network(network(structure, widths, stem, bottlenecks=bottlenecks, classes=classes))


def _part(
    where: str, channels: Number, by: int, step: int, rounding: shufflenet_v1.Rounding
) -> Number:
    """channels / by, where it must be a multiple of `step` or is raised to the next."""
    if rounding == "exact" and not isinstance(channels, int):
        return exact_div(channels, by)
    up = -(-whole(channels) // (by * step)) * step
    if up * by != channels and rounding == "exact":
        raise SpecError(
            f"{where} would have {channels}/{by} channels, not a multiple of {step}; "
            f"rounding=up takes {up}"
        )
    return up


for _structure in STAGE4_WIDTHS:
    _exact = STAGE4_WIDTHS[_structure] % _STEPS[_structure] == 0
    variant(
        f"table4_{_structure}",
        "shufflenet_v1_table4",
        structure=_structure,
        **({} if _exact else {"rounding": "up"}),
    )
