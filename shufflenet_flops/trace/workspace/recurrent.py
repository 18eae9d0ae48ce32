"""Recurrent layers: an LSTM, which is one kernel of oneDNN, and others, which are their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.workspace.cpu import rounded

aten = torch.ops.aten
Terms = tuple[Term, ...]
_GATES = 4  # of an LSTM
_BLOCK = 16  # units, by which weights are filled up
_PAGE, _PAGES, _FIXED = 4096, 3, 776  # of oneDNN's own: each of its parts is whole pages


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
    return _named(_layer(steps, samples, into, weight.shape[0] // _GATES, x.element_size()))


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


def is_one_kernel(function: str, args: tuple[Any, ...]) -> bool:
    """Whether the CPU takes this call of an LSTM as one kernel for each layer."""
    if function != "lstm" or len(args) != 9 or isinstance(args[1], Tensor):
        return False
    x, _, weights, biased, layers, _, _, two_ways, _ = args
    whole = len(weights) == layers * (1 + two_ways) * (4 if biased else 2)  # no projections
    return whole and x.dtype is torch.float32 and x.numel() > 0


def beside_steps(function: str, args: tuple[Any, ...]) -> Callable[[str], Terms] | None:
    """What is alive beside an op within another recurrent layer, by the name of the op.

    The CPU multiplies the input of all steps at once, a trace each step's own; when the results of
    all steps are put together, none of these is left.
    """
    if function not in ("gru", "rnn_tanh", "rnn_relu") or isinstance(args[2], Tensor):
        return None
    x, weight = args[0], args[2][0]
    steps, samples = x.shape[:2][::-1] if args[-1] else x.shape[:2]
    each = samples * weight.shape[0] * x.element_size()

    def beside(op: str) -> Terms:
        size = each * (steps if op == "stack" else steps - 1)
        return (Term("products of all steps", size),)

    return beside


RULES: dict[Any, Callable[[tuple[Any, ...], Any], Terms]] = {
    aten.mkldnn_rnn_layer.default: _rnn_layer,
    aten.lstm.input: _lstm,
}
