"""The structures of ShuffleNet V1's Table 4."""

from __future__ import annotations

import pytest
import sympy

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table, walk_macs
from shufflenet_flops.errors import SpecError
from shufflenet_flops.zoo import table4


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("table4_vgg", 38_941_790),
        ("table4_resnet", 38_125_056),
        ("table4_xception", 38_517_408),
        ("table4_resnext", 44_484_864),
    ],
)
def test_golden(name: str, macs: int) -> None:
    model = zoo.find(name)

    assert layer_table(model.spec, model.input).macs == macs


def test_xception_like_is_shufflenet_with_one_group() -> None:
    """Section 4.2 says so."""
    x = (1, 3, 224, 224)
    ours = layer_table(zoo.find("table4_xception").spec, x)

    assert ours == layer_table(zoo.find("shufflenet_v1_x0_5_g1").spec, x)


@pytest.mark.parametrize(
    ("structure", "text"),
    [
        ("vgg", "18*c**2"),
        ("resnet", "2*c*(c/4) + 9*(c/4)**2"),
        ("xception", "2*c*(c/4) + 9*c/4"),
        ("resnext", "2*c*(c/2) + 9*(c/2)**2/16"),
    ],
)
def test_a_unit_costs_what_its_definition_says(structure: table4.Structure, text: str) -> None:
    c = sympy.Symbol("c", integer=True, positive=True)

    macs = walk_macs(table4.unit(structure, c, c), (1, c, 1, 1))

    assert sympy.expand(macs - sympy.sympify(text, {"c": c})) == 0


def test_channels_that_do_not_divide_are_refused_unless_rounded() -> None:
    with pytest.raises(SpecError, match=r"stage 2 would have 50/4 channels.*rounding=up takes 13"):
        zoo.find("shufflenet_v1_table4@structure=vgg,c=50")
    with pytest.raises(SpecError, match=r"stage 2 would have 48/2 .* of 16; rounding=up takes 32"):
        zoo.find("shufflenet_v1_table4@structure=resnext,c=192")
