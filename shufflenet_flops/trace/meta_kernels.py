"""What ops return where torch's own meta kernel refuses what the real kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.rules.work import packets


def _grouped_mm(
    a: Tensor,
    b: Tensor,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> Tensor:
    """torch's takes bfloat16 alone; the kernel of the CPU takes any type."""
    if a.dim() == b.dim() == 2 and offs is not None:  # the summed axis is cut into groups
        shape: tuple[int, ...] = (offs.numel(), a.shape[0], b.shape[1])
    elif a.dim() == b.dim() == 3:
        shape = (*a.shape[:2], b.shape[2])
    else:  # the axis of the one without groups is cut
        shape = (a.shape[-2], b.shape[-1])
    return a.new_empty(shape, dtype=out_dtype or a.dtype)


def _convolution(*args: Any) -> Any:
    """TorchScript's: torch 2.9 has no meta kernel for it. The last four are settings of cuDNN."""
    return torch.ops.aten.convolution.default(*args[:9])


_KERNELS: Mapping[Any, Callable[..., Any]] = {
    **{packet.default: _grouped_mm for packet in packets("_grouped_mm")},
    torch.ops.aten._convolution.default: _convolution,
}


def run_on_meta(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What an op returns on tensors without values."""
    return _KERNELS.get(func, func)(*args, **kwargs)
