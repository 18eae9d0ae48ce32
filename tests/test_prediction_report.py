"""The report on predictions says what was measured: errors and shares worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from unittest.mock import Mock

import pytest

from benchmarks.prediction import report
from benchmarks.prediction.guidelines import guidelines
from benchmarks.prediction.held_out import NETWORKS, networks_of
from benchmarks.prediction.measured import Measured, Truth, _measured, load, save
from benchmarks.prediction.predicted import Compared, Guided, Outcome, Told, off_by, off_by_alone
from shufflenet_flops.counting import layer_table
from shufflenet_flops.environment import environment
from shufflenet_flops.report.plot.figure import image
from tests.latency.predict.laws import lawful
from tests.support import torchvision_ops


def compared(model: str, measured_s: float, predicted_s: float, macs: int = 100) -> Compared:
    """A network of which nothing else is of interest; what is off by a half is not covered."""
    rows = Told(predicted_s, predicted_s)
    if abs(predicted_s / measured_s - 1) >= 0.5:
        rows = Told(predicted_s, predicted_s / 3, 0.2, ("roll: no such kernel was measured",))
    compiled = Told(1.05 * measured_s, 1.05 * measured_s)
    return Compared(model, 224, measured_s, measured_s, rows, compiled, macs, 4 * macs)


@pytest.fixture
def one() -> Outcome:
    """Networks of 1, 2, 3 and 4 seconds, predicted 0, 5, 15 and 50 % too high."""
    rows = tuple(
        compared(f"timm:resnet{n}", n, n * (1 + off), 100 * n**2)
        for n, off in enumerate((0.0, 0.05, 0.15, 0.5), start=1)
    )
    measured = (
        *(Measured(row.model, 224, row.measured_s, 1.0) for row in rows),
        Measured("timm:x", 224),
    )
    truth = Truth("onnxruntime", "1.2", environment(), measured)
    errors = tuple([log(1.1)] * 18 + [log(1.3)])
    told = replace(lawful(), log_errors=errors, compiled_log_errors=errors, load=(0.1, 0.2))
    return Outcome(truth, told, rows)


def test_errors_by_hand(one: Outcome) -> None:
    """The mean of 0, 5, 15 and 50 %; three of four are within 20 %; MACs fit by their median."""
    ours = off_by(one.rows, lambda row: row.rows.seconds)
    assert ours.mape == pytest.approx(0.175)
    assert (ours.within_10, ours.within_20) == (0.5, 0.75)
    # n seconds and n^2 MACs: times the median of 1, 1/2, 1/3 and 1/4 that is n of these.
    alone = off_by_alone(one.rows, lambda row: row.macs)
    middle = (1 / 2 + 1 / 3) / 2
    assert alone.mape == pytest.approx(sum(abs(n * middle - 1) for n in (1, 2, 3, 4)) / 4)


def test_intervals_and_what_is_covered(one: Outcome) -> None:
    """The 90 % interval of 19 errors is the 18th: a factor of 1.1."""
    assert one.coverage(0.9, one.rows) == 0.5
    assert one.coverage(0.95, one.rows) == 0.75
    assert len(one.covered) == 3
    assert one.compiled_coverage(0.9) == 1
    assert one.failed == 1


def test_the_report_tells_it(one: Outcome) -> None:
    text = " ".join(report.findings([one]))
    assert "4 times of 4 networks" in text
    assert "the mean error is 17.5 %; 50.0 % are within 10 %, 75.0 % within 20 %" in text
    assert "1 network at a size could not be" in text
    assert "(`predict --compile`) the mean error is 5.0 %; 100.0 % are within 10 %" in text
    tables = report.grids([one])
    few = report.grids([replace(one, rows=one.rows[:2])])
    assert [table.title for table in few if "families" in table.title] == []
    assert [table.title for table in tables] == [
        "Predicted against measured",
        "How many of the times an interval holds",
        "onnxruntime: families of 3 networks and more",
        "onnxruntime: furthest off",
    ]
    families, furthest = ([cell.text for cell in table.rows[0]] for table in tables[2:])
    assert families[:4] == ["resnet", "4", "17.5 %", "1.10"]
    assert furthest[0] == "timm:resnet4"
    assert furthest[-1] == "roll"
    drawn = image(report.scatter(one), ".svg").decode()
    assert "measured ms" in drawn
    assert "$" not in drawn  # no formula stands where a number should


def test_guidelines_beside_each_other(one: Outcome) -> None:
    """Ratios are to the first network, of what was measured and of what either way predicts."""
    guided = {
        "G1": (Guided("a", 10**6, 0.001, 0.002, 0.004), Guided("b", 10**6, 0.003, 0.003, 0.01))
    }
    (table,) = report.guideline_grids([replace(one, guidelines=guided)])
    assert [cell.text for cell in table.rows[1]] == [
        *("", "b", "1", "3.00", "3.00", "3.00", "1.50", "2.50")
    ]
    bare = {"G1": tuple(replace(network, compiled_s=None) for network in guided["G1"])}
    (table,) = report.guideline_grids([replace(one, guidelines=bare)])
    assert [column.heading for column in table.columns][-1] == "predicted ratio"
    assert report.guideline_grids([one]) == []


def test_an_engine_without_kernels_has_no_ceiling(one: Outcome) -> None:
    rows = tuple(replace(row, kernels_s=None, compiled=None) for row in one.rows)
    (table, *_) = report.grids([replace(one, rows=rows)])
    names = [row[1].text for row in table.rows]
    assert "predicted from rows" in names
    assert not [name for name in names if "ceiling" in name or "compiles" in name]


def test_what_is_slow_to_convert_has_fewer_networks() -> None:
    """Each of these is measured at one size, and all three sizes come."""
    assert set(networks_of("eager")) == set(NETWORKS)
    few = networks_of("executorch")
    assert 50 < len(few) < len(NETWORKS) / 2
    assert {len(sizes) for sizes in few.values()} == {1}
    assert {size for sizes in few.values() for size in sizes} == {224, 160, 128}


def test_a_network_is_timed_as_a_module() -> None:
    """An engine that takes no graph tells no kernels, and no size is lost for another's failure."""
    torchvision_ops.declare()
    rows = list(_measured("eager", "timm:vit_tiny_patch16_224", [224, 160]))
    assert [row.size for row in rows] == [224, 160]
    assert rows[0].seconds
    assert rows[0].kernels_s is None
    assert not rows[1].seconds
    assert "160" in rows[1].reason


def test_why_a_network_did_not_run_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows names the files of a machine."""
    error = ValueError("no such size\n\nfrom user code:\n  File '/home/me/net.py', line 1")
    monkeypatch.setattr("benchmarks.prediction.measured._ready", Mock(side_effect=error))
    (row,) = _measured("eager", "timm:x", [224])
    assert row.reason == "ValueError: no such size"


def test_what_was_measured_comes_back(one: Outcome, tmp_path: Path) -> None:
    save(tmp_path / "t.json", one.truth)
    assert load(tmp_path / "t.json") == one.truth


def test_the_held_out_networks_are_many() -> None:
    assert len(NETWORKS) == len(set(NETWORKS)) >= 100


def test_guidelines_compare_like_with_like() -> None:
    """The networks of a guideline do as many MACs, within 6 %, as ShuffleNet V2 has them."""
    for networks in guidelines().values():
        macs = [layer_table(spec, shape).macs for spec, shape in networks.values()]
        assert max(macs) < 1.06 * min(macs)


def test_the_least_of_two_sittings() -> None:
    """Whichever it is, with its own kernels; one that failed the second time stays as it was."""
    first, second = Measured("timm:a", 224, 2.0, 1.9), Measured("timm:a", 224, 1.5, 1.6)
    least = Measured("timm:a", 224, 1.5, 1.6, other_s=2.0)
    assert first.least(second) == second.least(first) == least
    failed = Measured("timm:a", 224, reason="no memory")
    assert first.least(failed) == replace(first, other_s=2.0)
