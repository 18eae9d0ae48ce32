"""Formulas of ops that users supply: by `rule`, or to torch's own counter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch._ops import OpOverloadPacket

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.errors import InputError, ModelError, shown
from shufflenet_flops.spec import OpClass

Macs = Callable[..., int]
_SUPPLIED: dict[str, Macs] = {}  # by name: an op that is defined again, as in a reload, is the same
_TORCH = "torch.utils.flop_counter"


def rule(op: Any) -> Callable[[Macs], Macs]:
    """Count an op by the decorated function, in every trace from here on.

    `op` is one such as `torch.ops.my_library.my_op`, or one overload of it, which stands for all.
    The function gets the arguments of each call, and `out`, its result (or what it wrote to), as
    tensors of which it may ask shapes but no values. It returns MACs, a whole number; what the op
    reads and writes is counted from its arguments. Raises InputError for what is no op, or an op
    that has a formula already.
    """
    from shufflenet_flops.trace.rules import FORMULAS, FREE

    packet = getattr(op, "overloadpacket", op)
    if not isinstance(packet, OpOverloadPacket):
        raise InputError(f"rule({shown(op)}): write an op, such as torch.ops.my_library.my_op")
    if packet in FORMULAS or packet in FREE or str(packet) in _SUPPLIED:
        raise InputError(f"rule({packet}): it has a formula already, and can have one only")

    def register(macs: Macs) -> Macs:
        _SUPPLIED[str(packet)] = macs
        return macs

    return register


def supplied(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], y: Tensor) -> Work | None:
    """The work of a call by a user's formula; None where there is none for it."""
    packet = func.overloadpacket
    formula = _formula(packet)
    if formula is None:
        return None
    try:
        macs = formula(args, kwargs, y)
    except Exception as error:
        raise ModelError(f"the formula for {packet} failed: {_one_line(error)}") from error
    if isinstance(macs, bool) or not isinstance(macs, int) or macs < 0:
        raise ModelError(
            f"the formula for {packet} gave {shown(macs)}: it must give a whole number"
        )
    return Work(str(packet), Kind.MATMUL, {OpClass.MATMUL_MACS: macs})


def _formula(packet: Any) -> Callable[[Any, Any, Tensor], Any] | None:
    macs_of = _SUPPLIED.get(str(packet))
    if macs_of is not None:
        return lambda args, kwargs, y: macs_of(*args, **kwargs, out=y)
    counter = sys.modules.get(_TORCH)  # nobody has registered anything where it is not loaded
    flops_of = counter.flop_registry.get(packet) if counter is not None else None
    if flops_of is None:
        return None
    return lambda args, kwargs, y: flops_of(*args, **kwargs, out_val=y) // 2


def supplied_count() -> int:
    """How many ops have a formula by `rule`."""
    return len(_SUPPLIED)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
