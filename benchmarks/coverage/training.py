"""One training step, counted by our tracer and by torch's counter, forward and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.coverage.compared import Call, Candidates, Result, compared
from shufflenet_flops.counters.step_cost import BACKWARD, FORGOTTEN_GROUPS, step_parts
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.outputs import outputs_of

BATCH = 2  # of which a batch norm can take a variance


def step_compared(candidates: Candidates, name: str) -> Result:
    """A step on two images, on the meta device, where torch writes attention out.

    Of what torch's counter reports is left out what it counts too often: the gradient of a weight,
    once for each group of its convolution.
    """
    return compared(candidates, name, _counted_twice)


def _counted_twice(name: str, call: Call) -> Result:
    model = call.model.to("meta").train().requires_grad_(True)
    inputs = [_images(x) for x in call.inputs]
    traced = trace(model, *inputs, training=True, step=ALL)
    assert traced.step is not None
    parts = step_parts(traced, fused=())[BACKWARD]
    forgotten = sum(part.amount for part in parts if part.term == FORGOTTEN_GROUPS)
    try:
        reference: int | None = (_torch_flops(model, inputs) - forgotten) // 2
        why_none = ""
    except Exception as error:
        reference, why_none = None, f"{type(error).__name__}: {error}"[:200]
    macs = traced.step.macs
    return Result(
        name,
        "no reference" if reference is None else "equal" if macs == reference else "differs",
        macs,
        reference,
        traced.params,
        why_none,
        {**traced.unknown_ops, **traced.step.unknown_ops},
        traced.real_forward,
    )


def _images(x: Tensor) -> Tensor:
    return torch.empty((BATCH, *x.shape[1:]), dtype=x.dtype, device="meta")


def _torch_flops(model: Any, inputs: list[Tensor]) -> int:
    with FlopCounterMode(display=False) as mode:
        outputs = [y for y in outputs_of(model(*inputs)) if y.requires_grad]
        torch.autograd.backward(outputs, [torch.empty_like(y) for y in outputs])
    return mode.get_total_flops()
