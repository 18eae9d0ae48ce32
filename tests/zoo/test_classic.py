"""AlexNet, VGG, GoogLeNet and SqueezeNet against their published parameter counts."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.errors import SpecError


@pytest.mark.parametrize(
    ("name", "macs", "params"),
    [
        ("alexnet", 714_188_480, 61_100_840),
        ("alexnet_grouped", 724_406_816, 60_965_224),
        ("vgg16", 15_470_264_320, 138_357_544),
        ("vgg19", 19_632_062_464, 143_667_240),
        ("googlenet", 1_498_376_192, 6_624_904),
        ("googlenet_5x5", 1_582_671_872, 6_998_552),
        ("squeezenet1_0", 818_924_576, 1_248_424),
        ("squeezenet1_1", 349_151_936, 1_235_496),
        ("squeezenet@ceil=false", 777_221_152, 1_248_424),
    ],
)
def test_golden(name: str, macs: int, params: int) -> None:
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)

    assert (table.macs, table.params) == (macs, params)


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("squeezenet1_0", 832_667_936),
        ("squeezenet@ceil=false", 832_667_936),
        ("squeezenet@conv10_padding=1", 861_339_936),
    ],
)
def test_at_227_pixels_pooling_is_the_same_rounded_up_or_down(name: str, macs: int) -> None:
    assert layer_table(zoo.find(name).spec, (1, 3, 227, 227)).macs == macs


def test_the_single_tower_takes_other_sizes_and_the_grouped_one_does_not() -> None:
    x = (1, 3, 480, 640)

    assert layer_table(zoo.find("alexnet").spec, x).rows[-1].output == (1, 1000)
    with pytest.raises(SpecError, match=r"fc6.linear on input 1x59904"):
        layer_table(zoo.find("alexnet_grouped").spec, x)


def test_a_name_shared_by_family_and_variant_is_found_and_listed() -> None:
    assert {"alexnet", "googlenet"} <= set(zoo.names())
    assert zoo.find("alexnet@layout=grouped").spec == zoo.find("alexnet_grouped").spec
