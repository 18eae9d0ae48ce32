"""The kernel of oneDNN for one layer of an LSTM in one direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.workspace.cpu import rounded
from shufflenet_flops.trace.workspace.layers import size_of

aten = torch.ops.aten
Terms = tuple[Term, ...]
_GATES = 4  # of an LSTM
_BLOCK = 32  # units, by which weights are filled up in inference
_PAGE, _FIXED, _FIXED_OF_EQUAL = 4096, 776, 80  # of oneDNN's own: each of its parts is whole pages
_FIXED_IN_TRAINING, _FIXED_OF_HALVES = 568, 760
_FLOAT, _LINE, _COLLIDING = 4, 64, 256  # bytes of a number and of a line, and numbers
_TRAIN, _GRADIENTS = 15, slice(10, 13)  # places of arguments


def _rnn_layer(args: tuple[Any, ...], out: Any) -> Terms:
    x, weight = args[:2]
    steps, samples, into = x.shape
    gates, itemsize = weight.shape[0], x.element_size()
    units = gates // _GATES
    in_training = args[_TRAIN]
    if in_training and itemsize == _FLOAT:
        row = _padded(gates)
        weights, scratchpad = (
            units * row + (into * row if into > 1 else 0),
            _gemm(steps, samples, units),
        )
    else:
        weights = (into + units) * _GATES * rounded(units, _BLOCK)
        scratchpad = _blocked(steps, samples, into, units, itemsize, in_training=in_training)
    return _named(
        {
            "sum of biases": itemsize * gates,
            "reordered weights": itemsize * weights,
            "gates and states": scratchpad,
        }
    )


def _blocked(
    steps: int, samples: int, into: int, units: int, itemsize: int, *, in_training: bool
) -> int:
    """The scratchpad of the kernel that multiplies by blocks, as all but a float32's step."""
    states = 2 * (steps + 1) * samples
    # Of one sample it multiplies the input of all steps at once.
    at_once = samples * (steps if samples == 1 else 1)
    spaces = [_FLOAT * at_once * _padded(_GATES * units)]
    if in_training:
        spaces += [_FLOAT * samples * _padded(units)]
    else:
        spaces += [itemsize * states * _padded(max(into, units), itemsize)]
        spaces += [itemsize * states * units]  # cells
    spaces += [itemsize * samples * _padded(units, itemsize)]
    fixed = (_FIXED if itemsize == _FLOAT else _FIXED_OF_HALVES) + _FIXED_OF_EQUAL * (into == units)
    return sum(rounded(space, _PAGE) for space in spaces) + _PAGE + fixed


def _gemm(steps: int, samples: int, units: int) -> int:
    """The scratchpad of the other, in a step."""
    gates = _FLOAT * steps * samples * _padded(_GATES * units)
    states = _FLOAT * samples * _padded(units)
    return rounded(gates, _PAGE) + 2 * rounded(states, _PAGE) + _PAGE + _FIXED_IN_TRAINING


def _rnn_layer_backward(args: tuple[Any, ...], out: Any) -> Terms:
    """When one gradient of biases is copied from the other, nothing is left but their sum."""
    x, weight = args[:2]
    steps, samples, into = x.shape
    units = weight.shape[0] // _GATES
    gates = _GATES * units
    of_y, *of_states = args[_GRADIENTS]
    unread = sum(gradient is None for gradient in of_states)
    padded = sum(_padded(size) for size in (into, units) if _padded(size) != size)
    return _named(
        {
            "contiguous gradient": 0 if of_y is None or of_y.is_contiguous() else size_of(of_y),
            "gradients of last states that nobody reads": _FLOAT * unread * samples * units,
            "reordered weights": _FLOAT * gates * padded,
            "gradients of weights in oneDNN's order": _FLOAT
            * (sum(size * _padded(gates) if size > 1 else gates for size in (into, units)) + gates),
            "gates and states": _gemm(steps, samples, units),
        }
    )


def kept_bytes(steps: int, samples: int, into: int, units: int) -> int:
    """What the kernel of one layer in one direction keeps of float32 for its backward pass."""
    of_layer, states = _padded(max(into, units)), 2 * (steps + 1) * samples
    spaces = [
        steps * samples * _padded(_GATES * units),  # gates
        steps * samples * _padded(units),
        *[states * of_layer] * 3,  # states, those of the layer below, and gradients
        *[states * units] * 2,  # cells and their gradients
    ]
    return sum(rounded(_FLOAT * space, _PAGE) for space in spaces)


def _padded(size: int, itemsize: int = _FLOAT) -> int:
    """Numbers of a row: whole lines of the cache, of which rows of 256 numbers share too few."""
    line = _LINE // itemsize
    size = rounded(size, line)
    return size + line if size % _COLLIDING == 0 else size


def _named(parts: dict[str, int]) -> Terms:
    return tuple(Term(name, size) for name, size in parts.items() if size)


RULES: dict[Any, Callable[[tuple[Any, ...], Any], Terms]] = {
    aten.mkldnn_rnn_layer.default: _rnn_layer,
    aten.mkldnn_rnn_layer_backward.default: _rnn_layer_backward,
}
