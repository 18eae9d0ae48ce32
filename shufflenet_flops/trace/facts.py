"""What one call of an op does, wherever in the model it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from torch import Tensor

from shufflenet_flops.counting.row import Call, Row
from shufflenet_flops.trace.arguments import in_order, tensors_of
from shufflenet_flops.trace.rules import FORMULAS, FREE, Context, Formula
from shufflenet_flops.trace.rules.elements import PRIMS
from shufflenet_flops.trace.rules.quantized import BY_NAME as QUANTIZED
from shufflenet_flops.trace.rules.sparse import SPARSE, is_dense, stored
from shufflenet_flops.trace.rules.supplied import supplied
from shufflenet_flops.trace.rules.torchvision import BY_NAME as OF_TORCHVISION
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.torch_private import written_arguments


class Facts(NamedTuple):
    """The work of a call, and what it reads and writes: a row but for where and how it was called.

    `uses_state` tells that a parameter or buffer is among the operands.
    """

    uses_state: bool
    work: tuple[Any, ...]  # the fields of a row from `op` to `counts`
    moved: tuple[Any, ...]  # those from `read_bytes` to `groups`
    operands: tuple[Any, ...]  # those from `aten`

    def row(self, path: str, params: int, call: Call, training: bool) -> Row:
        """The row of one such call, the first to use so many parameters."""
        _, work, moved, operands = self
        return _new(Row, (path, *work, params, *moved, call, training, *operands))


# Past the methods of named tuples, which take half as long again.
_new: Callable[[type[Row], tuple[Any, ...]], Row] = tuple.__new__


def facts_of(
    func: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    operands: Iterable[Tensor],
    out: Any,
    function: str,
    state: State,
) -> Facts | str | None:
    """What the call does; the name of an unknown op; None where there is no work to speak of.

    `operands` are the tensors among its arguments in order, `function` is the torch function that
    led to it.
    """
    packet, name = func.overloadpacket, str(func.overloadpacket)
    formula = FORMULAS.get(packet) or BY_NAME.get(name)
    y = _result(func, args, kwargs, out)
    if y is None or _is_bookkeeping(y):
        return None
    ordered = in_order(func, args, kwargs)
    if not all(map(is_dense, operands)):
        sparse = SPARSE.get(func.overloadpacket)
        work = sparse(ordered) if sparse is not None else None
        if work is None:
            return f"{func.overloadpacket} of tensors that are not dense"
    elif formula is not None:
        work = formula(ordered, y, Context(function, state.__contains__))
    else:
        work = supplied(func, args, kwargs, y)
        if work is None:
            return str(func.overloadpacket)
    read, weighted = 0, False
    shapes, inputs, seen = [], [], set()
    for tensor in operands:
        shape, key = tuple(tensor.shape), id(tensor)
        shapes.append(shape)
        if key in seen:
            continue
        seen.add(key)
        read += distinct_elements(tensor) * tensor.element_size()
        trained = state.trained.get(key)
        if trained is None:
            inputs.append(shape)
        else:
            weighted = weighted or trained
    if work.fetched is not None:
        read += (work.fetched - args[0].numel()) * args[0].element_size()
    write = (y if is_dense(y) else stored(y)).numel() * y.element_size()
    return Facts(
        len(inputs) < len(seen),
        (work.op, work.kind, tuple(inputs), tuple(y.shape), work.counts),
        (read, write, work.kernel, work.stride, work.groups),
        (_aten_name(func, args), tuple(shapes), weighted),
    )


def is_known(func: Any) -> bool:
    """Whether there is a rule for an op, or it is free."""
    packet = func.overloadpacket
    return packet in FREE or packet in FORMULAS or str(packet) in BY_NAME


def _aten_name(func: Any, args: tuple[Any, ...]) -> str:
    """The name of the op that torch comes down to.

    For a fully connected layer on an input of more than two axes that is not contiguous, torch
    takes a product and an addition in place.
    """
    name: str = func.overloadpacket.__name__
    in_two = name == "linear" and args[0].dim() > 2 and not args[0].is_contiguous()
    return "matmul" if in_two else name


def _result(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> Tensor | None:
    """The first tensor that a call gives, or writes to."""
    written = written_arguments(func)
    targets = [args[i] if i < len(args) else kwargs.get(name) for i, name in written]
    return next(tensors_of((out, targets)), None)


# Of libraries, which are there once they are imported, and of torch's own decompositions.
BY_NAME: Mapping[str, Formula] = {**OF_TORCHVISION, **QUANTIZED, **PRIMS}


def distinct_elements(x: Tensor) -> int:
    """How many elements of its memory a tensor shows: an expanded axis shows the same again."""
    if not is_dense(x):
        return stored(x).numel()
    if x.is_contiguous():
        return x.numel()
    moving = [(size, abs(step)) for size, step in zip(x.shape, x.stride(), strict=True) if step]
    span = 1 + sum((size - 1) * step for size, step in moving)
    return min(prod(size for size, _ in moving), span) if x.numel() else 0


def _is_bookkeeping(y: Tensor) -> bool:
    """A whole number without axes, such as a batch-norm's step counter, is no activation."""
    return y.dim() == 0 and not y.is_floating_point()
