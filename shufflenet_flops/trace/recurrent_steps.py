"""Recurrent layers as the CPU takes them: an LSTM by kernels, others step by step.

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

from shufflenet_flops.trace.layouts import is_flat

aten = torch.ops.aten
_LSTM = 2  # as oneDNN's kernel is told
# From the product of a step's input, the states before, and the weights and bias of that to the
# states after, the first of which is the result.
States = tuple[Tensor, ...]
Cell = Callable[..., States]


def _gru(x: Tensor, states: States, own: Sequence[Tensor]) -> States:
    (state,) = states
    of_x, of_state = x.unsafe_chunk(3, 1), F.linear(state, *own).unsafe_chunk(3, 1)
    reset = of_state[0].add_(of_x[0]).sigmoid_()
    update = of_state[1].add_(of_x[1]).sigmoid_()
    new = of_x[2].add(of_state[2].mul_(reset)).tanh_()
    return ((state - new).mul_(update).add_(new),)


def _tanh(x: Tensor, states: States, own: Sequence[Tensor]) -> States:
    return (F.linear(*states, *own).add_(x).tanh(),)


def _relu(x: Tensor, states: States, own: Sequence[Tensor]) -> States:
    return (F.linear(*states, *own).add_(x).relu(),)


def _lstm(x: Tensor, states: States, own: Sequence[Tensor], *projection: Tensor) -> States:
    """With `projection` the result has other units than the cell."""
    state, cell = states
    taken, kept, new, given = F.linear(state, *own).add_(x).unsafe_chunk(4, 1)
    taken, kept, new, given = taken.sigmoid_(), kept.sigmoid_(), new.tanh_(), given.sigmoid_()
    cell = (kept * cell).add_(taken * new)
    result = given * cell.tanh()
    return F.linear(result, *projection) if projection else result, cell


CELLS: Mapping[str, Cell] = MappingProxyType(
    {"gru": _gru, "lstm": _lstm, "rnn_tanh": _tanh, "rnn_relu": _relu}
)


def in_steps(
    function: str,
    x: Tensor,
    before: Tensor | Sequence[Tensor],
    weights: Sequence[Tensor],
    biased: bool,
    layers: int,
    dropout: float,
    train: bool,
    two_ways: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """What the function of torch of this name returns: all results, and the last states."""
    ways = 1 + two_ways
    each = len(weights) // layers // ways
    own = [weights[i : i + each] for i in range(0, len(weights), each)]
    kinds = (before,) if isinstance(before, Tensor) else before
    states = list(zip(*(kind.unbind(0) for kind in kinds), strict=True))
    y, last = (x.transpose(0, 1) if batch_first else x), list[States]()
    for layer in range(layers):
        here = slice(layer * ways, layer * ways + ways)
        y, ends = _layer(CELLS[function], y, states[here], own[here], biased)
        last += ends
        if dropout and train and layer < layers - 1:
            y = F.dropout(y, dropout)
    after = [torch.stack(kind, 0) for kind in zip(*last, strict=True)]
    return (y.transpose(0, 1) if batch_first else y), *after


def _layer(
    cell: Cell, x: Tensor, before: Sequence[States], weights: Sequence[Any], biased: bool
) -> tuple[Tensor, list[States]]:
    """One layer in all its directions: its results in the order of the input, and last states.

    The products of one direction are there until the other has its own, those of the last and the
    results of all steps to the end.
    """
    outputs: list[list[Tensor]] = []
    results, last = list[Tensor](), list[States]()
    for states, own in zip(before, weights, strict=True):
        of_x, of_state, projection = (
            (own[0::2][:2], own[1::2][:2], own[4:]) if biased else (own[:1], own[1:2], own[2:])
        )
        order = slice(None, None, -1 if results else 1)
        products = _products(x, *of_x)
        steps = products.unbind(0)[order]
        outputs.append([])
        for step in steps:
            states = cell(step, states, of_state, *projection)
            outputs[-1].append(states[0])
        results.append(torch.stack(outputs[-1][order], 0))
        last.append(states)
    return (torch.cat(results, -1) if len(results) > 1 else results[0]), last


def _products(x: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
    """A fully connected layer, as it is where nothing watches: a bias is added in place."""
    if is_flat(x):
        return F.linear(x, weight, *bias)
    y = F.linear(x, weight)
    return y.add_(*bias) if bias else y


def in_kernels(
    x: Tensor,
    before: Sequence[Tensor],
    weights: Sequence[Tensor],
    biased: bool,
    layers: int,
    dropout: float,
    train: bool,
    two_ways: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """An LSTM by the kernels of oneDNN, one for each layer and direction."""
    each, ways, units = 4 if biased else 2, 1 + two_ways, before[0].shape[-1]
    y = first = (x.transpose(0, 1) if batch_first else x).contiguous()
    hidden, cells = (state.contiguous() for state in before)
    results: list[Any] = [None] * ways  # those of a layer are there until the next has its own
    last = list[States]()
    for layer in range(layers):
        for way in range(ways):
            place = layer * ways + way
            own = weights[each * place : each * (place + 1)]
            biases = own[2:] if biased else map(torch.zeros_like, own)
            results[way], *states, _ = aten.mkldnn_rnn_layer.default(
                *(y, *own[:2], *biases, hidden[place], cells[place], way == 1, [], _LSTM, units),
                *(layers, biased, two_ways, batch_first, train or torch.is_grad_enabled()),
            )
            last.append(tuple(states))
        y = torch.cat(results, -1) if two_ways else results[0]
        if dropout and train and layer < layers - 1:
            y = F.dropout(y, dropout)
    ends = [torch.stack(kind, 0) for kind in zip(*last, strict=True)]
    del first  # which torch keeps as long
    return (y.transpose(0, 1) if batch_first else y), *ends


def has_kernel(x: Tensor) -> bool:
    """Whether this CPU has a kernel of oneDNN for an LSTM on inputs of this type."""
    if x.dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if x.dtype is torch.float16:
        return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    return x.dtype is torch.float32


def is_packed(args: tuple[Any, ...]) -> bool:
    """Whether it is a call with sequences of several lengths."""
    return len(args) != 9 or not isinstance(args[3], bool)


def as_on_the_cpu(function: str, *args: Any) -> tuple[Tensor, ...]:
    """What a call without packed sequences returns, by the way that the CPU takes."""
    if function != "lstm":
        return in_steps(function, *args)
    x, _, weights, biased, layers, _, _, two_ways, _ = args
    is_whole = len(weights) == layers * (1 + two_ways) * (4 if biased else 2)  # no projections
    is_one_kernel = is_whole and x.dtype is torch.float32 and x.numel() > 0
    return in_kernels(*args) if is_one_kernel else in_steps(function, *args)
