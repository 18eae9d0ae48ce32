"""The largest scale under a budget, against every scale one by one."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.scale_fit import scale_fit, scale_to_enlarge
from shufflenet_flops.errors import InputError, SpecError


def macs(name: str) -> int:
    model = zoo.find(name)
    return totals(model.spec, model.input)["macs"]


def test_which_efficientnet_fits_400_mmac() -> None:
    """B0 with 385.8: by phi=0.01 every stage has a block more."""
    found = scale_fit("efficientnet", "phi", {}, {"macs": 400_000_000})

    assert found.best.scales == {"phi": 0.0, "width": 1.0, "depth": 1.0, "resolution": 224}
    assert found.best.metrics["macs"] == macs("efficientnet_b0")
    assert found.next_wider.scales["phi"] == 0.01
    assert found.next_wider.metrics["macs"] == macs("efficientnet@phi=0.01") > 400_000_000


@pytest.mark.parametrize(
    ("name", "over", "given", "budget", "option"),
    [
        ("mobilenet_v2", "width", {"resolution": 160}, 100_000_000, "alpha"),
        ("efficientnet", "depth", {}, 900_000_000, "depth"),
        ("efficientnet", "phi", {"resolution": 224}, 700_000_000, "phi"),
        ("ghostnet", "width", {}, 150_000_000, "alpha"),
    ],
)
def test_equals_a_scan_of_every_hundredth(
    name: str, over: str, given: dict[str, int], budget: int, option: str
) -> None:
    """From a quarter of what is found to the first that is over."""
    found = scale_fit(name, over, given, {"macs": budget})
    others = "".join(f",{key}={value}" for key, value in given.items())
    last = round(100 * float(found.next_wider.scales[over]))
    counts = {
        hundredth: macs(f"{name}@{option}={hundredth / 100}{others}")
        for hundredth in range(max(last - 12, 1), last + 1)
    }
    within = [hundredth for hundredth, count in counts.items() if count <= budget]

    assert found.best.scales[over] == within[-1] / 100
    assert within[-1] == last - 1


def test_layers_and_resolutions() -> None:
    """ResNet's layers are those of Table 1; a patch of 16 pixels divides the image."""
    layers = scale_fit("resnet", "depth", {}, {"macs": 4_000_000_000})
    sides = scale_fit("vit@size=tiny", "resolution", {}, {"macs": 10**9}, multiple_of=16)

    assert (layers.best.scales["depth"], layers.next_wider.scales["depth"]) == (34, 50)
    assert sides.best.metrics["macs"] <= 10**9 < sides.next_wider.metrics["macs"]
    assert sides.next_wider.scales["resolution"] == sides.best.scales["resolution"] + 16
    with pytest.raises(SpecError, match="--multiple-of keeps resolution to multiples"):
        scale_fit("vit@size=tiny", "resolution", {}, {"macs": 10**9})


@pytest.mark.parametrize(
    ("name", "over", "budgets", "message"),
    [
        ("mobilenet_v2", "width", {"macs": 1000}, "the least, of width 0.01, has macs"),
        ("mobilenet_v2", "resolution", {"params": 10**9}, "stays within the budget at every"),
        ("resnet", "depth", {"macs": 10**12}, "at every depth up to 152"),
        ("mobilenet_v1", "width", {"macs": 10**9}, "is fitted by its channels"),
    ],
)
def test_what_fits_nothing_or_all_is_refused(
    name: str, over: str, budgets: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        scale_fit(name, over, {}, budgets)


def test_what_is_enlarged() -> None:
    """What is named, or phi of EfficientNet, whose variants have their own scales."""
    assert scale_to_enlarge(["efficientnet"], None, []) == "phi"
    assert scale_to_enlarge(["efficientnet"], None, ["resolution"]) == "phi"
    assert scale_to_enlarge(["efficientnet"], None, ["h"]) is None
    assert scale_to_enlarge(["efficientnet", "mobilenet_v2"], None, []) is None
    assert scale_to_enlarge(["efficientnet_b2"], None, []) is None
    assert scale_to_enlarge(["mobilenet_v2", "ghostnet"], "width", []) == "width"
    assert scale_to_enlarge(["resnet50"], "h,w", []) is None
    assert scale_to_enlarge(["net.py:Net"], "width", []) is None
    with pytest.raises(InputError, match="--depth: say what to enlarge, as in --over width"):
        scale_to_enlarge(["resnet"], None, ["depth"])
