"""How ops were called: the names of torch functions, and the shapes that modules return."""

from __future__ import annotations

from collections.abc import Mapping
from dis import get_instructions
from functools import lru_cache
from types import CodeType, FrameType
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


_MAX_POOLS = ("max", "adaptive_max")
_POOLS = ("avg", "adaptive_avg", *_MAX_POOLS)
_INDICES = "_with_indices"  # what a max pool calls that is asked for them
# Functions that counters replace under their names. Where the calling code does not name one, it
# called by a sign (`x + y` is `Tensor.add`) or by a reference it kept, and they do not see it.
REPLACED = frozenset(
    {
        *(getattr(torch, name) for name in "add addmm baddbmm bmm matmul mm mul prelu".split()),
        *(getattr(Tensor, name) for name in "add addmm bmm matmul mm mul".split()),
        *(getattr(F, name) for name in "elu gelu relu relu6 silu softmax".split()),
        *(getattr(F, name) for name in "interpolate upsample".split()),
        *(getattr(F, f"{kind}_pool{axes}d") for kind in _POOLS for axes in (1, 2, 3)),
        *(getattr(F, f"{kind}_pool{axes}d{_INDICES}") for kind in _MAX_POOLS for axes in (1, 2, 3)),
    }
)
_BETWEEN = frozenset({"torch.overrides", "torch._jit_internal"})
_OF_TORCH = _BETWEEN | {"torch.nn.functional"}


def callee(function: Any, frame: FrameType | None) -> Any:
    """What the code at or above `frame` called, when `function` was: itself, if it has its name.

    Else a text that tells so. Where there is no frame, nobody can tell, and it is taken for named.
    """
    if is_handler(frame):  # of a mode that the model has entered
        frame = frame and frame.f_back
    if frame is None:
        return function
    unnamed = f"unnamed.{function.__name__}"
    if torch_private.is_sign(frame):
        return unnamed
    name = function.__name__.removesuffix(_INDICES)
    between, caller = _caller(name, frame)
    if between == "upsample" and _is_named(F.upsample, between, caller):
        return F.upsample  # which the functions of torch do not tell of themselves
    return function if between or _is_named(function, name, caller) else unnamed


def is_handler(frame: FrameType | None) -> bool:
    """Whether it is the code of a mode, or class, that torch functions are handed to."""
    return frame is not None and frame.f_code.co_name == "__torch_function__"


def is_handed_over(frame: FrameType | None) -> bool:
    """Whether the code at or above `frame`, past torch's own, is that of such a mode or class."""
    while frame is not None and frame.f_globals.get("__name__") in _OF_TORCH:
        frame = frame.f_back
    return is_handler(frame)


def _caller(name: str, frame: FrameType) -> tuple[str, FrameType | None]:
    """The code that called a function, past that of torch: of `between`, if it is another's."""
    between = ""
    caller: FrameType | None = frame
    while caller is not None:
        module, code = caller.f_globals.get("__name__"), caller.f_code
        if module == "torch.nn.functional":
            own = code.co_name.removesuffix(_INDICES).removeprefix("_")
            if own != name and name in code.co_names:
                between = code.co_name
        elif module not in _BETWEEN and not is_handler(caller):
            break
        caller = caller.f_back
    return between, caller


def _is_named(function: Any, name: str, frame: FrameType | None) -> bool:
    if frame is None or name not in frame.f_code.co_names:
        return False
    # A variable of the module was imported by itself, before anything was replaced.
    held = frame.f_globals.get(name)
    is_held = held is not None and held in (function, getattr(F, name, function))
    return not (is_held and _is_variable(name, frame.f_code))


@lru_cache(maxsize=4096)
def _is_variable(name: str, code: CodeType) -> bool:
    """Whether code uses a name for a variable, and never for an attribute, as in `F.relu`."""
    uses = {each.opname for each in get_instructions(code) if each.argval == name}
    return uses == {"LOAD_GLOBAL"}


@lru_cache(maxsize=4096)
def function_name(function: Any) -> str:
    """Where users find a torch function: in `torch`, `torch.Tensor` or `torch.nn.functional`."""
    name: str = getattr(function, "__name__", "")
    if hasattr(function, "__objclass__"):
        return f"torch.Tensor.{name}"
    module = getattr(function, "__module__", None) or "torch"
    # `torch.nn.functional` hands these out under its own name.
    return f"{module.replace('torch._C._nn', 'torch.nn.functional')}.{name}"
