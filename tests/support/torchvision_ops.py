"""Torchvision beside a build of torch that its compiled ops were not made for."""

from __future__ import annotations

import torch

# Its import needs the ops to be declared; no network here calls them.
_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _name):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
