"""A call of an op on stand-ins: what it gives and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import own_arguments, tensors_of
from shufflenet_flops.trace.facts import Facts, is_known
from shufflenet_flops.trace.meta_kernels import run_on_meta
from shufflenet_flops.trace.rules.work import packets
from shufflenet_flops.trace.torch_private import Written, written_arguments

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

# Its result, what it does, the tensors among its arguments in order, and which it writes to.
WorkedOut = tuple[Any, Facts | str | None, list[Tensor], Written]


# Known from programs in files, and taken apart wherever a model runs.
_NEVER_WHOLE = frozenset(packets("rms_norm _fused_rms_norm"))


def taken_apart(tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What an op gives by the ops that torch makes of it; NotImplemented where it is one to us.

    In inference mode torch hands over whole what it takes apart elsewhere.
    """
    if not torch.is_inference_mode_enabled() or (
        is_known(func) and func.overloadpacket not in _NEVER_WHOLE
    ):
        return NotImplemented
    with tracer:
        return torch_private.taken_apart(func, args, kwargs)


def work_out(
    tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> WorkedOut:
    """A call on the meta device, by torch's own kernels for it where they will do."""
    operands = list(tensors_of((args, kwargs)))
    meta_args, meta_kwargs = tracer.on_meta(func, args, kwargs)
    out = own_arguments(
        run_on_meta(func, meta_args, meta_kwargs),
        (*meta_args, *meta_kwargs.values()),
        (*args, *kwargs.values()),
    )
    facts = tracer.facts(func, args, kwargs, operands, out)
    return out, facts, operands, written_arguments(func)
