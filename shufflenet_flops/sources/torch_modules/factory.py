"""`package.module:factory`: a function, a class or a module of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isfunction
from typing import Any

from torch import nn

from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources.inputs import IMAGE, Input
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.torch_modules.images import on_image
from shufflenet_flops.sources.torch_modules.imports import (
    call,
    find_module,
    find_object,
    split_file,
)
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
    found = find_object(text, options.path) if split_file(text)[1] else _only(text, options)
    module = _build(text, found, options.args)
    inputs, given = inputs_for(text, lambda: module, options, (IMAGE,))
    source = ModuleSource(text, "factory", inputs, lambda: module, on_meta=False, given=given)
    return on_image(source)


def _only(file: str, options: Options) -> Any:
    """What a file alone stands for: its one class of module, or else its one factory.

    Raises InputError, with what to write, where it holds several or none.
    """
    module, _ = find_module(file, options.path)
    own = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    }
    classes = [
        name
        for name, value in own.items()
        if isinstance(value, type) and issubclass(value, nn.Module)
    ]
    made = [name for name, value in vars(module).items() if isinstance(value, nn.Module)]
    functions = [name for name, value in own.items() if isfunction(value)]
    for names in (classes, made, functions):
        if len(names) == 1:
            return getattr(module, names[0])
        if names:
            listed = " or ".join(f"{file}:{name}" for name in names)
            raise InputError(f"{file}: holds several models; write {listed}")
    raise InputError(f"{file}: holds no class of nn.Module and no function that makes one")


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
