"""`package.module:factory`: a function, a class or a module of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources.inputs import IMAGE, Input
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.torch_modules.imports import call, find_object
from shufflenet_flops.sources.torch_modules.module import (
    Arguments,
    ModuleSource,
    checked_module,
    describe,
    positional,
    tensors_of,
)


def find(text: str, options: Options) -> ModuleSource:
    """The module that `package.module:factory` makes. Imports and runs that code."""
    target = find_object(text, options.path)
    module = _build(text, target, options.args)
    inputs, given = inputs_for(text, lambda: module, options, (IMAGE,))
    return ModuleSource(text, "factory", inputs, lambda: module, on_meta=False, given=given)


def inputs_for(
    name: str, build: Callable[[], nn.Module], options: Options, default: tuple[Input, ...]
) -> tuple[tuple[Input, ...], Arguments | None]:
    """The inputs that the options ask for, and the arguments if an input factory made them."""
    if options.input_factory is None:
        return options.inputs or default, None
    if options.inputs:
        raise InputError("--input and --input-factory: give one of them")
    made = call(options.input_factory, find_object(options.input_factory, options.path), {})
    given = positional(name, build(), made)
    tensors = tensors_of(given)
    if not tensors:
        raise ModelError(f"{options.input_factory}: gave no tensor")
    return tuple(map(describe, tensors)), given


def _build(text: str, target: Any, args: Mapping[str, Any]) -> nn.Module:
    if isinstance(target, nn.Module):
        if args:
            raise InputError(f"{text}: is a module already, and takes no --arg")
        return target
    if not callable(target):
        raise ModelError(f"{text}: is a value of type {type(target).__name__}, not a factory")
    return checked_module(text, call(text, target, args))
