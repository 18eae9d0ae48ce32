"""The functions that an exported program may call: a closed list, so that no name is tried.

It holds the public ops of aten in torch's dispatcher, and arithmetic on sizes.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import MAX_ELEMENTS
from shufflenet_flops.trace import torch_private


def find_function(target: str) -> Callable[..., Any]:
    """The function that a node's target names. Raises InputError for any but a safe one."""
    if target in _ON_SIZES:
        return _ON_SIZES[target]
    if target in _REGIONS:
        return _REGIONS[target]
    target = _RENAMED.get(target, target)
    match = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.(\w+)", target)
    op = aten_op(*match.groups()) if match else None
    if op is None:
        raise InputError(f"it uses {target}, which is not among torch's public ops")
    return op


def aten_op(name: str, overload: str) -> Callable[..., Any] | None:
    """The op, unless it is none of the dispatcher's public ones, which only compute tensors.

    TorchScript's own ops, such as aten::save, are not in the dispatcher; from_file opens a file;
    some internal ops crash on arguments that their callers never give, as old quantized cells do.
    """
    qualified = f"aten::{name}" + ("" if overload == "default" else f".{overload}")
    if not torch_private.has_kernel(qualified) or name == "from_file":
        return None
    op = getattr(getattr(torch.ops.aten, name), overload)
    is_public = (
        not name.startswith("_")
        or _SIGN.fullmatch(name) is not None
        or torch.Tag.core in op.tags
        or name in _EXPORTED
    )
    writes_out = any(argument.is_out for argument in torch_private.schema_of(op).arguments)
    return op if is_public and not writes_out and not _UNFIT.search(name) else None


_SIGN = re.compile("__[a-z]+__")  # `__and__` of `a & b`
# Names of Python's operators for ops that have another: `x << 1`.
_RENAMED = {
    f"torch.ops.aten.__{sign}shift__.{old}": f"torch.ops.aten.bitwise_{side}_shift.{new}"
    for sign, side in (("l", "left"), ("r", "right"))
    for old, new in (("Tensor", "Tensor"), ("Scalar", "Tensor_Scalar"))
}
_UNFIT = re.compile("backward$|^quantized_")
# Internal ops that exported programs do contain.
_EXPORTED = frozenset(
    "_convolution _log_softmax _native_batch_norm_legit _native_batch_norm_legit_no_training "
    "_scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu "
    "_softmax _to_copy _unsafe_index _unsafe_view _upsample_bicubic2d_aa _upsample_bilinear2d_aa "
    "_weight_norm _weight_norm_interface".split()
)


def _in_order(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    return x.new_empty(x.shape)


def _reshaped(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    return x.new_empty(x.shape).view(shape)


# How `nn.MultiheadAttention` brings its tensors into shape for kernels, which is not counted in a
# module either: only shapes matter here.
WITHIN_ATTENTION: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.clone.default: _in_order,
    torch.ops.aten.contiguous.default: _in_order,
    torch.ops.aten.reshape.default: _reshaped,
}

# These two are marks in a program. The reader knows them by identity and runs their graphs itself,
# so that a call of one would be a mistake of ours.


def with_set_grad_enabled(*args: Any) -> Any:
    """Stands for a part of the model under `torch.no_grad()`: (enabled, graph, *values)."""
    raise AssertionError("a mark that the reader of the program takes away")


def with_autocast(*args: Any) -> Any:
    """Stands for a part under `torch.autocast(…)`: its four arguments, then graph and values."""
    raise AssertionError("a mark that the reader of the program takes away")


_REGIONS: Mapping[str, Callable[..., Any]] = {
    "torch.ops.higher_order.wrap_with_set_grad_enabled": with_set_grad_enabled,
    "torch.ops.higher_order.wrap_with_autocast": with_autocast,
}


def _small(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` on sizes, held to numbers that a size can be: they cannot grow without end."""

    def checked(*args: Any) -> Any:
        if not all(isinstance(size, int | float) for size in args):
            raise TypeError(f"{function.__name__} of what is no size")
        result = function(*args)
        if abs(result) >= MAX_ELEMENTS:
            raise InputError(f"it computes a size of {result:,}")
        return result

    return checked


_ON_SIZES: dict[str, Callable[..., Any]] = {
    **{
        f"_operator.{name}": _small(getattr(operator, name))
        for name in "add sub mul floordiv truediv mod neg eq ne lt le gt ge and_ or_ not_".split()
    },
    **{f"math.{name}": _small(getattr(math, name)) for name in "ceil floor trunc sqrt".split()},
    "_operator.getitem": operator.getitem,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
}


def check_arguments(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError for what torch does not check itself and may crash on.

    That is None where an op takes none, and a number that is no dtype.
    """
    schema = torch_private.schema_of(function)
    if schema is None:
        return
    for position, argument in enumerate(schema.arguments):
        if position >= len(args) and argument.name not in kwargs:
            continue
        given = args[position] if position < len(args) else kwargs[argument.name]
        wants_dtype = "ScalarType" in str(argument.real_type)
        is_optional = isinstance(argument.type, torch.OptionalType)
        if (given is None and not is_optional) or (
            given is not None and wants_dtype and not isinstance(given, torch.dtype)
        ):
            raise TypeError(f"{schema.name} takes no {given} as {argument.name}")


def device_argument(function: Any) -> dict[str, torch.device]:
    """The device for an op that makes a tensor out of nothing: without it, memory is allocated."""
    schema = torch_private.schema_of(function)
    arguments = schema.arguments if schema else ()
    has_tensor = any("Tensor" in str(argument.type) for argument in arguments)
    has_device = any(argument.name == "device" for argument in arguments)
    return {"device": torch.device("cpu")} if has_device and not has_tensor else {}
