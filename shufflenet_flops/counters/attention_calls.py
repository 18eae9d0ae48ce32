"""Attention as a run called it, for what shapes do not tell: whether torch has a kernel for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F

from shufflenet_flops.counters.closer import FunctionCall


@dataclass(frozen=True)
class Attention:
    """One call of attention: the shapes of its queries and values, and its MACs.

    `scaled` are the elements of queries and keys that are scaled where it is written out, and
    `dropped` those of what is dropped out.
    """

    queries: torch.Size
    values: torch.Size
    macs: int
    scaled: int
    dropped: int


def written_out(calls: Iterable[FunctionCall]) -> Iterator[Attention]:
    """Calls of attention that torch has no kernel for, be it for gaps that shapes do not tell."""
    for call in calls:
        if _is_attention(call) and not call.has_kernel:
            yield _attention(call)


def dropped_scores(calls: Iterable[FunctionCall]) -> int:
    """Elements that attention drops out, for which torch has no kernel on the CPU."""
    return sum(_attention(call).dropped for call in calls if _is_attention(call))


def fused_samples(calls: Iterable[FunctionCall]) -> int:
    """MACs of attention that has a kernel for several samples of `torch.vmap` at once."""
    return sum(
        prod(call.samples) * _attention(call).macs
        for call in calls
        if call.samples and call.has_kernel
    )


def _is_attention(call: FunctionCall) -> bool:
    return call.function is F.scaled_dot_product_attention


def _attention(call: FunctionCall) -> Attention:
    q, k, v = (call.argument(i, name) for i, name in enumerate(("query", "key", "value")))
    scores = call.output.numel() // v.shape[-1] * k.shape[-2]
    # Heads of keys that queries share are repeated first.
    keys = (
        q.shape[:-2].numel() * k.shape[-2:].numel() if call.kwargs.get("enable_gqa") else k.numel()
    )
    dropped = scores if call.argument(4, "dropout_p") else 0
    macs = scores * (q.shape[-1] + v.shape[-1])
    return Attention(q.shape, v.shape, macs, q.numel() + keys, dropped)
