"""Run somebody else's code on a model without harm to the model, to torch or to the terminal."""

from __future__ import annotations

import contextlib
import copy
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from shufflenet_flops.counters.protocol import CounterError
from shufflenet_flops.running.foreign import silenced
from shufflenet_flops.running.model_copy import clones, copied
from shufflenet_flops.running.one_at_a_time import ONE_AT_A_TIME
from shufflenet_flops.trace.module_tree import find_places, untouched

TIME_LIMIT_S = 120.0

T = TypeVar("T")


class _OutOfTimeError(KeyboardInterrupt):
    """Not an Exception, because counters catch those and go on."""


def call_in_sandbox(
    count: Callable[[nn.Module, Sequence[Tensor]], T],
    model: nn.Module,
    inputs: Sequence[Tensor],
    limit_s: float,
) -> T:
    """`count` on a deep copy of `model` in eval mode and on copies of `inputs`, without gradients.

    What it prints, warns and logs is dropped; functions of torch that it replaced, the state of
    the random generators and what the model keeps outside of itself, as in a cache of its Python
    module, are put back, whatever happens. Raises CounterError where it took longer
    than `limit_s` seconds or changed the original. One runs at a time in a process, and no trace
    beside it: another thread waits.
    """
    with ONE_AT_A_TIME:
        return _call(count, model, inputs, limit_s)


def _call(
    count: Callable[[nn.Module, Sequence[Tensor]], T],
    model: nn.Module,
    inputs: Sequence[Tensor],
    limit_s: float,
) -> T:
    before = _state(model)
    with silenced(), _torch_restored(), _one_path(), torch.no_grad():
        twin = copied(model).eval()
        try:
            own = copy.deepcopy(list(inputs), clones(list(inputs)))
            with untouched(find_places(twin), list(twin.parameters()), own), _limited(limit_s):
                result = count(twin, own)
        except _OutOfTimeError:
            raise CounterError(f"it took longer than {limit_s:g} s") from None
        finally:
            _free(twin)
    if _state(model) != before:
        raise CounterError("it changed the original model")
    return result


def _free(model: nn.Module) -> None:
    """Let go of a copy's weights at once; what hooks made of it may refer to itself.

    A scripted module keeps its weights out of Python, and goes when nobody holds it.
    """
    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        module._parameters.clear()
        module._buffers.clear()


def _state(model: nn.Module) -> list[object]:
    """What must not change: modes, hooks, attributes, and every tensor with its write counter."""
    return [
        (
            name,
            module.training,
            tuple(vars(module)),
            [
                tuple(hooks)
                for key, hooks in vars(module).items()
                if key.endswith("_hooks")
                if hooks
            ],
            [
                (key, id(tensor), tensor._version)
                for key, tensor in (*module._parameters.items(), *module._buffers.items())
                if tensor is not None
            ],
        )
        for name, module in model.named_modules()
    ]


_PATCHED: tuple[Any, ...] = (torch, torch.Tensor, functional)


@contextlib.contextmanager
def _torch_restored() -> Iterator[None]:
    """Some counters replace functions of torch, and do not put them back where a model raises."""
    before = [dict(vars(owner)) for owner in _PATCHED]
    try:
        yield
    finally:
        for owner, saved in zip(_PATCHED, before, strict=True):
            for name, value in list(vars(owner).items()):
                if name in saved:
                    if value is not saved[name]:
                        setattr(owner, name, saved[name])
                elif owner is torch.Tensor:  # what was inherited; modules load attributes late
                    delattr(owner, name)


@contextlib.contextmanager
def _one_path() -> Iterator[None]:
    """Without torch's fused inference kernel for attention.

    It runs without gradients only, and hides a whole layer from every counter, each of which
    then counts something else.
    """
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextlib.contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """Raise _OutOfTimeError in the running code after `limit_s` seconds.

    By an alarm, so it needs the main thread of a POSIX system; elsewhere there is no limit.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
