"""New tensors on the meta device, and refusals worded in one way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.spec.ops import shape_text
from shufflenet_flops.trace.arguments import META as META
from shufflenet_flops.trace.layouts import is_channels_last

Infer = Callable[..., Any]


def refused(what: str, *args: Tensor | str) -> RuntimeError:
    shown = (
        arg if isinstance(arg, str) else f"{shape_text(arg.shape)} {str(arg.dtype)[6:]}"
        for arg in args
    )
    return RuntimeError(f"{what} cannot take {', '.join(shown)}")


def like(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """A tensor of `sizes` in x's dtype and memory format."""
    if len(sizes) == 4 and is_channels_last(x):
        return torch.empty(sizes, dtype=x.dtype, device=META, memory_format=torch.channels_last)
    return torch.empty(sizes, dtype=x.dtype, device=META)


def same(x: Tensor) -> Tensor | None:
    """A new tensor like x; None where x's strides are neither of the two usual formats."""
    # Not `empty_like`: for meta tensors that is Python code which imports sympy.
    if x.is_contiguous() or is_channels_last(x):
        return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
    return None


def broadcast(shape: Sequence[int], other: Sequence[int]) -> tuple[int, ...] | None:
    """The shape that both are stretched to, None where they cannot be."""
    # Not `torch.broadcast_shapes`, which imports sympy.
    sizes = []
    for a, b in zip_longest(reversed(shape), reversed(other), fillvalue=1):
        if a != b and 1 not in (a, b):
            return None
        sizes.append(b if a == 1 else a)
    return tuple(reversed(sizes))


def overloads(names: str) -> list[Any]:
    """The plain overloads of aten ops by name, of those that this version of torch has."""
    packets = [getattr(torch.ops.aten, name, None) for name in names.split()]
    return [
        getattr(packet, overload)
        for packet in packets
        if packet is not None
        for overload in packet.overloads()
        if overload in ("default", "Tensor", "Scalar")
    ]
