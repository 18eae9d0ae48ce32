"""The mode that watches the torch functions of a forward pass, above the aten ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from shufflenet_flops.counting import Row
from shufflenet_flops.counting.row import LSTM_IN_STEPS
from shufflenet_flops.running import asked_sizes
from shufflenet_flops.trace import autocast, torch_private
from shufflenet_flops.trace.arguments import map_tensors, tensors_of
from shufflenet_flops.trace.call_site import REPLACED, callee
from shufflenet_flops.trace.copies import PREPARING, RESHAPING, Preparation, only_for_the_batch
from shufflenet_flops.trace.devices import ANSWERS as DEVICE_ANSWERS
from shufflenet_flops.trace.devices import to_device
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.higher_order import HIGHER_ORDER
from shufflenet_flops.trace.recurrent_steps import has_kernel
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.shortcuts import Shortcuts
from shufflenet_flops.trace.whole import attention, parts, with_parts_whole
from shufflenet_flops.trace.whole_layers import recurrent


class Functions(TorchFunctionMode):
    """Sees the outermost torch function, such as `adaptive_avg_pool2d`, that a module calls.

    Those that are kept whole, and those with a short cut, are handed to the tracer as the ops that
    they are.
    """

    def __init__(
        self,
        tracer: Tracer,
        shortcuts: Shortcuts,
        device: torch.device,
        *,
        apart: bool = False,
    ) -> None:
        super().__init__()
        self._apart = apart
        self._device = device
        self._shortcuts = shortcuts
        self._tracer = tracer
        self._known = shortcuts.functions
        self._asked = asked_sizes.current()
        direct = torch_private.can_hide_functions() and not torch_private.has_global_hooks()
        plain_calls = shortcuts.plain_calls if direct else None
        self._plain_calls = plain_calls(tracer) if plain_calls is not None else None

    def of(self, tracer: Tracer) -> Functions:
        """The same for the tracer of another thread."""
        return Functions(tracer, self._shortcuts, self._device, apart=True)

    def call_of(self, module: Any) -> Callable[..., Any]:
        """What is called with the module's place, its own call, and its inputs."""
        plain = self._plain_calls.of(module) if self._plain_calls is not None else None
        return self._tracer.call if plain is None else plain

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tracer, known = self._tracer, self._known.get(func)
        if known is None:
            if func in _METADATA:
                read = func if self._asked is None or func not in _SIZES else self._followed
                return read(*args, **(kwargs or {}))
            answer = DEVICE_ANSWERS.get(func)
            if answer is not None and len(args) == 1 and args[0].is_meta and not tracer.values:
                return answer(args[0], self._device)
        if self._asked is not None:
            args, kwargs = asked_sizes.plain_arguments(args), kwargs and _plain_values(kwargs)
        tracer.function = name = getattr(func, "__name__", "")
        tracer.callee = func
        if func in REPLACED:
            tracer.callee = callee(func, torch_private.calling_frame(1))
        elif name in _TOLD_APART:
            tracer.callee = _told_apart(func, name, args)
        kwargs, transform, over = kwargs or {}, torch_private.transform(), None
        if self._apart or transform is not None:
            over = self._note_how(func, args, kwargs)
        if tracer.strangers is not None:
            tracer.strangers.function(func, args)
        try:
            if autocast.is_on():
                args, kwargs = tracer.autocast.arguments(name, args, kwargs)
            elif tracer.autocast.kept:
                tracer.autocast.leave()
            is_plain = not types or types == _PLAIN
            if known is not None and is_plain and transform is None:
                if tracer.strangers is not None:
                    tracer.strangers.used(tensors_of((args, kwargs)))
                out = _kept_whole(tracer, known, func, args, kwargs)
                if out is not NotImplemented:
                    return out
            if torch_private.is_higher_order(func) and name in HIGHER_ORDER:
                with self:
                    return HIGHER_ORDER[name](tracer, *args, **kwargs)
            bare = name.partition(".")[0]  # `reshape.default` in a graph
            if bare in PREPARING:
                tracer.prepared = Preparation(tracer.state)
            if func is F.multi_head_attention_forward:
                func = with_parts_whole(func, tracer)
            is_real = tracer.values or name in _ATTRIBUTES
            if not is_real and tracer.constants.all_have_values(args, kwargs):
                return func(*args, **kwargs)
            if tracer.batch > 1 and bare in RESHAPING and "memory_format" not in kwargs:
                self._look_for_batch(func, args, kwargs)
            if is_real:
                return func(*args, **kwargs)
            return self._on_stand_ins(func, bare, args, kwargs)
        except Exception as error:
            tracer.note_failure(tracer.function, args, kwargs, error)
            raise
        finally:
            if over is not None:
                over()
            tracer.function = tracer.callee = ""
            if tracer.prepared is not None:
                tracer.prepared.end()
                tracer.prepared = None

    def _note_how(self, func: Any, args: Any, kwargs: Any) -> Callable[[], None] | None:
        """In which thread, and for how many samples at once, a call is; what to do when it ends."""
        tracer = self._tracer
        samples = torch_private.samples_of(tensors_of((args, kwargs)))
        over = None
        if tracer.as_called is not None and not self._apart:
            over = tracer.as_called.note(tracer, func, args, kwargs)
        tracer.callee = tracer.callee, samples, self._apart
        return over

    def called(self) -> tuple[Row, ...] | None:
        """The rows of the pass, and of calls under transforms as they were made; else None."""
        tracer = self._tracer
        return None if tracer.as_called is None else tracer.as_called.rows(tracer.rows, self._alone)

    def _alone(self, tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        known = self._known.get(func)
        if known is not None:
            out = _kept_whole(tracer, known, func, args, kwargs)
            if out is not NotImplemented:
                return out
        if func is F.multi_head_attention_forward:
            func = with_parts_whole(func, tracer)
        return func(*args, **kwargs)

    def _followed(self, x: Tensor, dim: int | None = None) -> Any:
        """Sizes as they are read by the code two calls above, which may ask something of them."""
        frame, sizes = torch_private.calling_frame(2), x.shape
        if frame is not None and self._asked is not None:
            place = id(frame.f_code), frame.f_lasti
            sizes = self._asked.read(self._tracer.place.path, *place, x, sizes)
        return sizes if dim is None else sizes[dim]

    def _on_stand_ins(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Torch checks that all arguments are on one device before any op is called."""
        tracer = self._tracer
        meta_args, meta_kwargs = map_tensors(tracer.to_meta, (args, kwargs))
        meta_args, meta_kwargs = to_device(func, meta_args, meta_kwargs, self._device)
        if tracer.lifetimes is not None and name in _RECURRENT:
            return recurrent(tracer, name, func, meta_args, meta_kwargs)
        out = func(*meta_args, **meta_kwargs)
        return args[0] if meta_args and out is meta_args[0] else out

    def _look_for_batch(self, func: Any, args: Any, kwargs: Any) -> None:
        """A change of shape that is a view for one image copies nothing of the model's."""
        tracer, x = self._tracer, args[0] if args else None
        if not isinstance(x, Tensor) or x in tracer.state or not is_dense(x):
            return
        with tracer.unseen():
            y: Tensor = func(*args, **kwargs)
            if y is not x and only_for_the_batch(x, y, tracer.batch):
                tracer.prepared = Preparation(tracer.state)


def _kept_whole(tracer: Tracer, known: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """What a function gives that is handed to the tracer; NotImplemented where it cannot be."""
    if tracer.is_below and known is not attention:
        return NotImplemented
    with tracer.unseen():
        out = known(tracer, *args, **kwargs)
    return parts(tracer, func, args, kwargs) if tracer.is_apart else out


_TOLD_APART = ("lstm", "einsum")


def _told_apart(func: Any, name: str, args: Any) -> Any:
    """A function by what it is given."""
    if name == "einsum":
        return f"torch.einsum({args[0]})" if args and isinstance(args[0], str) else func
    return func if has_kernel(args[0]) else LSTM_IN_STEPS


_PLAIN = (Tensor,)
_RECURRENT = frozenset("lstm gru rnn_tanh rnn_relu".split())
# For mypy the descriptor is the Size that it gives.
_SIZES = frozenset({Tensor.size, Tensor.shape.__get__})  # type: ignore[attr-defined]
_METADATA = _SIZES | {Tensor.dim, Tensor.numel, Tensor.stride}  # no op is called


def _plain_values(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: asked_sizes.plain(value) for name, value in kwargs.items()}


_ATTRIBUTES = frozenset({"__get__", "__set__"})
