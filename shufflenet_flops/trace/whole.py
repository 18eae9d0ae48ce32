"""Functions that are one op to a network and several to torch's dispatcher: each kept whole.

They are recognised where they are called. What torch's dispatcher is shown of them depends on the
device and on how the function is compiled: on the meta device attention comes as two matrix
products with a softmax between them, on the CPU as one op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import autocast, torch_private
from shufflenet_flops.trace.arguments import META, map_tensors
from shufflenet_flops.trace.rules.backward import gradient_products

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer
    from shufflenet_flops.trace.step_tracer import StepTracer

aten = torch.ops.aten


def _linear(tracer: Tracer, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    if input.dim() < 2 or tracer.differentiates:
        return NotImplemented
    return tracer.op(aten.linear.default, (input, weight, bias))


def attention(
    tracer: Tracer,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Scaled dot-product attention, laid out in memory as the fused kernels do it."""
    args = (query, key, value, attn_mask, dropout_p, is_causal)
    named: dict[str, Any] = {"scale": scale} if scale is not None else {}
    if enable_gqa:
        named["enable_gqa"] = True
    in_parts = tracer.lifetimes is not None and (
        dropout_p or not _has_cpu_kernel(query, key, value, attn_mask)
    )
    if tracer.differentiates:
        return NotImplemented if in_parts else _Attention.apply(tracer, named, *args)
    if in_parts:
        lifetimes, tracer.lifetimes = tracer.lifetimes, None
        try:
            y: Tensor = tracer.op(aten.scaled_dot_product_attention.default, args, named)
        finally:
            tracer.lifetimes = lifetimes
        tracer.is_apart = True
        return y
    return _attention(tracer, args, named)


def _attention(tracer: Tracer, args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    query, key, value, _, dropout_p, _ = args
    y: Tensor = tracer.op(aten.scaled_dot_product_attention.default, args, named)
    gqa = "enable_gqa" in named
    if tracer.values or dropout_p or not _is_fused(query, key, value, gqa):
        return y
    # As `torch.empty_like(query)`, which for the meta device is Python code that imports sympy.
    strides, step = [0] * 4, 1
    for axis in sorted(range(4), key=lambda axis: (query.stride(axis), -axis)):
        strides[axis], step = step, step * y.shape[axis]
    laid_out = torch.empty_strided(y.shape, strides, dtype=y.dtype, device=META)
    tracer.made(laid_out)
    if tracer.lifetimes is not None:
        tracer.lifetimes.stand_in(y, laid_out)
    return laid_out


def _is_fused(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> bool:
    """Whether torch has a kernel of its own for these."""
    return (
        query.dim() == key.dim() == value.dim() == 4
        and query.shape[0] == key.shape[0] == value.shape[0]
        and (enable_gqa or query.shape[1] == key.shape[1] == value.shape[1])
        and query.shape[3] == key.shape[3] == value.shape[3]
    )


class _Attention(torch.autograd.Function):
    """One op forward and one back, as the fused kernels are, whose shapes alone are worked out."""

    @staticmethod
    def forward(ctx: Any, tracer: Tracer, named: dict[str, Any], *args: Any) -> Tensor:
        ctx.tracer = tracer
        query, key, value = args[:3]
        ctx.fused = _is_fused(query, key, value, "enable_gqa" in named)
        ctx.set_materialize_grads(False)
        y = _attention(tracer, args, named)
        # The logarithm of each query's sum of exponentials; its kernel keeps that and its result.
        sums = torch.empty(query.shape[:-1], dtype=torch.float32, device=META)
        tracer.made(sums)
        if tracer.lifetimes is not None:
            tracer.lifetimes.kept(sums)
        ctx.save_for_backward(*args[:4], y, sums)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        tracer: StepTracer = ctx.tracer
        query, key, value, mask = ctx.saved_tensors[:4]
        wanted = ctx.needs_input_grad[2:6]
        if gradients[0] is not None:
            products = gradient_products(query.shape, key.shape, value.shape, wanted)
            tracer.add_attention(*products, again=ctx.fused and not wanted[3])
        with tracer.unseen():
            operands = zip((query, key, value, mask), wanted, strict=True)
            made = [_zeros(x) if wants else None for x, wants in operands]
        tracer.made(made)
        return None, None, *made, None, None


def _zeros(x: Tensor) -> Tensor:
    return (
        torch.zeros_like(x)
        if not x.is_meta
        else torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
    )


def parts(tracer: Tracer, function: Any, args: Any, kwargs: Any) -> Any:
    """The result of a call that has its row, by the ops that torch makes of it on the CPU."""
    tracer.is_apart, tracer.silent = False, True
    try:
        meta_args, meta_kwargs = map_tensors(tracer.to_meta, (args, dict(kwargs)))
        return function(*meta_args, **meta_kwargs)
    finally:
        tracer.silent = False


def _has_cpu_kernel(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether the CPU computes attention in one op; else it is made of products and a softmax."""
    tensors = (query, key, value)
    return (
        all(x.dim() == 4 and x.stride(3) == 1 and x.numel() for x in tensors)
        and query.shape[:2] == key.shape[:2] == value.shape[:2]
        and query.shape[3] == key.shape[3] == value.shape[3]
        and not (torch.is_grad_enabled() and mask is not None and mask.requires_grad)
        and (mask is None or mask.dim() in (2, 4))
    )


WHOLE: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        F.linear: _linear,
        aten.linear: _linear,
        aten.linear.default: _linear,
        F.scaled_dot_product_attention: attention,
        aten.scaled_dot_product_attention: attention,
        aten.scaled_dot_product_attention.default: attention,
    }
)


# Functions that attention calls by these names, and its own that call them.
_WITHIN: Mapping[str, Any] = MappingProxyType(
    {"linear": F.linear, "scaled_dot_product_attention": F.scaled_dot_product_attention}
)
_HELPERS = ("_in_projection", "_in_projection_packed")


def with_parts_whole(function: Any, tracer: Tracer) -> Any:
    """A copy of torch's `multi_head_attention_forward` whose layers and attention are ops.

    Inside a torch function no other is seen. Another function, as where somebody has replaced
    torch's, is given back as it is.
    """
    if not isinstance(function, FunctionType) or "linear" not in function.__code__.co_names:
        return function
    whole = {name: partial(_within, tracer, part) for name, part in _WITHIN.items()}
    seen = {**function.__globals__, **whole}
    for name in _HELPERS:
        if isinstance(seen.get(name), FunctionType):
            seen[name] = seeing(seen[name], seen)
    return seeing(function, seen)


def seeing(function: FunctionType, variables: dict[str, Any]) -> FunctionType:
    """A copy of a function that has other global variables."""
    copy = FunctionType(
        function.__code__, variables, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _within(tracer: Tracer, function: Any, *args: Any, **kwargs: Any) -> Any:
    if autocast.is_on():
        args, kwargs = tracer.autocast.arguments(function.__name__, args, kwargs)
    plain = all(type(operand) in (Tensor, nn.Parameter) for operand in args[:2])
    whole = WHOLE[function]
    is_shown = tracer.is_below and whole is not attention
    if not plain or is_shown or torch_private.transform() is not None:
        return function(*args, **kwargs)
    with tracer.unseen():
        out = whole(tracer, *args, **kwargs)
    if out is NotImplemented:
        return function(*args, **kwargs)
    return parts(tracer, function, args, kwargs) if tracer.is_apart else out
