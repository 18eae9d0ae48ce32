"""The mode that watches the torch functions of a forward pass, above the aten ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import map_tensors
from shufflenet_flops.trace.call_site import REPLACED, is_named
from shufflenet_flops.trace.dispatch_mode import ASKING, Tracer
from shufflenet_flops.trace.shortcuts import Shortcuts
from shufflenet_flops.trace.whole import WHOLE, with_attention_whole


class Functions(TorchFunctionMode):
    """Sees the outermost torch function, such as `adaptive_avg_pool2d`, that a module calls.

    Those of `WHOLE`, and those with a short cut, are handed to the tracer as the ops they are.
    """

    def __init__(self, tracer: Tracer, shortcuts: Shortcuts) -> None:
        super().__init__()
        self._tracer = tracer
        self._known = {**WHOLE, **shortcuts.functions}
        self._plain_call = shortcuts.plain_call if torch_private.can_hide_functions() else None
        self._multi_head = with_attention_whole(F.multi_head_attention_forward, tracer)

    def call_of(self, module: Any) -> Callable[..., Any]:
        """What the module runs when it is called; for a plain layer, straight to its function."""
        whole: Callable[..., Any] = getattr(module, torch_private.CALL)
        plain = self._plain_call(module) if self._plain_call is not None else None
        if plain is None:
            return whole
        tracer, functions = self._tracer, self._known
        hidden, unseen = torch_private.without_functions, tracer.unseen

        def call(*inputs: Any, **kwargs: Any) -> Any:
            with hidden(), unseen():
                planned = plain(*inputs, **kwargs)
                if planned is not None:
                    func, args = planned
                    tracer.function, tracer.callee = func.__name__, func
                    try:
                        out = functions[func](tracer, *args)
                    except Exception as error:
                        tracer.note_failure(tracer.function, args, {}, error)
                        raise
                    finally:
                        tracer.function = tracer.callee = ""
                    if out is not NotImplemented:
                        return out
            return whole(*inputs, **kwargs)

        return call

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _METADATA:
            return func(*args, **(kwargs or {}))
        tracer = self._tracer
        tracer.function = name = getattr(func, "__name__", "")
        tracer.callee = func
        if func in REPLACED and not is_named(func, torch_private.calling_frame(1)):
            tracer.callee = f"unnamed.{name}"
        elif name == "einsum" and args and isinstance(args[0], str):
            tracer.callee = f"torch.einsum({args[0]})"
        kwargs = kwargs or {}
        try:
            known = self._known.get(func)
            if known is not None and (not types or types == _PLAIN):
                with tracer.unseen():
                    out = known(tracer, *args, **kwargs)
                if out is not NotImplemented:
                    return out
            if name in ASKING and args and tracer.has_values(args[0]):
                with tracer.unseen():
                    return func(*args, **kwargs)
            if name not in _ATTRIBUTES and not tracer.values:
                # Torch checks that all arguments are on one device before any op is called.
                args, kwargs = map_tensors(tracer.to_meta, (args, kwargs))
            if func is F.multi_head_attention_forward:
                func = self._multi_head
            return func(*args, **kwargs)
        except Exception as error:
            tracer.note_failure(tracer.function, args, kwargs, error)
            raise
        finally:
            tracer.function = tracer.callee = ""


_PLAIN = (Tensor,)
_METADATA = frozenset({Tensor.dim, Tensor.size, Tensor.stride, Tensor.numel})  # no op is called
_ATTRIBUTES = frozenset({"__get__", "__set__"})
