"""From the text of MODEL to a source; torch is imported only where the text needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import zoo_networks as networks
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.source import Source

_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".safetensors")


def resolve(text: str, options: Options | None = None) -> Source:
    """The source that MODEL names.

    A name of the zoo or `family@key=value`, `package.module:factory`, `timm:NAME`,
    `torchvision:NAME`, or a file that ends in `.pt2` or `.onnx`. A factory's module is imported,
    which runs its code; a file is only read, and nothing in it is run or unpickled.

    Raises a ShufflenetFlopsError, one line, where that does not lead to a model.
    """
    options = options or Options()
    if text.endswith(".onnx"):
        from shufflenet_flops.sources.onnx import file as onnx_file

        return onnx_file.find(text, options)
    if text.endswith(".pt2"):
        from shufflenet_flops.sources.pt2 import exported

        return exported.find(text, options)
    if text.endswith(_CHECKPOINTS):
        raise InputError(
            f"{text}: holds weights and perhaps code, but no graph that can be read safely: "
            "save the model with torch.export.save as .pt2, or export it as .onnx"
        )
    prefix, colon, _ = text.partition(":")
    if not colon:
        return networks.find(text, options)
    from shufflenet_flops.sources.torch_modules import factory, libraries

    if prefix == "timm":
        return libraries.find_timm(text, options)
    if prefix == "torchvision":
        return libraries.find_torchvision(text, options)
    return factory.find(text, options)


def resolve_all(texts: Sequence[str], options: Options) -> list[Source]:
    """The sources of several models, in order.

    Arguments and an input factory go to the models that are built by code; `resolve` would refuse
    them for the others. Raises InputError for a model that is named twice.
    """
    if len(set(texts)) < len(texts):
        raise InputError(f"a model is named twice: {' '.join(texts)}")
    if not any(map(_is_built_by_code, texts)):
        return [resolve(text, options) for text in texts]
    without = replace(options, args={}, input_factory=None)
    return [resolve(text, options if _is_built_by_code(text) else without) for text in texts]


def _is_built_by_code(text: str) -> bool:
    return ":" in text and not text.endswith((".onnx", ".pt2"))
