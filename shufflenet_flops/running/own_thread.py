"""A thread of its own for a trace of TorchScript, whose failure spoils the thread that it ran in.

Where torch fails to read the sizes that a traced call is given, it keeps pointers into the graph of
that trace, one list for each thread, and takes them for sizes of the next: another model's trace
fails an assertion of torch, or the process dies.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import nullcontext
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

import torch

T = TypeVar("T")


def in_own_thread(call: Callable[[], T]) -> T:
    """What `call` gives or raises, from a new thread with this one's context and modes of autograd.

    What is raised here meanwhile, as by an alarm or Ctrl-C, is raised there too, and waited for.
    """
    result: Future[T] = Future()
    context = copy_context()
    grads, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    device = torch.get_default_device()

    def run() -> None:
        try:
            with (
                torch.inference_mode(inference),
                torch.set_grad_enabled(grads),
                nullcontext() if device.type == "cpu" else device,
            ):
                result.set_result(context.run(call))
        except BaseException as error:
            result.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    # Not for the thread: an interrupted `join` takes it for ended, up to Python 3.12.
    try:
        wait([result])
    except BaseException as error:
        _raise_in(thread, type(error))
        wait([result])
        raise
    return result.result()


def _raise_in(thread: Thread, error: type[BaseException]) -> None:
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(error)
    )
