"""What is timed: a module with weights that make its output worth comparing, and its input."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.counting import Table
from shufflenet_flops.sources import Source


@dataclass(frozen=True)
class Case:
    """A module, the inputs that it is timed on, others of the same shapes, and its rows."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    others: tuple[Tensor, ...]
    table: Table


def bytes_needed(source: Source) -> int:
    """A lower bound on the memory of a run: weights, the inputs, and the widest single layer."""
    widest = max((row.memory_bytes for row in source.table.rows), default=0)
    return 4 * source.counted.params + 4 * sum(prod(x.shape) for x in source.inputs) + widest


def build_case(source: Source, seed: int = 0) -> Case:
    """Build the module and its inputs from fixed random numbers.

    A network of the zoo gets weights that keep signals at one scale from layer to layer. With
    torch's defaults they fade until the output is the last bias, and would agree with anything.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        inputs, others = source.example_inputs(), source.example_inputs()
        module = source.module()
        if source.network is not None:
            _keep_scale(module, inputs)
    return Case(module, inputs, others, source.table)


@torch.no_grad()
def _keep_scale(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """He's normal initialisation, and norms with the statistics of this very input."""

    def measure(norm: nn.Module, arguments: Any) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        (x,) = arguments
        # Of the whole tensor: a map of one pixel has no variance in a channel.
        norm.running_mean.fill_(x.mean())
        norm.running_var.fill_(x.var())

    handles = []
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.1)
            handles.append(part.register_forward_pre_hook(measure))
    try:
        module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
