"""Squeeze and excitation on networks that have none of their own (SENet, sections 3 and 4)."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import find_convention, layer_table
from shufflenet_flops.counting.table import Table
from shufflenet_flops.errors import SpecError
from shufflenet_flops.zoo.designs import find_design


def table(name: str) -> Table:
    model = zoo.find(name)
    return layer_table(model.spec, model.input)


def gate(c: int, times: int) -> int:
    """Parameters of gates of c channels: c to c/16 and back, with biases."""
    return times * (2 * c * c // 16 + c // 16 + c)


@pytest.mark.parametrize(
    ("plain", "gated", "channels"),
    [
        (
            "mobilenet_v1",
            "mobilenet_v1@se=true",
            [64, *[128] * 2, *[256] * 2, *[512] * 6, *[1024] * 2],
        ),
        ("vgg11", "vgg@depth=11,se=true", [64, 128, *[256] * 2, *[512] * 4]),
        ("vgg16_bn", "vgg@norm=true,se=true", [*[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6]),
    ],
)
def test_what_gates_add(plain: str, gated: str, channels: list[int]) -> None:
    """After each unit of MobileNet, and after each convolution of VGG."""
    before, after = table(plain), table(gated)

    assert after.params - before.params == sum(gate(c, 1) for c in channels)
    assert after.macs - before.macs == sum(c * c // 8 for c in channels)


def test_senets_convention() -> None:
    """Table 2: 3.87 G of SE-ResNet-50, 1 for each element that a norm or a gate scales."""
    se = table("resnet@depth=50,stride_in=1x1,se=true")
    stages = [(256, 56, 3), (512, 28, 4), (1024, 14, 6), (2048, 7, 3)]
    gated = sum(c * side * side * units for c, side, units in stages)
    norms = sum(row.activations for row in se.rows if row.op == "conv2d" and "gate" not in row.path)

    assert find_convention("netscope").total(se.counts) == se.macs + gated + norms == 3_876_594_688


@pytest.mark.parametrize(("name", "step"), [("mobilenet_v1", 32), ("mobilenet_v1@se=true", 256)])
def test_widths_that_gates_can_divide(name: str, step: int) -> None:
    """The first unit's channels are a sixteenth of the last's, and its gate divides them by 16."""
    design = find_design(name)

    assert design.step({}) == step
    assert design.build(**design.fill({"c": step}))
    with pytest.raises(SpecError, match="divisible"):
        design.build(**design.fill({"c": step // 2}))
