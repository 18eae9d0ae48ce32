"""How ops were called: the names of torch functions, and the shapes that modules return."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.trace import torch_private


def first_shape(output: Any) -> IntShape:
    """The shape of a tensor, or of the first in a nest of tuples, lists and dictionaries."""
    with torch_private.without_functions():  # the shape is asked for behind the tracer's back
        while not isinstance(output, Tensor):
            if isinstance(output, Mapping):
                output = list(output.values())
            if not isinstance(output, list | tuple) or not output:
                return ()
            output = output[0]
        return tuple(output.shape)


# Functions that counters replace under their names. Where the calling code does not name one, it
# called by a sign (`x + y` is `Tensor.add`) or by a reference it kept, and they do not see it.
REPLACED = frozenset(
    {
        *(getattr(torch, name) for name in "add addmm baddbmm bmm matmul mm mul prelu".split()),
        *(getattr(Tensor, name) for name in "add addmm bmm matmul mm mul".split()),
        *(getattr(F, name) for name in "elu gelu relu relu6 silu softmax".split()),
    }
)
_BETWEEN = frozenset({"torch.overrides", "torch.nn.functional"})


def is_named(function: Any, frame: FrameType | None) -> bool:
    """Whether the code that called `function`, at or above `frame`, has its name.

    Where there is no frame, nobody can tell, and it is taken for named.
    """
    if frame is None:
        return True
    if torch_private.is_sign(frame):
        return False
    caller: FrameType | None = frame
    while caller is not None and caller.f_globals.get("__name__") in _BETWEEN:
        caller = caller.f_back
    return caller is not None and function.__name__ in caller.f_code.co_names


@lru_cache(maxsize=4096)
def function_name(function: Any) -> str:
    """Where users find a torch function: in `torch`, `torch.Tensor` or `torch.nn.functional`."""
    name: str = getattr(function, "__name__", "")
    if hasattr(function, "__objclass__"):
        return f"torch.Tensor.{name}"
    module = getattr(function, "__module__", None) or "torch"
    # `torch.nn.functional` hands these out under its own name.
    return f"{module.replace('torch._C._nn', 'torch.nn.functional')}.{name}"
