"""Public reports rebuilt as small models: how one is written down, and what holds for all of them.

The name of each is the repository and number of the report, and what it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.counters import all_counters
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.trace import trace


@dataclass(frozen=True)
class Report:
    """A model and its inputs, with the MACs of one forward pass, worked out by hand.

    `params` are given where the report is about them. `refused` are the counters that cannot take
    the model, of those that are installed.
    """

    macs: int
    build: Callable[[], nn.Module]
    inputs: tuple[Any, ...]
    params: int | None = None
    refused: frozenset[str] = frozenset()


class Calls(nn.Module):
    """A function of the parts of a model and its inputs."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Any, y: Any = None, z: Any = None) -> Any:
        """With names, as some counters call a model by them."""
        inputs = (each for each in (x, y, z) if each is not None)
        return self.function(self.parts, *inputs)


def x(*sizes: int) -> Tensor:
    return torch.ones(sizes)


def check(report: Report) -> None:
    """Our figures are those worked out by hand, and no counter's total is left unexplained."""
    model = report.build().eval()
    traced = trace(model, *report.inputs)
    counted = [run_counter(each, model, report.inputs, traced) for each in all_counters()]

    assert traced.table.macs == report.macs
    assert traced.unknown_ops == {}
    assert report.params in (None, traced.params)
    assert {each.name: each.residual for each in counted if each.residual} == {}
    assert {each.name for each in counted if each.status != "ok"} == report.refused
