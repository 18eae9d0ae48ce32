"""Every model type of transformers, small: a narrow default configuration, random weights.

A configuration has no one name for its width, so every size that is known by name is narrowed, in
its parts as well. Some models then no longer fit together; these are tried again with their own
widths and two layers, on the meta device, which holds no weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tests.support import torchvision_ops

# What each size becomes, by the name that configurations give it.
NARROW: Mapping[str, int] = {
    **dict.fromkeys(
        "hidden_size d_model dim n_embd embed_dim embedding_size encoder_hidden_size "
        "decoder_hidden_size out_hidden_size projection_dim proj_dim".split(),
        64,
    ),
    **dict.fromkeys(
        "intermediate_size ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim mlp_dim n_inner "
        "moe_intermediate_size shared_expert_intermediate_size".split(),
        96,
    ),
    **dict.fromkeys(
        "num_attention_heads n_head n_heads num_heads encoder_attention_heads "
        "decoder_attention_heads attention_heads".split(),
        4,
    ),
    "num_key_value_heads": 2,
    "head_dim": 16,
}
SHALLOW: Mapping[str, int] = {
    **dict.fromkeys(
        "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers depth "
        "num_encoder_layers num_decoder_layers num_hidden_groups".split(),
        2,
    ),
    **dict.fromkeys("num_local_experts num_experts n_routed_experts moe_num_experts".split(), 4),
    **dict.fromkeys("num_experts_per_tok moe_k moe_topk".split(), 2),
    "vocab_size": 128,
}
TOKENS = 16
MOST_PARAMS = 400_000_000


def model_types() -> list[str]:
    """The names of the model types that have a model, sorted."""
    torchvision_ops.declare()  # some configurations import it
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(MODEL_MAPPING_NAMES)


def candidates(model_type: str) -> Iterator[tuple[nn.Module, Mapping[str, Tensor]]]:
    """Models of a type, the smallest first, each with inputs that it may take, by name."""
    torchvision_ops.declare()
    for sizes, device in (({**NARROW, **SHALLOW}, "cpu"), (SHALLOW, "cpu"), (SHALLOW, "meta")):
        try:
            model, config = _build(model_type, sizes, device)
        except Exception:  # of any of hundreds of authors: the next sizes
            continue
        with torch.device(device):
            for inputs in _inputs(model, config):
                yield model, inputs


def _build(model_type: str, sizes: Mapping[str, int], device: str) -> tuple[nn.Module, Any]:
    """Raises whatever the library raises, and MemoryError for a large model that is not on meta."""
    from transformers import AutoConfig, AutoModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = AutoConfig.for_model(model_type)
        _resize(config, sizes)
        torch.manual_seed(0)
        with torch.device("meta"):
            model = AutoModel.from_config(config)
        if device != "meta":
            if sum(parameter.numel() for parameter in model.parameters()) > MOST_PARAMS:
                raise MemoryError(model_type)
            model = AutoModel.from_config(config)
    return model.eval().requires_grad_(False), config


def _resize(config: Any, sizes: Mapping[str, int]) -> None:
    """Make every size that has a name of `sizes` no larger than there, in its parts as well."""
    if hasattr(config, "use_cache"):
        config.use_cache = False  # the kinds of layers that a cache looks for may be left out
    if getattr(config, "pad_token_id", None) is not None:
        config.pad_token_id = 0  # which is in the smallest vocabulary
    for key, value in list(vars(config).items()):
        if hasattr(value, "model_type"):
            _resize(value, sizes)
        elif key in sizes and isinstance(value, int) and not isinstance(value, bool):
            setattr(config, key, min(value, sizes[key]))
        elif key == "layer_types" and isinstance(value, list):
            setattr(config, key, value[: SHALLOW["num_hidden_layers"]])


def _inputs(model: nn.Module, config: Any) -> Iterator[dict[str, Tensor]]:
    tokens = torch.ones((1, TOKENS), dtype=torch.long) * 5
    size = _first(config, "image_size", 224)
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    image = torch.ones((1, _first(config, "num_channels", 3), height, width)) / 2
    wave = torch.ones((1, 16_000)) / 2
    by_name = {
        "input_ids": tokens,
        "pixel_values": image,
        "input_values": wave,
        "input_features": torch.ones((1, _first(config, "num_mel_bins", 80), 3_000)) / 2,
    }
    name = getattr(model, "main_input_name", "input_ids")
    if name in by_name:
        yield {name: by_name[name]}
    yield {"input_ids": tokens, "decoder_input_ids": tokens}
    yield {"input_ids": tokens, "pixel_values": image}
    yield {"pixel_values": image}
    yield {"input_values": wave[:, None]}
    yield {"input_features": by_name["input_features"], "decoder_input_ids": tokens}


def _first(config: Any, key: str, default: int) -> Any:
    """The value of `key` in a configuration or in the first part of it that has one."""
    value = getattr(config, key, None)
    if value is not None:
        return value
    for part in vars(config).values():
        if hasattr(part, "model_type") and (value := _first(part, key, 0)):
            return value
    return default
