"""ultralytics-thop by its rules: what versions 2.1.2, 2.1.6 and 2.2.3 were seen to report."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from shufflenet_flops.counters import thop
from shufflenet_flops.counters.cost_model import terms_of
from shufflenet_flops.counters.thop import Thop
from shufflenet_flops.trace import trace
from tests.cases.reports import Calls, x


class Own(nn.Conv2d):
    """A convolution of another type."""


def attention() -> nn.Module:
    return Calls(
        lambda parts, x: parts[0](x, x, x)[0], nn.MultiheadAttention(8, 2, batch_first=True)
    )


# 5 tokens of 8 in two heads: four projections, two products, and 3n - 1 for each row of a softmax.
ATTENTION = 4 * 5 * 64 + 2 * 25 * 8 + 2 * 5 * (3 * 5 - 1)
CONV = 4 * 27 * 36
# Gates of 6 read 8 inputs and a state of 3, with two biases and a sum each; the state has four ops
# for each of 6, and is multiplied down to 3.
PROJECTED = 5 * (24 * (8 + 3) + 3 * 24 + 4 * 6 + 6 * 3)
CASES: dict[str, tuple[int, int, Callable[[], nn.Module], torch.Tensor]] = {
    "subclass": (CONV, CONV, lambda: Own(3, 4, 3), x(1, 3, 8, 8)),
    "weight norm": (
        CONV, CONV, lambda: parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), x(1, 3, 8, 8)
    ),
    "a function": (
        0, 0, lambda: Calls(lambda parts, x: F.conv2d(x, x[:, :, :3, :3])), x(1, 3, 8, 8)
    ),
    "attention": (ATTENTION, ATTENTION, attention, x(1, 5, 8)),
    "LSTM with a projection": (
        PROJECTED, PROJECTED, lambda: nn.LSTM(8, 6, proj_size=3), x(1, 5, 8)
    ),
    "RMS norm": (4 * 40, 4 * 40, lambda: nn.RMSNorm(8), x(1, 5, 8)),
    "uneven windows": (
        # Columns of 2, 3 and 2 of 5, added up, and divided for each of three.
        (2 + 3 + 2) + 3, (2 + 3 + 2) + 3, lambda: nn.AdaptiveAvgPool1d(3), x(1, 1, 5)
    ),
    "nearest neighbours": (0, 0, lambda: nn.Upsample(scale_factor=2), x(1, 1, 4, 4)),
    "a product by its sign": (
        0, 25 * 8, lambda: Calls(lambda parts, x: x @ x.transpose(1, 2)), x(1, 5, 8)
    ),
    "an equation without a sum": (
        0, 40, lambda: Calls(lambda parts, x: torch.einsum("bij,bij->bij", x, x)), x(1, 5, 8)
    ),
    "an equation of three factors": (
        0, 0, lambda: Calls(lambda parts, x: torch.einsum("bij,bkj,bkl->bil", x, x, x)), x(1, 5, 8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_totals(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Of layers since 2.1.3, and of functions too since 2.2."""
    by_class, by_function, build, inputs = CASES[case]
    traced = trace(build().eval(), inputs)
    monkeypatch.setattr(thop, "_distribution", lambda: "ultralytics-thop")
    totals = []
    for version in ("2.1.6", "2.2.3"):
        monkeypatch.setattr(metadata, "version", lambda name, version=version: version)
        totals.append(sum(terms_of(Thop().parts(traced)).values()))

    assert totals == [by_class, by_function]


@pytest.mark.parametrize(
    ("build", "inputs", "total"),
    [
        (CASES["subclass"][2], CASES["subclass"][3], CONV),
        (CASES["attention"][2], CASES["attention"][3], 0),
        # A state of 6 for the gates, whatever it is multiplied down to.
        (lambda: nn.LSTM(8, 6, proj_size=3), x(1, 5, 8), 5 * (24 * (8 + 6) + 3 * 24 + 4 * 6)),
        (CASES["RMS norm"][2], CASES["RMS norm"][3], 4 * 40),
        (CASES["uneven windows"][2], CASES["uneven windows"][3], 7 + 3),
        (lambda: nn.AvgPool1d(2), x(1, 1, 6), 3),
    ],
    ids=["subclass", "attention", "LSTM with a projection", "RMS norm", "windows", "average"],
)
def test_version_2_1_2_knows_fewer_classes(
    monkeypatch: pytest.MonkeyPatch,
    build: Callable[[], nn.Module],
    inputs: torch.Tensor,
    total: int,
) -> None:
    """Subclasses like 2.1.3, but no attention, and of an average pool the outputs alone."""
    traced = trace(build().eval(), inputs)
    monkeypatch.setattr(thop, "_distribution", lambda: "ultralytics-thop")
    monkeypatch.setattr(metadata, "version", lambda name: "2.1.2")
    assert sum(terms_of(Thop().parts(traced)).values()) == total
