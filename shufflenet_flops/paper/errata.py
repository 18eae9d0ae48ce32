"""What the figures say against the papers: slips that the data supports."""

from __future__ import annotations

from dataclasses import dataclass

from shufflenet_flops import zoo
from shufflenet_flops.counting import Kind, Table, layer_table
from shufflenet_flops.paper.claims import alexnet_speedup, googlenet_printed_ops
from shufflenet_flops.paper.published import load_table
from shufflenet_flops.paper.reproduce import quoted_figure


@dataclass(frozen=True)
class Erratum:
    """Where something is printed, and what the figures say to it."""

    where: str
    finding: str


def errata() -> tuple[Erratum, ...]:
    """All of them, with the figures computed anew."""
    return (
        _mobilenet_share(),
        _mobilenet_stride(),
        _article_width(),
        _resnet_50(),
        _alexnet_speedup(),
        _budgets(),
        _stage_4_width(),
        _squeezenet(),
        _googlenet(),
    )


def _table(name: str) -> Table:
    model = zoo.find(name)
    return layer_table(model.spec, model.input)


def _millions(value: int) -> str:
    return f"{value / 1e6:.2f} M"


def _mobilenet_share() -> Erratum:
    table = _table("mobilenet_v1_x1_0")
    share = sum(row.macs for row in table.rows if row.kind is Kind.DENSE_CONV) / table.macs
    name, column = "mobilenet_v1_table_2", "Mult-Adds"
    total = sum(quoted_figure(name, row, column) for row in load_table(name).rows)
    return Erratum(
        "MobileNet V1, Table 2",
        f"gives the 3x3 convolution 1.19 % of the multiply-adds; it has {100 * share:.2f} %. The "
        f"printed column sums to {float(total):.2f} %, so this looks like a misprint of 1.91.",
    )


def _mobilenet_stride() -> Erratum:
    printed, needed = (
        _millions(_table(f"mobilenet_v1@last_stride={stride}").macs) for stride in (2, 1)
    )
    return Erratum(
        "MobileNet V1, Table 1",
        "prints stride 2 for the last depthwise convolution, whose input and output are both 7x7. "
        f"With stride 2 the network costs {printed} multiply-adds, with stride 1 {needed}; "
        "569 M is printed.",
    )


def _article_width() -> Erratum:
    slip = _table("shufflenet_v1@layout=article,g=1,slip=true")
    right = _table("shufflenet_v1@layout=article,g=1")
    return Erratum(
        "a PyTorch port of ShuffleNet V1 (layout=article)",
        f"has 567 channels in Stage 4 at g = 1 where Table 1 has 576: {slip.params:,} parameters "
        f"and {_millions(slip.macs)} multiply-accumulates instead of {right.params:,} and "
        f"{_millions(right.macs)}.",
    )


def _resnet_50() -> Erratum:
    first, second = (
        f"{_table(f'resnet@depth=50,stride_in={where}').macs / 1e9:.3f}e9"
        for where in ("1x1", "3x3")
    )
    return Erratum(
        "ResNet, Table 1, and ResNeXt, Table 1",
        f"cost ResNet-50 at 3.8e9 and 4.1e9, and both are right: {first} with the stride in the "
        f"first 1x1 of a unit (and truncated), {second} with the stride in its 3x3.",
    )


def _alexnet_speedup() -> Erratum:
    at_224, mean = (float(alexnet_speedup(size, quoted_figure)) for size in ("224x224", "mean"))
    return Erratum(
        "ShuffleNet V1, section 4.5",
        f"says 13x faster than AlexNet. Table 8 gives {at_224:.1f}x at 224x224, where the 18x in "
        f"theory holds, and {mean:.1f}x as the mean of its three input sizes.",
    )


def _budgets() -> Erratum:
    with_fc = _table("shufflenet_v1_x1_0_g8")
    conv = sum(row.macs for row in with_fc.rows if row.kind is not Kind.LINEAR)
    return Erratum(
        "ShuffleNet V1, Tables 1 and 5",
        "print 137M and 140 for one network, 1x with g = 8. It costs "
        f"{_millions(conv)} in its convolutions and {_millions(with_fc.macs)} with the fc layer; "
        "140, 38 and 13 are budgets, not counts.",
    )


def _stage_4_width() -> Erratum:
    width = _table("shufflenet_v1_x0_5_g4").rows[-1].inputs[0][1]
    return Erratum(
        "ShuffleNet V1, section 4.2",
        "gives ShuffleNet 576 channels in Stage 4 at 38 MFLOPs. The network of that row of Table "
        f"4, 0.5x with g = 4, has {width}; Table 1 has 576 at g = 1 and scale 1.",
    )


def _squeezenet() -> Erratum:
    macs, padded = (
        layer_table(zoo.find(name).spec, (1, 3, 227, 227)).macs
        for name in ("squeezenet1_0", "squeezenet@conv10_padding=1")
    )
    return Erratum(
        "MobileNet V1, Table 9",
        f"gives SqueezeNet 1700 M multiply-adds. It has {_millions(macs)}, as ShuffleNet's Table 6 "
        "(833) says. SqueezeNet's release prints 1.72 GFLOPS, two operations for each of "
        f"{_millions(padded)} with the padding of its prototxt: the row counts operations.",
    )


def _googlenet() -> Erratum:
    printed = float(googlenet_printed_ops("", quoted_figure)) / 1e6
    return Erratum(
        "GoogLeNet, Table 1",
        "has 34 M operations for its first convolution, which as described costs 118 M. Its column "
        f"sums to {printed:.0f} M, close to the 1500 that ShuffleNet's Table 6 has; the network as "
        f"described costs {_millions(_table('googlenet_5x5').macs)}.",
    )
