"""Layers that the CPU takes by another way than a trace: the tensors that are made on it.

A trace sees the parts of an attention or encoder layer, as torch takes none as one op while
functions are watched, and recurrent layers as torch has them without values. Written as in torch's
attention.cpp and transformer.cpp, so that each tensor lives as long as there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import autocast
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.recurrent_steps import as_on_the_cpu, is_packed
from shufflenet_flops.trace.torch_private import without_functions

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

aten = torch.ops.aten


def output_of(
    tracer: Tracer, module: Any, forward: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """What a module returns in a trace of memory, which is that of one op where torch runs one.

    Rows are those of its parts.
    """
    whole = _whole(tracer, module, args, kwargs) if module.__class__ in _LAYERS else None
    if whole is None or tracer.lifetimes is None:
        return forward(*args, **kwargs)
    return _by_another_way(tracer, partial(forward, *args, **kwargs), whole)


def recurrent(tracer: Tracer, name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """What a recurrent layer's function returns in a trace of memory, which is the CPU's.

    In inference its rows are those of the steps as they are without.
    """
    if kwargs or is_packed(args):
        return function(*args, **kwargs)
    way = partial(as_on_the_cpu, name, *args)
    return (
        way() if tracer.differentiates else _by_another_way(tracer, partial(function, *args), way)
    )


def _by_another_way(tracer: Tracer, call: Callable[[], Any], way: Callable[[], Any]) -> Any:
    """The result and the rows of a call, with the memory of another way to the same."""
    lifetimes = tracer.lifetimes
    assert lifetimes is not None
    with lifetimes.away(), tracer.autocast.apart():
        output = call()
    silent, tracer.silent = tracer.silent, True
    try:
        made = way()
    finally:
        tracer.silent = silent
    if autocast.is_on():
        return made  # in another type
    for origin, stand_in in zip(tensors_of(made), tensors_of(output), strict=True):
        lifetimes.stand_in(origin, stand_in)
    return output


def _whole(tracer: Tracer, module: Any, args: Any, kwargs: Any) -> Callable[[], Any] | None:
    """Makes what one op for the whole layer would; None where torch runs its parts."""
    lifetimes, forward = tracer.lifetimes, module.__class__.forward
    takes, run = _LAYERS[module.__class__]
    is_watched = lifetimes is not None and not (lifetimes.is_away or tracer.values)
    is_replaced = forward is not _FORWARDS[module.__class__] or "forward" in vars(module)
    if not is_watched or is_replaced or module.training or torch.is_grad_enabled():
        return None
    given = signature(forward).bind(module, *args, **kwargs).arguments
    if not torch.backends.mha.get_fastpath_enabled() or not takes(module, given):
        return None
    return partial(_hidden, run, tracer, module, given)


def _hidden(run: Callable[..., Any], *args: Any) -> Any:
    with without_functions():
        return run(*args)


def _takes_attention(layer: nn.MultiheadAttention, given: dict[str, Any]) -> bool:
    x, weight, bias = given["query"], layer.in_proj_weight, layer.in_proj_bias
    return (
        x is given["key"] is given["value"]
        and _takes(layer, x, given, "attn_mask", "key_padding_mask")
        and x.dtype is weight.dtype is bias.dtype
        and layer.bias_k is layer.bias_v is None
        and not layer.add_zero_attn
    )


def _takes_encoder(layer: nn.TransformerEncoderLayer, given: dict[str, Any]) -> bool:
    return (
        _takes(layer.self_attn, given["src"], given, "src_mask", "src_key_padding_mask")
        and layer.activation_relu_or_gelu > 0
        and layer.norm1.eps == layer.norm2.eps
    )


def _takes(layer: nn.MultiheadAttention, x: Any, given: dict[str, Any], *masks: str) -> bool:
    return (
        isinstance(x, Tensor)
        and x.dim() == 3
        and layer.batch_first
        and layer.num_heads % 2 == 0
        and layer.in_proj_weight is not None
        and layer.in_proj_bias is not None
        and all(given.get(mask) is None for mask in masks)
    )


def _attention(
    tracer: Tracer, layer: nn.MultiheadAttention, given: dict[str, Any]
) -> tuple[Tensor, Tensor | None]:
    weighs, averages = given.get("need_weights", True), given.get("average_attn_weights", True)
    y, scores = _attend(tracer, layer, tracer.to_meta(given["query"]), weighs=weighs)
    if scores is not None and averages:
        scores = scores.sum(1).div_(layer.num_heads)
    return y, scores


def _attend(
    tracer: Tracer, layer: nn.MultiheadAttention, x: Tensor, *, weighs: bool
) -> tuple[Tensor, Tensor | None]:
    own = (layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias)
    cast = _cast(tracer, "_native_multi_head_attention", x, x, x, *own)
    query, key, value, weight, _, out_weight, out_bias = cast
    images, length, size = x.shape
    if query is key:
        together = torch.matmul(query, weight.t())
    else:  # cast one by one
        factors = zip((query, key, value), weight.chunk(3), strict=True)
        parts = [torch.matmul(part, factor.t()) for part, factor in factors]
        together = torch.cat(parts, 2)
        del parts
    heads = torch.empty_strided(
        *((3 * images * length, size), (size, 1)), dtype=together.dtype, device=together.device
    )
    del together
    in_heads = heads.view(3, images * layer.num_heads, length, -1)
    q, k, v = in_heads.unbind(0)
    scores = torch.bmm(q, k.transpose(1, 2))
    torch.bmm(scores, v, out=q)
    kept = scores.view(images, layer.num_heads, length, length) if weighs else None
    del scores
    in_order = q.view(images, layer.num_heads, length, -1).transpose(1, 2).contiguous()
    y = torch.addmm(out_bias, in_order.view(images * length, size), out_weight.t())
    return y.view(images, length, size), kept


def _encoder(tracer: Tracer, layer: nn.TransformerEncoderLayer, given: dict[str, Any]) -> Tensor:
    """What is added is added in place."""
    source = tracer.to_meta(given["src"])
    x = _norm(tracer, layer.norm1, source) if layer.norm_first else source
    x = _attend(tracer, layer.self_attn, x, weighs=False)[0]
    x.add_(source)
    if not layer.norm_first:
        x = _norm(tracer, layer.norm1, x)
    before = x
    if layer.norm_first:
        x = _norm(tracer, layer.norm2, x)
    inner = partial(_product, tracer, layer.linear1, activated=True)
    x = _product(tracer, layer.linear2, inner(x), activated=False)
    x.add_(before)
    return x if layer.norm_first else _norm(tracer, layer.norm2, x)


def _norm(tracer: Tracer, norm: nn.LayerNorm, x: Tensor) -> Tensor:
    weight, bias = map(tracer.to_meta, (norm.weight, norm.bias))
    return F.layer_norm(x, norm.normalized_shape, weight, bias, norm.eps)


def _product(tracer: Tracer, linear: nn.Linear, x: Tensor, *, activated: bool) -> Tensor:
    function = aten._addmm_activation if activated else aten.addmm
    flat, weight = x.view(-1, x.shape[-1]), tracer.to_meta(linear.weight).t()
    y: Tensor = function(*_cast(tracer, function.__name__, linear.bias, flat, weight))
    return y.view(*x.shape[:-1], -1)


def _cast(tracer: Tracer, function: str, *tensors: Any) -> Any:
    """Stand-ins of an op's arguments, in the type that autocast gives them."""
    given: tuple[Any, ...] = tensors
    if autocast.is_on():
        given, _ = tracer.autocast.arguments(function, tensors, {})
    return [tracer.to_meta(x) for x in given]


_LAYERS: dict[type[nn.Module], tuple[Callable[..., bool], Callable[..., Any]]] = {
    nn.MultiheadAttention: (_takes_attention, _attention),
    nn.TransformerEncoderLayer: (_takes_encoder, _encoder),
}
_FORWARDS = {layer: layer.forward for layer in _LAYERS}  # before anyone can replace them
