"""Recurrent layers: an LSTM, which is one kernel of oneDNN, and others, which are their steps."""

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
_BLOCK = 16  # units, by which weights are filled up
_PAGE, _PAGES, _FIXED = 4096, 3, 776  # of oneDNN's own: each of its parts is whole pages
_FIXED_IN_TRAINING = 568
_FLOAT, _LINE, _COLLIDING = 4, 16, 256  # bytes of a number, and numbers
_TRAIN, _GRADIENTS = 15, slice(10, 13)  # places of arguments


def _layer(steps: int, samples: int, into: int, units: int, itemsize: int) -> dict[str, int]:
    """What the kernel takes for one layer in one direction, its scratchpad to about a page."""
    of_gates = _GATES * rounded(units, _BLOCK) * itemsize
    gates = steps * samples * _GATES * units * itemsize
    states = (steps + 1) * samples * max(into, units) * itemsize
    pages = rounded(gates, _PAGE) + rounded(states, _PAGE) + _PAGES * _PAGE
    return {
        "reordered weights": (into + units) * of_gates + _GATES * units * itemsize,
        "gates and states of all steps": pages + _FIXED,
    }


def _named(parts: dict[str, int]) -> Terms:
    return tuple(Term(name, size) for name, size in parts.items() if size)


def _rnn_layer(args: tuple[Any, ...], out: Any) -> Terms:
    x, weight = args[:2]
    steps, samples, into = x.shape
    units = weight.shape[0] // _GATES
    if not args[_TRAIN]:
        return _named(_layer(steps, samples, into, units, x.element_size()))
    row = _padded(_GATES * units)
    reordered = units * row + (into * row if into > 1 else 0)
    return _named(
        {
            "sum of biases": _FLOAT * _GATES * units,
            "reordered weights": _FLOAT * reordered,
            "gates and states of a step": _scratchpad(steps, samples, units),
        }
    )


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
            "gates and states of a step": _scratchpad(steps, samples, units),
        }
    )


def kept_bytes(steps: int, samples: int, into: int, units: int) -> int:
    """What the kernel of one layer in one direction keeps for its backward pass."""
    of_layer, states = _padded(max(into, units)), 2 * (steps + 1) * samples
    spaces = [
        steps * samples * _padded(_GATES * units),  # gates
        steps * samples * _padded(units),
        *[states * of_layer] * 3,  # states, those of the layer below, and gradients
        *[states * units] * 2,  # cells and their gradients
    ]
    return sum(rounded(_FLOAT * space, _PAGE) for space in spaces)


def _scratchpad(steps: int, samples: int, units: int) -> int:
    gates = _FLOAT * steps * samples * _padded(_GATES * units)
    states = _FLOAT * samples * _padded(units)
    return rounded(gates, _PAGE) + 2 * rounded(states, _PAGE) + _PAGE + _FIXED_IN_TRAINING


def _padded(size: int) -> int:
    """Numbers of a row: whole lines of the cache, of which rows of 256 numbers share too few."""
    size = rounded(size, _LINE)
    return size + _LINE if size % _COLLIDING == 0 else size


def _lstm(args: tuple[Any, ...], out: Any) -> Terms:
    """At the last of the layers, whose results are those of the whole."""
    x, _, weights, biased, layers, _, _, two_ways, batch_first = args
    steps, samples = x.shape[:2][::-1] if batch_first else x.shape[:2]
    ways, units = 1 + two_ways, weights[0].shape[0] // _GATES
    last = weights[-ways * (4 if biased else 2)]
    each = steps * samples * units
    parts = {
        "contiguous input": x.numel() if batch_first else 0,
        "biases of zeros": 0 if biased else sum(w.numel() for w in weights),
    }
    if layers > 1:
        parts["results of the layer before"] = each * (2 * ways - 1)
    sizes = {name: size * x.element_size() for name, size in parts.items()}
    return _named(sizes | _layer(steps, samples, last.shape[1], units, x.element_size()))


def is_packed(args: tuple[Any, ...]) -> bool:
    """Whether it is a call with sequences of several lengths."""
    return len(args) != 9 or not isinstance(args[3], bool)


def is_one_kernel(function: str, args: tuple[Any, ...]) -> bool:
    """Whether the CPU takes this call of an LSTM as one kernel for each layer and direction."""
    if function != "lstm":
        return False
    x, _, weights, biased, layers, _, _, two_ways, _ = args
    whole = len(weights) == layers * (1 + two_ways) * (4 if biased else 2)  # no projections
    return whole and x.dtype is torch.float32 and x.numel() > 0


def beside_steps(function: str, args: tuple[Any, ...]) -> Callable[[str], Terms]:
    """What is alive beside an op within another recurrent layer, by the name of the op.

    The CPU multiplies the input of all steps at once, a trace each step's own; when the results of
    all steps are put together, none of these is left.
    """
    x, weight = args[0], args[2][0]
    steps, samples = x.shape[:2][::-1] if args[-1] else x.shape[:2]
    each = samples * weight.shape[0] * x.element_size()

    def beside(op: str) -> Terms:
        size = each * (steps if op == "stack" else steps - 1)
        return (Term("products of all steps", size),)

    return beside


RULES: dict[Any, Callable[[tuple[Any, ...], Any], Terms]] = {
    aten.mkldnn_rnn_layer.default: _rnn_layer,
    aten.mkldnn_rnn_layer_backward.default: _rnn_layer_backward,
    aten.lstm.input: _lstm,
}
