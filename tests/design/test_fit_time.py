"""The widest network within a predicted time, against a scan of every width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shufflenet_flops.counting import Row, layer_table
from shufflenet_flops.design import fit as fitting
from shufflenet_flops.design.fit import fit
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.zoo.designs import find_design
from tests.latency.predict.laws import lawful

NANO = 1e-9


def jagged(rows: Sequence[Row], number: int) -> npt.NDArray[Any]:
    """A nanosecond for each MAC, and half as long where the last channels are a multiple of 64."""
    macs = np.broadcast_to(np.asarray(sum(row.macs for row in rows)), number)
    channels = np.broadcast_to(np.asarray(rows[-1].inputs[0][1]), number)
    return NANO * macs * np.where(channels % 64 == 0, 0.5, 1.0)


def seconds_at(name: str, channels: int) -> float:
    """Of one width, counted by itself."""
    design = find_design(name)
    network = design.build(**design.fill({"c": channels}))
    return float(jagged(layer_table(network.spec, network.input).rows, 1)[0])


@pytest.mark.parametrize("limit_s", [0.002, 0.04, 0.0401, 0.2, 1.3])
def test_it_is_the_widest_of_all(limit_s: float) -> None:
    """Narrower networks may take longer than it does, so bisection would not find it."""
    found = fit(find_design("mobilenet_v1"), {}, {"time_s": limit_s}, 1, jagged)

    widths = range(found.step, 4 * found.best.channels, found.step)
    times = {width: seconds_at("mobilenet_v1", width) for width in widths}
    within = [width for width, time in times.items() if time <= limit_s]
    assert found.best.channels == max(within)
    assert found.best.metrics["time_s"] == times[max(within)]
    assert found.next_wider.channels == max(within) + found.step
    assert found.over == ["time_s"]


def test_a_time_that_is_met_exactly_is_within() -> None:
    """Also where a sum in another order has other last digits."""
    design = find_design("mobilenet_v1")
    limit_s = seconds_at("mobilenet_v1", 1024)

    for exactly in (limit_s, limit_s * (1 - 1e-15)):
        assert fit(design, {}, {"time_s": exactly}, 1024, jagged).best.channels == 1024


def test_other_budgets_hold_as_well() -> None:
    """Whichever ends first is the one that the next wider network breaks."""
    design = find_design("mobilenet_v1")

    by_macs = fit(design, {}, {"macs": "100M", "time_s": "1 s"}, 1, jagged)
    by_time = fit(design, {}, {"macs": "9G", "time_s": "20 ms"}, 1, jagged)

    assert by_macs.over == ["macs"]
    assert by_macs.best.channels == fit(design, {}, {"macs": "100M"}).best.channels
    assert by_time.over == ["time_s"]
    assert by_time.best.metrics["time_s"] <= 0.02 < by_time.next_wider.metrics["time_s"]


def test_nothing_fits() -> None:
    """The narrowest network says what it takes."""
    with pytest.raises(
        InputError, match=r"of 32 channels, has time_s 1\.441 ms of 0\.00001 ms allowed"
    ):
        fit(find_design("mobilenet_v1"), {}, {"time_s": "0.01 us"}, 1, jagged)


def test_a_time_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than worked out for ever."""
    monkeypatch.setattr(fitting, "MOST_WIDTHS", 100)
    monkeypatch.setattr(fitting, "AT_ONCE", 64)

    with pytest.raises(InputError, match="channels still takes no more than 1000000000 ms"):
        fit(find_design("mobilenet_v1"), {}, {"time_s": "1000000 s"}, 1, jagged)


@pytest.mark.parametrize("name", ["ghostnet", "resnext", "shufflenet_v1", "conv_unit"])
def test_it_is_the_widest_by_a_calibration(name: str) -> None:
    """Each width predicted by itself, as `predict` does it."""
    predictor = Predictor(lawful())
    design = find_design(name)

    def alone(channels: int) -> float:
        network = design.build(**design.fill({"c": channels}))
        rows = layer_table(network.spec, network.input).rows
        return sum(time.seconds for time, _ in predictor.kernels(rows))

    step = design.step({})
    times = {width: alone(width) for width in range(step, 25 * step, step)}
    for limit_s in (times[5 * step], times[8 * step] * 1.0001, times[12 * step]):
        found = fit(design, {}, {"time_s": limit_s}, 1, predictor.seconds)

        within = [width for width, time in times.items() if time <= limit_s * (1 + 1e-12)]
        assert found.best.channels == max(within)
        assert found.next_wider.metrics["time_s"] == pytest.approx(alone(max(within) + step))


FAMILIES = (
    *("shufflenet_v1", "shufflenet_v2", "mobilenet_v2", "resnext", "efficientnet", "ghostnet"),
    *("convnext", "resnext_unit"),
)


@pytest.mark.parametrize("name", FAMILIES)
def test_networks_at_once_take_what_each_takes(name: str) -> None:
    """But for a few kernels, where sizes that happen to be equal let an engine fuse more."""
    predictor = Predictor(lawful())
    design = find_design(name)
    widths = design.step({}) * np.arange(2, 9)

    network = design.build(**design.fill({"c": widths}))
    at_once = predictor.seconds(layer_table(network.spec, network.input).rows, len(widths))

    for seconds, width in zip(at_once.tolist(), widths.tolist(), strict=True):
        network = design.build(**design.fill({"c": width}))
        rows = layer_table(network.spec, network.input).rows
        alone = sum(time.seconds for time, _ in predictor.kernels(rows))
        assert seconds == pytest.approx(alone, rel=0.02), width
