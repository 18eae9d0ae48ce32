"""The mode that watches the torch functions of a forward pass, above the aten ops."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from shufflenet_flops.trace.arguments import map_tensors
from shufflenet_flops.trace.call_site import REPLACED, is_named
from shufflenet_flops.trace.dispatch_mode import ASKING, Tracer
from shufflenet_flops.trace.fast.lowering import FUNCTIONS
from shufflenet_flops.trace.fast.module_calls import plain_call


class Functions(TorchFunctionMode):
    """Sees the outermost torch function, such as `adaptive_avg_pool2d`, that a module calls.

    Functions of `FUNCTIONS` are handed to the tracer without a trip through torch's dispatcher.
    """

    def __init__(self, tracer: Tracer, lower: bool) -> None:
        super().__init__()
        self._tracer = tracer
        self._known = FUNCTIONS if lower else {}

    def forward_of(self, module: Any) -> Callable[..., Any]:
        """The module's own call; for a plain layer of torch, straight to the function in it."""
        whole: Callable[..., Any] = module._call_impl
        plain = plain_call(module) if self._known else None
        if plain is None:
            return whole
        tracer = self._tracer

        def forward(*inputs: Any, **kwargs: Any) -> Any:
            with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
                planned = plain(*inputs, **kwargs)
                if planned is not None:
                    func, args = planned
                    tracer.function, tracer.callee = func.__name__, func
                    try:
                        out = self._known[func](tracer, *args)
                    except Exception as error:
                        tracer.note_failure(tracer.function, args, {}, error)
                        raise
                    finally:
                        tracer.function = tracer.callee = ""
                    if out is not NotImplemented:
                        return out
            return whole(*inputs, **kwargs)

        return forward

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _METADATA:
            return func(*args, **(kwargs or {}))
        tracer = self._tracer
        tracer.function = name = getattr(func, "__name__", "")
        tracer.callee = func
        if func in REPLACED and not is_named(func, sys._getframe(1)):
            tracer.callee = f"unnamed.{name}"
        elif name == "einsum" and args and isinstance(args[0], str):
            tracer.callee = f"torch.einsum({args[0]})"
        kwargs = kwargs or {}
        try:
            known = self._known.get(func)
            if known is not None and (not types or types == _PLAIN):
                with torch._C._DisableTorchDispatch():
                    out = known(tracer, *args, **kwargs)
                if out is not NotImplemented:
                    return out
            if name in ASKING and args and tracer.has_values(args[0]):
                with torch._C._DisableTorchDispatch():
                    return func(*args, **kwargs)
            if name not in _ATTRIBUTES and not tracer.values:
                # Torch checks that all arguments are on one device before any op is called.
                args, kwargs = map_tensors(tracer.to_meta, (args, kwargs))
            return func(*args, **kwargs)
        except Exception as error:
            tracer.note_failure(tracer.function, args, kwargs, error)
            raise
        finally:
            tracer.function = tracer.callee = ""


_PLAIN = (Tensor,)
_METADATA = frozenset({Tensor.dim, Tensor.size, Tensor.stride, Tensor.numel})  # no op is called
_ATTRIBUTES = frozenset({"__get__", "__set__"})
