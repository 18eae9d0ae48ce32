"""What torchvision prints of its own weights, parameters and MACs, against ours."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from benchmarks.coverage.compared import Result
from shufflenet_flops.trace import trace
from tests.support import torchvision_ops

IMAGE = 512  # of which torchvision's own tests make what its figures are for
FRAMES = 16


def entries() -> list[str]:
    """`model.WEIGHTS` of all that torchvision has."""
    torchvision_ops.declare()
    from torchvision import models

    return [f"{name}.{w.name}" for name in models.list_models() for w in _weights(name)]


def published(entry: str) -> Result:
    """Ours beside the printed billions of MACs, to the thousandth, and the exact parameters."""
    torchvision_ops.declare()
    from torchvision import models

    name, _, which = entry.partition(".")
    weights = next(w for w in _weights(name) if w.name == which)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, inputs = _model_and_inputs(models, name, weights)
        traced = trace(model, *inputs)
    macs, billions = traced.table.macs, weights.meta["_ops"]
    params = weights.meta["num_params"]
    wrong = [
        text
        for text, right in (
            (f"printed {billions} G", round(macs / 1e9, 3) == billions),
            (f"parameters {traced.params:,}, printed {params:,}", traced.params == params),
        )
        if not right
    ]
    return Result(
        entry,
        "differs" if wrong else "equal",
        macs,
        round(billions * 1e9),
        traced.params,
        "; ".join(wrong),
        dict(traced.unknown_ops),
        traced.real_forward,
    )


def _weights(name: str) -> list[Any]:
    from torchvision import models

    return list(models.get_model_weights(name))


def _model_and_inputs(models: Any, name: str, weights: Any) -> tuple[nn.Module, list[Any]]:
    kinds = ("detection", "segmentation", "quantization", "video", "optical_flow")
    kind = next((k for k in kinds if name in models.list_models(getattr(models, k))), "")
    transforms = weights.transforms()
    crop = getattr(transforms, "crop_size", None)
    options: dict[str, Any] = {
        "detection": {
            "weights_backbone": None,
            "num_classes": len(weights.meta.get("categories", ())),
        },
        "segmentation": {"weights_backbone": None, "aux_loss": not name.startswith("lraspp")},
        "quantization": {"quantize": False},
    }.get(kind, {})
    if name.endswith("googlenet"):  # printed without the heads that only training uses
        options |= {"aux_logits": False, "init_weights": False}
    if name.startswith("vit_"):
        options |= {"image_size": crop[0]}
    # A RegNet computes its widths with tensors as it is built.
    real = kind == "detection" or name.startswith("regnet")
    with torch.device("cpu" if real else "meta"):
        torch.manual_seed(0)
        model = models.get_model(name, weights=None, **options)
        if kind == "video":
            return model, [torch.rand((1, 3, FRAMES, *crop))]
        if kind == "optical_flow":
            return model, [torch.rand((1, 3, IMAGE, IMAGE))] * 2
        if kind == "detection":
            return model, [[torch.rand((3, IMAGE, IMAGE))]]
        (size,) = transforms.resize_size if kind == "segmentation" else crop
        return model, [torch.rand((1, 3, size, size))]
