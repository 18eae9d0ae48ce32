"""Torch functions that networks call most, each as the aten ops that torch makes of it.

A function may return NotImplemented: then torch takes its own way to the aten ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from shufflenet_flops.trace.whole import WHOLE

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

aten = torch.ops.aten


Function = Callable[..., Any]


def _sizes(size: Any, axes: int) -> tuple[int, ...]:
    return (size,) * axes if isinstance(size, int) else tuple(size)


def _convolution(axes: int) -> Function:
    none = (0,) * axes

    def convolution(
        tracer: Tracer,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        if isinstance(padding, str) or input.dim() != axes + 2 or input.is_complex():
            return NotImplemented  # torch takes a complex one apart into three real ones
        sizes = (stride, padding, dilation)
        window = [size if size.__class__ is tuple else _sizes(size, axes) for size in sizes]
        return tracer.op(
            aten.convolution.default, (input, weight, bias, *window, False, none, groups)
        )

    return convolution


def _batch_norm(
    tracer: Tracer,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if training or running_mean is None:
        return NotImplemented
    args = (input, weight, bias, running_mean, running_var, False, momentum, eps)
    return tracer.op(aten.native_batch_norm.default, args)[0]


def _layer_norm(
    tracer: Tracer,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    args = (input, tuple(normalized_shape), weight, bias, eps)
    return tracer.op(aten.native_layer_norm.default, args)[0]


def _switchable(name: str) -> Function:
    """An activation with a flag for working in place."""
    new, in_place = getattr(aten, name).default, getattr(aten, f"{name}_").default

    def activation(tracer: Tracer, input: Tensor, inplace: bool = False) -> Any:
        return tracer.op(in_place if inplace else new, (input,))

    return activation


def _hardtanh(
    tracer: Tracer,
    input: Tensor,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Any:
    func = aten.hardtanh_.default if inplace else aten.hardtanh.default
    return tracer.op(func, (input, min_val, max_val))


def _gelu(tracer: Tracer, input: Tensor, *, approximate: str = "none") -> Any:
    return tracer.op(aten.gelu.default, (input,), {"approximate": approximate})


def _plain(func: Any) -> Function:
    """A function of one tensor, or of one and another operand, and nothing else."""

    def function(tracer: Tracer, *args: Any, **rest: Any) -> Any:
        return NotImplemented if rest or not isinstance(args[0], Tensor) else tracer.op(func, args)

    return function


def _softmax(
    tracer: Tracer, input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    if dim is None or dtype is not None:
        return NotImplemented
    return tracer.op(aten._softmax.default, (input, dim, False))


def _stride(stride: Any, kernel: tuple[int, ...]) -> tuple[int, ...]:
    return kernel if stride is None or stride == [] else _sizes(stride, 2)


def _max_pool2d(
    tracer: Tracer,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    if return_indices:
        return NotImplemented
    kernel = _sizes(kernel_size, 2)
    window = (
        _stride(stride, kernel),
        _sizes(padding, 2),
        _sizes(dilation, 2),
    )
    args = (input, kernel, *window, ceil_mode)
    return tracer.op(aten.max_pool2d_with_indices.default, args)[0]


def _avg_pool2d(
    tracer: Tracer,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    kernel = _sizes(kernel_size, 2)
    window = (_stride(stride, kernel), _sizes(padding, 2))
    args = (input, kernel, *window, ceil_mode, count_include_pad, divisor_override)
    return tracer.op(aten.avg_pool2d.default, args)


def _adaptive_avg_pool2d(tracer: Tracer, input: Tensor, output_size: Any) -> Any:
    if output_size not in (1, (1, 1), [1, 1]) or input.dim() != 4:
        return NotImplemented
    return tracer.op(aten.mean.dim, (input, (-1, -2), True))


def _dropout(
    tracer: Tracer, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    return NotImplemented if training else input


def _cat(tracer: Tracer, tensors: Any, dim: int = 0, **rest: Any) -> Any:
    return NotImplemented if rest else tracer.op(aten.cat.default, (list(tensors), dim))


def _view(method: Function, *, copies_others: bool = False) -> Function:
    """A view of an activation; `copies_others` where one that is not contiguous is copied."""

    def view(tracer: Tracer, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not x.is_meta or x in tracer.state or (copies_others and not x.is_contiguous()):
            return NotImplemented
        return method(x, *args, **kwargs)

    return view


def _getitem(tracer: Tracer, x: Tensor, index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    plain = all(part is None or isinstance(part, int | slice) for part in parts)
    if not plain or any(part is True or part is False for part in parts):
        return NotImplemented
    return _index(tracer, x, index)


_index = _view(Tensor.__getitem__)

FUNCTIONS: Mapping[Any, Function] = MappingProxyType(
    {
        **WHOLE,
        torch.conv1d: _convolution(1),
        torch.conv2d: _convolution(2),
        torch.conv3d: _convolution(3),
        F.batch_norm: _batch_norm,
        F.layer_norm: _layer_norm,
        F.relu: _switchable("relu"),
        F.silu: _switchable("silu"),
        F.hardswish: _switchable("hardswish"),
        F.hardsigmoid: _switchable("hardsigmoid"),
        F.hardtanh: _hardtanh,
        F.gelu: _gelu,
        F.softmax: _softmax,
        Tensor.softmax: _softmax,
        F.max_pool2d: _max_pool2d,
        F.avg_pool2d: _avg_pool2d,
        F.adaptive_avg_pool2d: _adaptive_avg_pool2d,
        F.dropout: _dropout,
        torch.cat: _cat,
        torch.sigmoid: _plain(aten.sigmoid.default),
        Tensor.sigmoid: _plain(aten.sigmoid.default),
        torch.tanh: _plain(aten.tanh.default),
        Tensor.tanh: _plain(aten.tanh.default),
        torch.relu: _plain(aten.relu.default),
        Tensor.relu: _plain(aten.relu.default),
        torch.relu_: _plain(aten.relu_.default),
        torch.add: _plain(aten.add.Tensor),
        Tensor.add: _plain(aten.add.Tensor),
        Tensor.add_: _plain(aten.add_.Tensor),
        torch.mul: _plain(aten.mul.Tensor),
        Tensor.mul: _plain(aten.mul.Tensor),
        Tensor.mul_: _plain(aten.mul_.Tensor),
        Tensor.__getitem__: _getitem,
        **{
            getattr(owner, name): _view(getattr(Tensor, name))
            for owner in (torch, Tensor)
            for name in "chunk permute split squeeze transpose unbind unsqueeze".split()
        },
        **{getattr(Tensor, name): _view(getattr(Tensor, name)) for name in ("expand", "view")},
        **{
            getattr(owner, name): _view(getattr(Tensor, name), copies_others=True)
            for owner, name in (
                (Tensor, "contiguous"),
                (Tensor, "flatten"),
                (Tensor, "reshape"),
                (torch, "flatten"),
                (torch, "reshape"),
            )
        },
    }
)
