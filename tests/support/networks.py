"""Networks of other libraries, by name, with the smallest input that keeps them quick."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from tests.support.functional_shufflenet import FunctionalShuffleNet
from tests.support.torchvision_ops import declare

declare()


def network(name: str, size: int = 64) -> tuple[nn.Module, Tensor]:
    """A network with random weights, and an image."""
    source, _, rest = name.partition(":")
    return _BUILDERS[source](rest).eval(), torch.randn(1, 3, size, size)


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    # Two networks would draw their weights from scipy's distributions, for seconds.
    quick: dict[str, Any] = {"init_weights": False} if name == "googlenet" else {}
    return models.get_model(name, weights=None, **quick)


def _timm(name: str) -> nn.Module:
    import timm

    return timm.create_model(name, pretrained=False)


_BUILDERS = {
    "zoo": lambda name: build(zoo.find(name).spec),
    "torchvision": _torchvision,
    "timm": _timm,
    "functional": lambda name: FunctionalShuffleNet(),
}
