"""GRU and simple recurrent layers as the CPU takes them: step by step, with one product before.

On the meta device torch multiplies the input of each step by itself, which keeps other tensors for
a backward pass. Written as in torch's RNN.cpp, so that each lives as long as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# From the product of a step's input, the state before, and the weights and bias of that.
Cell = Callable[[Tensor, Tensor, Sequence[Tensor]], Tensor]


def _gru(x: Tensor, state: Tensor, own: Sequence[Tensor]) -> Tensor:
    of_x, of_state = x.unsafe_chunk(3, 1), F.linear(state, *own).unsafe_chunk(3, 1)
    reset = of_state[0].add_(of_x[0]).sigmoid_()
    update = of_state[1].add_(of_x[1]).sigmoid_()
    new = of_x[2].add(of_state[2].mul_(reset)).tanh_()
    return (state - new).mul_(update).add_(new)


def _tanh(x: Tensor, state: Tensor, own: Sequence[Tensor]) -> Tensor:
    return F.linear(state, *own).add_(x).tanh()


def _relu(x: Tensor, state: Tensor, own: Sequence[Tensor]) -> Tensor:
    return F.linear(state, *own).add_(x).relu()


CELLS: Mapping[str, Cell] = MappingProxyType({"gru": _gru, "rnn_tanh": _tanh, "rnn_relu": _relu})


def in_steps(
    function: str,
    x: Tensor,
    before: Tensor,
    weights: Sequence[Tensor],
    biased: bool,
    layers: int,
    dropout: float,
    train: bool,
    two_ways: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor]:
    """What the function of torch of this name returns: all results, and the last states."""
    cell, each = CELLS[function], 4 if biased else 2
    own = [weights[i : i + each] for i in range(0, len(weights), each)]
    states, last = list(before.unbind(0)), []
    y = x.transpose(0, 1) if batch_first else x
    for layer in range(layers):
        results = []
        for way in range(1 + two_ways):
            place = layer * (1 + two_ways) + way
            result, state = _along(cell, y, states[place], own[place], backwards=way == 1)
            results.append(result)
            last.append(state)
        y = torch.cat(results, -1) if two_ways else results[0]
        if dropout and train and layer < layers - 1:
            y = F.dropout(y, dropout)
    return (y.transpose(0, 1) if batch_first else y), torch.stack(last, 0)


def _along(
    cell: Cell, x: Tensor, state: Tensor, own: Sequence[Any], *, backwards: bool
) -> tuple[Tensor, Tensor]:
    """One layer in one direction: its results in the order of the input, and its last state."""
    products = F.linear(x, own[0], *own[2:3])
    results = []
    for product in products.unbind(0)[:: -1 if backwards else 1]:
        state = cell(product, state, [own[1], *own[3:]])
        results.append(state)
    return torch.stack(results[:: -1 if backwards else 1], 0), state
