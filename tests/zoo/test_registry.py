"""Names, globs, options, and what is said of those that do not exist."""

from __future__ import annotations

import re
from typing import cast

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.errors import InputError, ShufflenetFlopsError, SpecError, UnknownNameError
from shufflenet_flops.spec import Conv2d, Number
from shufflenet_flops.zoo import registry
from shufflenet_flops.zoo.registry import Network, family, variant


def test_numbers_sort_as_numbers() -> None:
    """Globs select, and 101 comes after 50."""
    assert zoo.expand("vgg1[13]") == ["vgg11", "vgg13"]
    assert zoo.expand("vgg12*") == ["vgg12*"]
    assert zoo.expand("timm:vgg*") == ["timm:vgg*"]
    assert zoo.names("resnet*") == ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]


def test_a_variant_is_its_family_with_options() -> None:
    """Both spellings give the same tree."""
    by_name = zoo.find("shufflenet_v1_x0_5_g3")
    by_options = zoo.find("shufflenet_v1@g=3,scale=0.5")

    assert by_name.spec == by_options.spec


def test_a_name_is_given_once() -> None:
    """A second network of a name is a mistake of ours."""
    with pytest.raises(ValueError, match="already has a network named 'resnet50'"):
        variant("resnet50", "resnet", depth=50)
    with pytest.raises(ValueError, match="already has a network named 'resnet'"):

        @family("nowhere")
        def resnet() -> Network:
            raise AssertionError


def test_an_option_has_a_type_and_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a family's function lacks is said when it is registered."""
    monkeypatch.setattr(registry, "_FAMILIES", {})
    message = "the option width needs a type and a default, as in width: Number = 64"
    with pytest.raises(TypeError, match=f"untyped: {message}"):

        @family("nowhere")
        def untyped(width=16) -> Network:  # type: ignore[no-untyped-def]  # which is the mistake
            raise AssertionError

    with pytest.raises(TypeError, match=f"without: {message}"):

        @family("nowhere")
        def without(width: Number) -> Network:
            raise AssertionError


def test_a_family_returns_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its spec alone."""
    monkeypatch.setattr(registry, "_FAMILIES", {})

    @family("nowhere")
    def bare(width: Number = 16) -> Network:
        return cast(Network, Conv2d(3, width))

    with pytest.raises(SpecError, match=re.escape("bare must return a Network(spec, input), and ")):
        bare(width=8)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("resnet5", UnknownNameError, "unknown model 'resnet5': did you mean resnet50"),
        ("xyzzy", UnknownNameError, "`shufflenet-flops models` lists them"),
        ("shufflenet_v1@gg=3", UnknownNameError, "unknown option of shufflenet_v1 'gg'"),
        ("shufflenet_v1@g", InputError, "'g' is not an option; write option=value"),
        ("shufflenet_v1@g=3,g=1", InputError, "option 'g' is given twice"),
        ("shufflenet_v1@g=5", SpecError, "g of 1, 2, 3, 4, 8; for others give c and stem"),
        ("shufflenet_v1@se=maybe", InputError, "must be true or false"),
        ("shufflenet_v1@classes=many", InputError, "must be a whole number"),
        ("shufflenet_v1@scale=wide", InputError, "must be a number"),
        ("shufflenet_v1@scale=nan", InputError, "scale=nan: must be a number below 2^63"),
        ("shufflenet_v1@scale=-1", InputError, "scale=-1.0: must be a number above 0"),
        ("shufflenet_v1@slip=true", InputError, "it needs layout=article, g=1 and scale=1"),
        (
            "shufflenet_v1@g=4,scale=0.5",
            SpecError,
            "scale=0.5 gives stage 2 136 channels, not a multiple of 16; rounding=up takes 144",
        ),
        ("resnext@cardinality=0", InputError, "resnext@cardinality=0: must be at least 1"),
        ("resnet@depth=18,stride_in=1x1", InputError, "it needs depth=50 or more"),
        ("resnet50@depth=18", InputError, "one network of the family resnet, which"),
        (
            "shufflenet_unit@c=250",
            SpecError,
            "c=250 cannot be split: g=3 needs output channels divisible by 4·g=12; "
            "nearest are 240 and 252",
        ),
        ("resnext_unit@m=7", SpecError, "m=7 must be divisible by g=3; nearest are 6 and 9"),
    ],
)
def test_bad_names(name: str, error: type[ShufflenetFlopsError], message: str) -> None:
    """Each message names the value, the rule and what would work."""
    with pytest.raises(error, match=re.escape(message)):
        zoo.find(name)
