"""An image that is meant by fewer sizes than a model takes: `224` for 1x3x224x224."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from torch import nn

from shufflenet_flops.sources.inputs import as_image
from shufflenet_flops.sources.torch_modules.module import ModuleSource

Images = TypeVar("Images", bound=ModuleSource)


def on_image(source: Images) -> Images:
    """The source on the image that is meant by its input's sizes, where it begins with images.

    What the model takes as it is written stays so.
    """
    if source.given is not None or len(source.inputs) != 1:
        return source
    (given,) = source.inputs
    channels = _channels(source.build())
    image = None if channels is None else as_image(given, channels)
    if image is None or source.takes(given):
        return source
    return replace(source, inputs=(image,))


def _channels(module: nn.Module) -> int | None:
    """The channels of the images that a module begins with; None where it begins otherwise."""
    layers = (part for part in module.modules() if next(part.children(), None) is None)
    first = next((layer for layer in layers if next(layer.parameters(), None) is not None), None)
    return first.in_channels if isinstance(first, nn.Conv2d) else None
