"""torchvision beside a torch that has none of its compiled operators."""

from __future__ import annotations

from functools import cache

import torch


@cache
def declare() -> torch.library.Library:
    """Declare the operators that torchvision's import looks for, where they are not compiled.

    With the CPU wheels of torch and torchvision from different places the compiled ones are not
    loaded, and the import fails on these two; none of the networks here calls them.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
