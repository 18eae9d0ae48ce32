"""The peak of inference by our timeline, and by torch's allocator of the CPU in a real run."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.coverage.compared import Result
from shufflenet_flops.trace import trace
from tests.support.allocator import allocations
from tests.support.networks import network

SIZE = 64
_OWN_SIZE = ("timm:vit", "torchvision:vit", "zoo:vit", "zoo:deit")  # take no other


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


def _compared(name: str, ours: Callable[..., int], theirs: str, within: float = 0.0) -> Result:
    torch.manual_seed(0)
    model, image = network(name, 224 if name.startswith(_OWN_SIZE) else SIZE)
    timeline = trace(model, image, memory=True).timeline
    with torch.no_grad():
        real = allocations(lambda: model(image))
    found, reference = ours(timeline), getattr(real, theirs)
    equal = abs(found - reference) <= within * reference
    params = sum(param.numel() for param in model.parameters())
    return Result(name, "equal" if equal else "differs", found, reference, params)
