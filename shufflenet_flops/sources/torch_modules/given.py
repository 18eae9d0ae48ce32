"""A module that the caller has already: it is traced as it is, and copied for what runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.running.model_copy import copied
from shufflenet_flops.sources.inputs import IMAGE, Input
from shufflenet_flops.sources.torch_modules.images import on_image
from shufflenet_flops.sources.torch_modules.module import (
    ModuleSource,
    describe,
    in_eval_mode,
    positional,
    tensors_of,
)


@dataclass(frozen=True)
class GivenModule(ModuleSource):
    """A module of the caller's, which stays in the mode in which it is."""

    def seen(self, module: nn.Module) -> nn.Module:
        return module

    def written(self, given: Input | None = None) -> str:
        if given is None:
            return "input=SHAPE"
        return f"input={given.shape}" if given.dtype == IMAGE.dtype else f'input="{given}"'

    @cached_property
    def _module(self) -> nn.Module:
        module = self.build()
        try:
            return in_eval_mode(copied(module))
        except Exception as error:
            raise ModelError(f"{self.name}: cannot be copied, to be run: {error}") from error


def find(module: nn.Module, values: Sequence[Any] | Mapping[str, Any]) -> GivenModule:
    """The source of a module on `values`, each an Input or what is passed as it is.

    They are in the order of `forward`, or by its names; without any, it is given an image.
    """
    name = type(module).__name__
    if not isinstance(values, Mapping) and all(isinstance(value, Input) for value in values):
        return _source(name, module, tuple(values) or (IMAGE,), None)
    real = (
        {key: _example(value) for key, value in values.items()}
        if isinstance(values, Mapping)
        else list(map(_example, values))
    )
    given = positional(name, module, real)
    tensors = tensors_of(given)
    if not tensors:
        raise InputError(f"{name}: its input holds no tensor and no shape")
    return _source(name, module, tuple(map(describe, tensors)), given)


def _source(
    name: str, module: nn.Module, inputs: tuple[Input, ...], given: tuple[Any, ...] | None
) -> GivenModule:
    source = GivenModule(name, "module", inputs, lambda: module, on_meta=False, given=given)
    return on_image(source)


def _example(value: Any) -> Any:
    return value.example(real=True) if isinstance(value, Input) else value
