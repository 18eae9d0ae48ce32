"""How ops were called: the names of torch functions, and the shapes that modules return."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from opcode import opname
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.count.row import IntShape


def first_shape(output: Any) -> IntShape:
    """The shape of a tensor, or of the first in a nest of tuples, lists and dictionaries."""
    with torch._C.DisableTorchFunction():  # the shape is asked for behind the tracer's back
        return _first_shape(output)


def _first_shape(output: Any) -> IntShape:
    while not isinstance(output, Tensor):
        if isinstance(output, Mapping):
            output = list(output.values())
        if not isinstance(output, list | tuple) or not output:
            return ()
        output = output[0]
    return tuple(output.shape)


# torch does not tell `x + y` from `x.add(y)`; counters that patch methods see only the second.
OPERATORS = frozenset({Tensor.add, Tensor.mul, Tensor.matmul})


def written_as_operator(function: Any, frame: FrameType) -> bool:
    """Whether a method in OPERATORS was called by its sign, by the instruction of the caller.

    A builtin such as `sum` adds without the method's name in the code that calls it.
    """
    instruction = opname[frame.f_code.co_code[frame.f_lasti]]
    return instruction == "BINARY_OP" or function.__name__ not in frame.f_code.co_names


@lru_cache(maxsize=4096)
def function_name(function: Any) -> str:
    """Where users find a torch function: in `torch`, `torch.Tensor` or `torch.nn.functional`."""
    name: str = getattr(function, "__name__", "")
    if hasattr(function, "__objclass__"):
        return f"torch.Tensor.{name}"
    module = getattr(function, "__module__", None) or "torch"
    # `torch.nn.functional` hands these out under its own name.
    return f"{module.replace('torch._C._nn', 'torch.nn.functional')}.{name}"
