"""What a counter of dispatched ops misses in inference mode, where torch hands over whole ops.

Elsewhere torch takes a layer apart before any mode sees it, and a counter knows the parts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from shufflenet_flops.trace import torch_private

aten = torch.ops.aten
Cost = Callable[[Sequence[Any], Any], int]  # of an op's arguments and its result


class _Apart(TorchDispatchMode):
    """Takes ops apart that are handed over whole, but for those `known`, and adds up the parts."""

    def __init__(self, known: Collection[Any], costs: Mapping[Any, Cost]) -> None:
        super().__init__()
        self.total = 0
        self._known, self._costs = known, costs
        self._depth = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, packet = kwargs or {}, func.overloadpacket
        if torch.is_inference_mode_enabled() and (self._depth or packet not in self._known):
            self._depth += 1
            try:
                with self:
                    out = torch_private.taken_apart(func, args, kwargs)
            finally:
                self._depth -= 1
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        if self._depth and packet in self._costs:
            self.total += self._costs[packet](args, out)
        return out


def missed(
    model: nn.Module,
    inputs: Sequence[Any],
    known: Collection[Any],
    costs: Mapping[Any, Cost],
) -> int:
    """What these make of the parts of ops that are handed over whole and are not `known`."""
    mode = _Apart(known, costs)
    with mode:
        model(*inputs)
    return mode.total
