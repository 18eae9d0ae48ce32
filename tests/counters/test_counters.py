"""Totals that counters are known to report, and cost models that leave nothing over."""

from __future__ import annotations

import pytest

from shufflenet_flops import comparison, zoo
from shufflenet_flops.counting import CONVENTIONS, layer_table
from shufflenet_flops.sources import resolve


def compared(name: str) -> comparison.Comparison:
    return comparison.compare(comparison.prepare(resolve(name)))


@pytest.mark.parametrize(
    ("unit", "macs"),
    [("resnet", 47_980_800), ("resnext", 31_046_400), ("shufflenet", 7_949_760)],
)
def test_the_units_of_the_paper(unit: str, macs: int) -> None:
    """c=240, m=60, g=3, 28x28: formula = analytic = traced = torch / 2, and no residual."""
    found = compared(f"{unit}_unit@c=240,h=28,w=28" + ("" if unit == "resnet" else ",g=3"))

    assert found.formula_macs == found.analytic_macs == found.traced_macs == macs
    assert found.counters["torch"].reported == 2 * macs
    assert {report.residual for report in found.counters.values()} == {0}
    assert macs == 28 * 28 * {"resnet": 61_200, "resnext": 39_600, "shufflenet": 10_140}[unit]


def test_shufflenet_1x() -> None:
    """The totals that each counter gives for ShuffleNet V1 1x, g=3, at 224x224."""
    found = compared("shufflenet_v1_x1_0_g3")
    reported = {name: report.reported for name, report in found.counters.items()}

    assert reported == {
        "torch": 2 * 137_460_672,
        "fvcore": 143_505_312,
        "thop": 149_593_248,
    }
    assert {report.residual for report in found.counters.values()} == {0}
    assert found.counters["thop"].terms["norm_elements"] == 11_995_200


@pytest.mark.parametrize("name", ["fvcore", "thop"])
def test_conventions_predict_counters_without_running_them(name: str) -> None:
    """For a network of modules alone, the convention on the analytic table is the report."""
    model = zoo.find("shufflenet_unit@stride=2")
    found = compared("shufflenet_unit@stride=2")

    assert layer_table(model.spec, model.input).total(CONVENTIONS[name]) == (
        found.counters[name].reported
    )


def test_a_counter_that_is_not_installed_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison goes on without it."""
    monkeypatch.setitem(__import__("sys").modules, "thop", None)
    found = compared("resnet_unit")

    assert found.counters["thop"].status == "unavailable"
    assert "thop" in found.counters["thop"].reason
    assert found.counters["fvcore"].residual == 0
