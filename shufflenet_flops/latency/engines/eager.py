"""PyTorch eager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.engines.protocol import Call, Engine, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


@engine
class Eager(Engine):
    """The module's own forward pass in inference mode."""

    name = "eager"
    place = 0
    distribution = "torch"
    modules = ("torch",)
    dtypes = ("float32", "bfloat16", "float16")
    devices = ("cpu", "cuda")

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """`model(*inputs)` on `setup.threads` threads, a setting of the whole process."""
        return in_inference_mode(*placed(model, inputs, setup), setup)


def placed(
    model: nn.Module, inputs: Sequence[Tensor], setup: Setup
) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Model and inputs in the dtype and on the device of `setup`; a copy where that differs.

    Inputs may be nested in lists and dictionaries.
    """
    import torch

    from shufflenet_flops.running.model_copy import copied
    from shufflenet_flops.trace.arguments import map_tensors

    dtype = getattr(torch, setup.dtype)
    if dtype != torch.float32 or setup.device != "cpu":
        model = copied(model).to(setup.device, dtype)

    def move(x: Tensor) -> Tensor:
        return x.to(setup.device, dtype if x.is_floating_point() else None)

    return model, map_tensors(move, tuple(inputs))


def in_inference_mode(model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
    """`model(*inputs)` without autograd."""
    import torch

    torch.set_num_threads(setup.threads)

    @torch.inference_mode()
    def call() -> Any:
        return model(*inputs)

    return call
