"""Peaks by our timeline, and by torch's allocator of the CPU in a real run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.coverage.compared import Result
from benchmarks.coverage.training import BATCH
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.outputs import outputs_of
from tests.support.allocator import allocations
from tests.support.networks import network

SIZE = 64
# Of networks that take no other size, or none as small.
_OWN_SIZES = {
    **dict.fromkeys(("timm:vit", "torchvision:vit", "zoo:vit", "zoo:deit", "zoo:inception"), 224),
    "zoo:alexnet_grouped": 227,
}


def names() -> list[str]:
    """Every network of the zoo, and small ones of torchvision, by the names that tests use."""
    from torchvision import models

    from shufflenet_flops import zoo

    families = ("shufflenet", "mobilenet", "mnasnet", "squeezenet", "resnet", "densenet", "regnet")
    others = [name for name in models.list_models(models) if name.startswith(families)]
    return [f"zoo:{name}" for name in zoo.names()] + [f"torchvision:{name}" for name in others]


def tensors_compared(name: str) -> Result:
    """Bytes of tensors at their peak, beside those of the network and its image."""
    return _compared(name, lambda timeline: max(timeline.live_bytes), "tensor_bytes")


def whole_compared(name: str) -> Result:
    """Bytes at the peak with what kernels take beside tensors, which counts as equal within 5 %."""
    return _compared(name, lambda timeline: max(timeline.used_bytes), "peak_bytes", within=0.05)


def step_compared(name: str) -> Result:
    """Bytes at the peak of a training step, which counts as equal within 10 %."""
    model, image = _network(name)
    images = image.repeat(BATCH, 1, 1, 1)
    timeline = trace(model, images, training=True, memory=True, step=ALL).timeline
    model.train()

    def step() -> Any:
        output = model(images)
        ends = [y for y in outputs_of(output) if y.requires_grad]
        torch.autograd.backward(ends, [torch.ones_like(y) for y in ends])
        return output

    real = allocations(step)
    return _result(name, model, max(timeline.used_bytes), real.peak_bytes, within=0.1)


def _compared(name: str, ours: Callable[..., int], theirs: str, within: float = 0.0) -> Result:
    model, image = _network(name)
    timeline = trace(model, image, memory=True).timeline
    with torch.no_grad():
        real = allocations(lambda: model(image))
    return _result(name, model, ours(timeline), getattr(real, theirs), within)


def _network(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    own = (size for start, size in _OWN_SIZES.items() if name.startswith(start))
    return network(name, next(own, SIZE))


def _result(name: str, model: nn.Module, found: int, reference: int, within: float) -> Result:
    equal = abs(found - reference) <= within * reference
    params = sum(param.numel() for param in model.parameters())
    return Result(name, "equal" if equal else "differs", found, reference, params)
