"""torchvision beside a torch that has none of its compiled operators."""

from __future__ import annotations

from functools import cache

import torch


@cache
def declare() -> torch.library.Library | None:
    """Make torchvision importable; None where it is already, or is not installed.

    With the CPU wheels of torch and torchvision from different places its compiled operators are
    not loaded, and the import fails on two of them; none of the networks here calls them. They are
    declared only then: where torchvision works, its own library declares them, and a second
    declaration ends the process.
    """
    try:
        import torchvision  # noqa: F401 - it is the import that is tried
    except ModuleNotFoundError:
        return None
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
