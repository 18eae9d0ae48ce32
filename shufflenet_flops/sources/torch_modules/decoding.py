"""Language models of transformers that read tokens after those of a cache of keys and values."""

from __future__ import annotations

from inspect import signature
from types import MethodType
from typing import Any

from torch import Tensor, nn

from shufflenet_flops.errors import InputError


def with_cache(text: str, model: Any, config: Any) -> nn.Module:
    """The model with `cache` as a second input: the keys of every layer, and its values.

    It has the shape batch x heads x tokens x width. Raises InputError for a configuration that
    does not tell how many layers there are.
    """
    text_config = getattr(config, "text_config", config)
    layers = getattr(text_config, "num_hidden_layers", None)
    if layers is None:
        raise InputError(f"{text}: takes no cache of keys and values: its layers are not known")
    forward = type(model).forward
    # As it is called from 5.24 on.
    name = "cache" if "cache" in signature(forward).parameters else "past_key_values"

    def after_cache(self: nn.Module, input_ids: Tensor, cache: Tensor) -> Any:
        past = {name: _cache(cache, layers)}
        return forward(self, input_ids=input_ids, use_cache=True, **past)

    model.forward = MethodType(after_cache, model)
    assert isinstance(model, nn.Module)
    return model


def _cache(tensor: Tensor, layers: int) -> Any:
    """A cache with the tensor in each layer: it is there already, so that nothing is moved."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    past = DynamicCache()
    for _ in range(layers):
        layer = DynamicLayer()
        layer.lazy_initialization(tensor, tensor)
        layer.keys = layer.values = tensor
        past.layers.append(layer)
    return past
