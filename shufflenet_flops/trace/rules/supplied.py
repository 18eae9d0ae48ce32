"""Formulas of ops that users supply: by `rule`, or to torch's own counter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.errors import ModelError
from shufflenet_flops.spec import OpClass

Macs = Callable[..., int]
_SUPPLIED: dict[Any, Macs] = {}
_TORCH = "torch.utils.flop_counter"


def rule(op: Any) -> Callable[[Macs], Macs]:
    """Count an op by the decorated function, in every trace from here on.

    `op` is a packet such as `torch.ops.my_library.my_op`. The function gets the arguments of each
    call, and `out`, its result (or what it wrote to), as tensors of which it may ask shapes but no
    values. It returns MACs, a whole number. Raises ValueError for an op that has a formula.
    """
    from shufflenet_flops.trace.rules import FORMULAS, FREE

    packet = getattr(op, "overloadpacket", op)
    if packet in FORMULAS or packet in FREE or packet in _SUPPLIED:
        raise ValueError(f"{packet} has a formula already")

    def register(macs: Macs) -> Macs:
        _SUPPLIED[packet] = macs
        return macs

    return register


def supplied(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], y: Tensor) -> Work | None:
    """The work of a call by a user's formula; None where there is none for it."""
    packet = func.overloadpacket
    macs_of = _SUPPLIED.get(packet)
    if macs_of is not None:
        macs = macs_of(*args, **kwargs, out=y)
    else:
        counter = sys.modules.get(_TORCH)  # nobody has registered anything where it is not loaded
        flops_of = counter.flop_registry.get(packet) if counter is not None else None
        if flops_of is None:
            return None
        macs = flops_of(*args, **kwargs, out_val=y) // 2
    if isinstance(macs, bool) or not isinstance(macs, int) or macs < 0:
        raise ModelError(f"the formula for {packet} gave {macs!r}: it must give a whole number")
    return Work(str(packet), Kind.MATMUL, {OpClass.MATMUL_MACS: macs})
