"""A failed trace of TorchScript leaves nothing behind for the next."""

from __future__ import annotations

import signal
import time
from types import FrameType

import pytest
import torch
from torch import Tensor, nn
from torch.func import linearize

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.running.own_thread import in_own_thread

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        ".*torch.jit",
        ".*TorchScript",
        "Accessing the data pointer of FakeTensor",
        "Attempted to insert a get_attr Node",
    )
]


class Linearized(nn.Module):
    """Gives how its layer changes along a direction."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        tangent: Tensor = linearize(self.layer, x)[1](torch.ones_like(x))
        return tangent


class Sized(nn.Module):
    """Reads a size of its input, which TorchScript follows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).view(x.size(0), -1).expand(x.size(0), 4)


def test_what_torch_cannot_trace_spoils_no_other_trace() -> None:
    """Twice, as the process ended at the second; two counters say so in their cells."""
    for _ in range(2):
        counters = explain("linearized", Linearized().eval(), [torch.randn(3, 8)]).counters
        assert {name for name, report in counters.items() if report.status != "ok"} == {
            "fvcore",
            "torchprofile",
        }

    counters = explain("sized", Sized().eval(), [torch.randn(3, 8)]).counters
    assert {(report.status, report.residual) for report in counters.values()} == {("ok", 0)}


def test_it_is_as_in_the_callers_thread() -> None:
    with torch.no_grad():
        assert in_own_thread(torch.is_grad_enabled) is False
    with torch.inference_mode():
        assert in_own_thread(torch.is_inference_mode_enabled) is True
    with torch.device("meta"):
        assert in_own_thread(lambda: torch.ones(1)).is_meta
    assert in_own_thread(torch.is_grad_enabled) is True


def test_what_it_raises_is_raised() -> None:
    def fails() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError, match="a"):
        in_own_thread(fails)


def test_an_alarm_stops_it() -> None:
    """What goes on for too long ends, and is waited for."""
    ended = []

    def endless() -> None:
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.append(True)

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError):
            in_own_thread(endless)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert ended == [True]
