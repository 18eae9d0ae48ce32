"""Why a pass of a model failed, in words, and nothing of the model kept in the error."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import torch

from shufflenet_flops.running.foreign import ForeignExit
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import tensors_of

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

# Functions and ops that ask a tensor for its values, or give a result whose shape they decide.
_ASKING = frozenset(
    """
    item tolist numpy nonzero nonzero_static __array__ __bool__ __complex__ __contains__ __float__
    __getitem__ __index__ __int__ _local_scalar_dense _unique2 allclose bincount cond equal index
    is_nonzero masked_select repeat_interleave unique unique_consecutive unique_dim where while_loop
    """.split()
)


def because(tracer: Tracer, error: Exception) -> str:
    """Why stand-ins without values would not do."""
    name = tracer.failed_op
    if name in _ASKING or not name:
        seed = tracer.draws.seed
        return (
            "control flow asked for values: the count may depend on the inputs, which are random "
            f"numbers of seed {seed} where none were given"
        )
    if "." in name:
        return f"the op {name} does not run without values (torch.library.register_fake helps)"
    return f"{name} does not run without values ({first_line(error)})"


def let_go(error: BaseException | None) -> None:
    """An error keeps what it is about, and the variables of all functions that it came through."""
    errors = [] if error is None else [error]
    for other in errors:
        traceback.clear_frames(other.__traceback__)
        if any(True for _ in tensors_of(other.args)):
            other.args = tuple(map(str, other.args))
        if isinstance(other, AttributeError):
            other.obj = None
        led_here = (other.__cause__, other.__context__)
        errors += [cause for cause in led_here if cause is not None and cause not in errors]


def first_line(error: Exception) -> str:
    """What is wrong, without advice that is meant for others."""
    name = type(error).__name__
    if isinstance(error, ForeignExit):
        return f"{name}: {error}".splitlines()[0]
    line = (str(error).strip() or name).splitlines()[0].partition(" Hint: ")[0]
    return line.partition(" Mismatching argument at ")[0]  # of shapes that the call has already


def is_refusal(op: str, error: Exception, differentiates: bool) -> bool:
    """Whether torch refuses the same on real tensors: not if the error is about these having none.

    What an op of another library says of stand-ins tells nothing of real tensors.
    """
    changed = torch.is_grad_enabled() != differentiates or torch_private.transform()
    autocast = any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
    of_stand_ins = isinstance(error, NotImplementedError) or "meta" in str(error)
    return not ("." in op or changed or autocast or of_stand_ins)
