"""The libraries whose models are all counted: what each has, and how a model of it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.coverage import onnx_files, peak
from benchmarks.coverage.compared import Call, Candidates, Result, compared
from benchmarks.coverage.published import entries, published
from benchmarks.coverage.training import step_compared
from tests.support import small_transformers, torchvision_ops


@dataclass(frozen=True)
class Library:
    """The `names` of a `package`'s models, and how one is `checked` against a reference.

    `how` says how its models are built and called, for the report.
    """

    package: str
    how: str
    names: Callable[[], Iterable[str]]
    checked: Callable[[str], Result]


def _against_torch(candidates: Candidates) -> Callable[[str], Result]:
    return partial(compared, candidates)


def _inference(model: Any) -> nn.Module:
    """torch's counter stumbles over parameters that want gradients in a forward without them."""
    assert isinstance(model, nn.Module)
    return model.eval().requires_grad_(False)


def _peak_names() -> list[str]:
    torchvision_ops.declare()
    return peak.names()


def _timm_names() -> list[str]:
    torchvision_ops.declare()
    import timm

    return list(timm.list_models())


def _timm(name: str) -> Iterator[Call]:
    import timm

    with torch.device("meta"):
        model: Any = timm.create_model(name, pretrained=False)
        yield Call(_inference(model), (torch.empty((1, *model.pretrained_cfg["input_size"])),))


def _torchvision_names() -> list[str]:
    torchvision_ops.declare()
    from torchvision import models

    return list(models.list_models())


def _torchvision_trained() -> list[str]:
    """All but those that take targets in training."""
    names = _torchvision_names()
    from torchvision import models

    return [name for name in names if name not in models.list_models(models.detection)]


def _torchvision(name: str) -> Iterator[Call]:
    """On the meta device; with random weights where values decide, as of a RegNet's widths."""
    from torchvision import models

    detection = set(models.list_models(models.detection))
    backbone = name in detection | set(models.list_models(models.segmentation))
    options = {"weights_backbone": None} if backbone else {}
    builder = models.get_model_builder(name)
    images = [(1, 3, 299, 299) if name == "inception_v3" else (1, 3, 224, 224)]
    if name in models.list_models(models.video):
        images = [(1, 3, 16, 224, 224)]
    elif name in models.list_models(models.optical_flow):
        images = [(1, 3, 128, 128)] * 2
    with torch.device("cpu" if name in detection or name.startswith("regnet") else "meta"):
        torch.manual_seed(0)
        model = _inference(builder(weights=None, **options))
        inputs = [torch.rand(shape) for shape in images]
        yield Call(model, ([inputs[0][0]],) if name in detection else tuple(inputs))


def _pytorchcv_names() -> list[str]:
    torchvision_ops.declare()
    from pytorchcv import model_provider

    return sorted(model_provider._models)  # no public list


def _pytorchcv(name: str) -> Iterator[Call]:
    from pytorchcv import model_provider

    model = _inference(model_provider.get_model(name, pretrained=False))
    size = getattr(model, "in_size", (224, 224))
    channels = getattr(model, "in_channels", 3)
    yield Call(model, (torch.rand((1, channels, *size)),))
    yield Call(model, (torch.rand((1, channels, 16, *size)),))
    yield Call(model, (torch.rand((1, 80, 200)),))
    yield Call(model, (torch.rand((1, 80, 200)), torch.tensor([200])))


def _transformers(name: str) -> Iterator[Call]:
    for model, inputs in small_transformers.candidates(name):
        yield Call(model, (), inputs)


LIBRARIES = {
    "timm": Library(
        "timm",
        "on the meta device, at its own input size",
        _timm_names,
        _against_torch(_timm),
    ),
    "torchvision": Library(
        "torchvision",
        "on 224 x 224 (video: 16 frames; flow: two images of 128 x 128), on the meta device, or "
        "with random weights and input where values decide",
        _torchvision_names,
        _against_torch(_torchvision),
    ),
    "torchvision-weights": Library(
        "torchvision",
        "what is printed of each of its weights: MACs to the thousandth of a billion, at the size "
        "that they are printed for, and parameters. A detector's printed parameters leave out "
        "those of its frozen norms; its MACs depend on the boxes that it finds, and random weights "
        "find others",
        entries,
        published,
    ),
    "timm-training": Library(
        "timm",
        "a training step, forward and back, of two images at its own input size, on the meta "
        "device; less what torch counts too often for groups",
        _timm_names,
        partial(step_compared, _timm),
    ),
    "torchvision-training": Library(
        "torchvision",
        "a training step, forward and back, of two inputs as above, of all but detectors, which "
        "take boxes in training; less what torch counts too often for groups",
        _torchvision_trained,
        partial(step_compared, _torchvision),
    ),
    "peak-tensors": Library(
        "shufflenet-flops",
        "bytes of tensors at the peak of inference, against torch's allocator of the CPU in a real "
        "run of one image of 64 x 64, or of the network's own size: the zoo, and small networks of "
        "torchvision",
        _peak_names,
        peak.tensors_compared,
    ),
    "peak-total": Library(
        "shufflenet-flops",
        "the same with what kernels take beside tensors, equal within 5 %",
        _peak_names,
        peak.whole_compared,
    ),
    "peak-training": Library(
        "shufflenet-flops",
        "bytes at the peak of a training step of two such images, forward and back, with what "
        "kernels take, equal within 10 %",
        _peak_names,
        peak.step_compared,
    ),
    "transformers": Library(
        "transformers",
        "each model type that has a model: its default configuration made narrow and shallow, "
        "random weights, 16 tokens, one image or one second of sound. torch's counter sees no LSTM "
        "on the CPU, and a model that draws the length of its sound draws another the second time",
        small_transformers.model_types,
        _against_torch(_transformers),
    ),
    "pytorchcv": Library(
        "pytorchcv",
        "random weights, at its own input size",
        _pytorchcv_names,
        _against_torch(_pytorchcv),
    ),
    "onnx": Library(
        "onnx",
        "networks of timm written by both of torch's exporters, and as ONNX Runtime optimises and "
        "quantises them, against the traces of the modules",
        onnx_files.entries,
        onnx_files.checked,
    ),
}


def checked(name: str, model: str) -> Result:
    """As the library of that name says; whatever it raises is told, and ends with the model."""
    try:
        return LIBRARIES[name].checked(model)
    except Exception as error:
        return Result(model, "not built", reason=f"{type(error).__name__}: {error}"[:200])
