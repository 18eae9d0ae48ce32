"""`sf.meter`: FLOPs so far, their speed, and two shares of a peak, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import shufflenet_flops as sf
from shufflenet_flops.api.meter import Meter
from shufflenet_flops.errors import InputError


class Clock:
    """Half a second later each time it is asked."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def test_a_run_by_hand() -> None:
    """100 MACs a step, of which 20 are done twice; 300 at a batch three times as large."""
    meter = Meter(lambda batch: (100 * (batch or 1), 120 * (batch or 1)), 1000, Clock())
    assert (meter.flops, meter.seconds, meter.flop_per_s) == (0, 0.0, None)
    with meter as done:
        done.step()
        done.step(2)
        done.step(batch=3)

    assert meter.steps == 4
    assert meter.macs_per_step == 100
    assert (meter.flops, meter.hardware_flops) == (2 * 600, 2 * 720)
    assert meter.seconds == 0.5
    assert meter.flop_per_s == 2 * 600 / 0.5
    assert (meter.mfu, meter.hfu) == (2.4, 2.88)
    assert meter.as_dict() == {"flops": 1200.0, "flop_per_s": 2400.0, "mfu": 2.4, "hfu": 2.88}


def test_without_a_peak_there_is_no_share() -> None:
    meter = Meter(lambda batch: (100, 100), None, Clock())
    with meter:
        meter.step()
        assert meter.as_dict() == {"flops": 200.0, "flop_per_s": 400.0}

    assert meter.mfu is None
    assert meter.hfu is None


def test_the_step_is_the_one_that_count_has() -> None:
    """Of a network by name at any batch; of a module, frozen in part; of a forward pass."""
    with sf.meter("resnet18", (2, 3, 64, 64)) as done:
        done.step()
        done.step(batch=1)
    counted = sf.count("resnet18", (1, 3, 64, 64), training=True).training
    assert counted is not None
    assert done.flops == 2 * 3 * counted.total_macs

    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    asked = sf.Training(freeze="0", accumulate=3, flops_per_second=10**9)
    frozen = sf.meter(net, (5, 4), training=asked)
    frozen.step()
    assert frozen.flops == 2 * 3 * 5 * (16 + 8 + 8)
    assert frozen.flops_per_second == 10**9
    forward = sf.meter(net, (5, 4), training=False, flops_per_second="1T")
    forward.step()
    assert (forward.flops, forward.flops_per_second) == (2 * 5 * 24, 10**12)


class Again(nn.Module):
    """Two layers, the first of which runs again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(checkpoint(self.a, x, use_reentrant=True))
        return y


def test_what_is_done_again_is_hardwares_alone() -> None:
    x = torch.zeros(3, 4, requires_grad=True)
    done = sf.meter(Again(), x)
    done.step()

    each = 2 * 3 * 16
    assert (done.flops, done.hardware_flops) == (6 * each, 7 * each)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="is not an amount"):
        sf.meter(nn.Linear(2, 2), (1, 2), flops_per_second="fast")
    with pytest.raises(sf.ShufflenetFlopsError, match="cannot be trained"):
        sf.meter(nn.ReLU(), (1, 2))
