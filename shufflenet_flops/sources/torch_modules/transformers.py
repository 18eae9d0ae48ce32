"""`transformers:TYPE`: a configuration's default with random weights, so nothing is fetched."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from torch import nn

from shufflenet_flops.errors import InputError, ModelError, UnknownNameError
from shufflenet_flops.sources.inputs import Input
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.torch_modules.decoding import with_cache
from shufflenet_flops.sources.torch_modules.factory import inputs_for
from shufflenet_flops.sources.torch_modules.imports import call
from shufflenet_flops.sources.torch_modules.libraries import (
    import_library,
    not_imported,
    quietly,
)
from shufflenet_flops.sources.torch_modules.module import (
    ModuleSource,
    checked_module,
    describe,
    positional,
    tensors_of,
)
from shufflenet_flops.sources.torch_modules.unfilled import on_meta_unfilled

MOST_TOKENS = 128
SAMPLES = Input((1, 16000))  # a second of sound
FRAMES = 3000  # of half a minute of sound, which Whisper takes


def find(text: str, options: Options) -> ModuleSource:
    """The model of a TYPE, as its configuration makes it by default; `args` change that.

    A second input, of four axes, is a cache of keys and values, after whose tokens it reads others.
    """
    transformers = import_library("transformers", text)
    kind = text.partition(":")[2]
    auto = import_library("transformers.models.auto.modeling_auto", text)
    known = list(auto.MODEL_MAPPING_NAMES)
    if kind not in known:
        raise UnknownNameError(
            "transformers type", kind, known, hint=f"transformers has {len(known):,}, such as bert"
        )
    plain = call(text, partial(transformers.AutoConfig.for_model, kind), {})
    for name in options.args:  # a configuration keeps whatever it is given
        if not hasattr(plain, name):
            raise InputError(f"{text} has no argument {name}")
    config = call(text, lambda: transformers.AutoConfig.for_model(kind, **options.args), {})

    def build() -> nn.Module:
        with quietly():
            try:
                made = call(text, lambda: transformers.AutoModel.from_config(config), {})
            except ModelError as error:
                late = error.__cause__  # it imports a model's own module when that is asked for
                if isinstance(late, ImportError):
                    raise not_imported(text, "transformers", late.__cause__ or late) from error
                raise
            return with_cache(text, made, config) if decodes else checked_module(text, made)

    decodes = [len(given.shape) for given in options.inputs] == [2, 4]

    origin = "transformers model"
    if options.input_factory is not None:
        inputs, given = inputs_for(text, build, options, ())
        return ModuleSource(text, origin, inputs, build, given=given)
    with on_meta_unfilled():
        model = build()
    wanted = _inputs(text, model, config)
    if decodes and list(wanted) == ["input_ids"]:
        wanted = {**wanted, "cache": options.inputs[1]}
    if options.inputs and len(options.inputs) != len(wanted):
        raise InputError(f"{text}: takes {', '.join(wanted)}: give --input once for each")
    shapes = dict(zip(wanted, options.inputs or wanted.values(), strict=True))
    values = {name: shape.example(real=True) for name, shape in shapes.items()}
    given = positional(text, model, values)
    return ModuleSource(text, origin, tuple(map(describe, tensors_of(given))), build, given=given)


def _inputs(text: str, model: Any, config: Any) -> dict[str, Input]:
    """The inputs that the model needs, by name, at the sizes of its configuration."""
    takes = inspect.signature(model.forward).parameters
    names = [model.main_input_name]
    if "pixel_values" in takes and hasattr(config, "vision_config"):
        names.append("pixel_values")
    if "decoder_input_ids" in takes and names[0] != "pixel_values":
        names.append("decoder_input_ids")
    return {name: _input(text, name, config) for name in dict.fromkeys(names)}


def _input(text: str, name: str, config: Any) -> Input:
    match name:
        case "input_ids" | "decoder_input_ids":
            text_config = getattr(config, "text_config", config)
            longest = getattr(text_config, "max_position_embeddings", None) or MOST_TOKENS
            if longest < 1:  # as XLNet says that any length will do
                longest = MOST_TOKENS
            return Input((1, min(longest, MOST_TOKENS)), "int64")
        case "input_values":
            return SAMPLES
        case "input_features":
            return Input((1, getattr(config, "num_mel_bins", 80), FRAMES))
        case "pixel_values":
            config = getattr(config, "vision_config", config)
            size = getattr(config, "image_size", None) or 224
            height, width = size if isinstance(size, list | tuple) else (size, size)
            return Input((1, getattr(config, "num_channels", 3), height, width))
    raise InputError(f"{text}: takes {name}, whose shape is not known: give an --input-factory")
