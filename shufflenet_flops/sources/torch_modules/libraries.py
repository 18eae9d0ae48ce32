"""`timm:NAME` and `torchvision:NAME`: built on the meta device, so no weights and no download."""

from __future__ import annotations

import importlib
import inspect
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any

from torch import nn

from shufflenet_flops.errors import InputError, ModelError, UnknownNameError
from shufflenet_flops.extras import install_command
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources.inputs import IMAGE, Input, completed
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.torch_modules.factory import inputs_for
from shufflenet_flops.sources.torch_modules.imports import call, one_line
from shufflenet_flops.sources.torch_modules.module import ModuleSource, checked_module

# Arguments of these libraries that would fetch or open weights.
_WEIGHTS = frozenset(
    "pretrained checkpoint_path pretrained_cfg pretrained_cfg_overlay cache_dir weights "
    "weights_backbone".split()
)


@contextmanager
def quietly() -> Iterator[None]:
    """Without what libraries say of their own defaults and of their own optional parts."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def find_timm(text: str, options: Options) -> ModuleSource:
    """The model that timm knows as NAME or NAME.TAG, on the input size of its configuration."""
    timm = import_library("timm", text)
    name = _known("timm", text, timm.list_models(), has_tags=True)
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise InputError(f"{text}: {one_line(error)}") from None
    size = config.input_size if config else IMAGE.shape[1:]
    make = partial(timm.create_model, name, pretrained=False)
    return _source(text, "timm model", make, options, Input((1, *size)))


def find_torchvision(text: str, options: Options) -> ModuleSource:
    """The model that torchvision knows as NAME."""
    models = import_library("torchvision.models", text)
    name = _known("torchvision", text, models.list_models())
    builder = models.get_model_builder(name)
    # A detection model fetches weights for its backbone unless told not to.
    without = dict.fromkeys(_WEIGHTS & inspect.signature(builder).parameters.keys())
    return _source(text, "torchvision model", partial(builder, **without), options, IMAGE)


def _known(library: str, text: str, names: Iterable[str], *, has_tags: bool = False) -> str:
    """The NAME of `library:NAME`. Raises UnknownNameError unless it is one of `names`."""
    name = text.partition(":")[2]
    names = list(names)
    # timm would also take hf-hub: and local-dir: names, which fetch or open files.
    if (name.partition(".")[0] if has_tags else name) not in names:
        raise UnknownNameError(
            f"{library} model", name, names, hint=f"{library} has {len(names):,} others"
        )
    return name


def _checked_args(text: str, options: Options) -> dict[str, Any]:
    for key in options.args:
        if key in _WEIGHTS:
            raise InputError(f"{text}: --arg {key} is refused: no weights are fetched or opened")
    return dict(options.args)


def _source(
    text: str, origin: str, make: Callable[..., Any], options: Options, default: Input
) -> ModuleSource:
    args = _checked_args(text, options)

    def build() -> nn.Module:
        with quietly():
            return checked_module(text, call(text, make, args))

    meant = tuple(completed(given, default, text) for given in options.inputs)
    inputs, given = inputs_for(text, build, replace(options, inputs=meant), (default,))
    return ModuleSource(text, origin, inputs, build, given=given)


def import_library(module_name: str, text: str) -> Any:
    """A library's module. Raises InputError where there is none, ModelError where it fails."""
    library = module_name.partition(".")[0]
    try:
        metadata.version(library)
    except metadata.PackageNotFoundError:
        raise InputError(
            f"{text}: {library} is not installed: {install_command(library)}"
        ) from None
    try:
        with quietly(), contained():
            return importlib.import_module(module_name)
    except Exception as error:
        raise not_imported(text, library, error) from error


def not_imported(text: str, library: str, error: BaseException) -> ModelError:
    """What to raise where a library that is installed, or a part of it, cannot be imported."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in dict.fromkeys(("torch", "torchvision", library))
        if _is_installed(name)
    )
    return ModelError(
        f"{text}: {library} cannot be imported, as happens when torch and torchvision do not "
        f"match or are built for different devices: {versions} ({one_line(error)})"
    )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
