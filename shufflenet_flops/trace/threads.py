"""Threads that a forward pass gives work to: what they do is part of the trace."""

from __future__ import annotations

import _thread
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Thread, get_ident
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.channels import watched
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.function_mode import Functions
from shufflenet_flops.trace.module_tree import Place
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.strangers import note_unseen

LONGEST_S = 10.0  # that a thread may go on after the forward pass


class Threads:
    """Follows the work that one forward pass hands to other threads.

    Torch shows a mode the ops of its own thread alone, so each thread gets a tracer of its own,
    which writes to the same record. Threads are followed where they are started, pools where they
    are given something to do, and a thread that was there before where it calls a module. What
    others did is listed as unknown where forward waits for it or gets it.
    """

    def __init__(self, tracer: Tracer, functions: Functions) -> None:
        self._tracer = tracer
        self._functions = functions
        self._branches: dict[int, Tracer] = {get_ident(): tracer}
        self._followed = {get_ident()}  # threads whose work was seen
        self._submitting: set[int] = set()
        self._started: list[Thread] = []
        self._errors: list[Exception] = []

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While inside, threads are followed; on leaving, their work has ended.

        Raises what a thread raised, and ModelError where one goes on for too long.
        """
        start, submit = Thread.start, ThreadPoolExecutor.submit
        patched: tuple[Any, Any, Any] = (Thread, ThreadPoolExecutor, _thread)
        begin = _thread.start_new_thread
        patched[0].start = lambda thread: self._start(start, thread)
        patched[1].submit = lambda pool, function, /, *args, **kwargs: self._submit(
            partial(submit, pool), function, args, kwargs
        )
        patched[2].start_new_thread = partial(self._begin, begin)
        self._tracer.elsewhere = self.call
        try:
            with watched(self):
                yield
                self._wait()
        finally:
            patched[0].start, patched[1].submit = start, submit
            patched[2].start_new_thread = begin

    def call(self, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module's own call in another thread than the tracer's."""
        whole = partial(getattr(type(place.module), torch_private.CALL), place.module)
        branch = self._branches.get(get_ident())
        if branch is not None:
            return branch.call(place, whole, *args, **kwargs)
        if not self._tracer.values and not any(_is_meta(x) for x in tensors_of((args, kwargs))):
            return whole(*args, **kwargs)  # somebody else runs the model meanwhile
        with self._branch(self._tracer) as branch:
            return branch.call(place, whole, *args, **kwargs)

    def is_followed(self) -> bool:
        """Whether the thread that asks is."""
        return get_ident() in self._branches and get_ident() not in self._submitting

    def was_followed(self, ident: int) -> bool:
        """Whether a thread has done work that was seen."""
        return ident in self._followed

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Within it, the trace sees nothing of what the thread does."""
        with torch_private.without_functions(), self._tracer.unseen():
            yield

    def unseen(self) -> None:
        """There was work that is not seen."""
        note_unseen(self._tracer.unknown)

    def arrived(self, x: Tensor) -> None:
        """Take notice of a tensor that was handed over: no op of the trace may have made it."""
        tracer = self._tracer
        if x in tracer.state or not is_dense(x):
            return
        with torch_private.without_functions():
            address = x.untyped_storage()._cdata
            made = (result() for result in (*tracer.results, *tracer.constants.results))
            if all(t is None or t.untyped_storage()._cdata != address for t in made):
                self.unseen()

    @contextmanager
    def _branch(self, parent: Tracer) -> Iterator[Tracer]:
        branch, ident = parent.branch(), get_ident()
        self._branches[ident] = branch
        self._followed.add(ident)
        try:
            grads = partial(torch.set_grad_enabled, branch.differentiates)
            with grads(), self._functions.of(branch), branch:
                yield branch
        finally:
            del self._branches[ident]
            self._tracer.join(branch)

    def _begin(
        self,
        begin: Callable[..., int],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """A thread of `_thread`, in forward as one of `threading`."""
        if get_ident() not in self._branches:
            return begin(function, args, dict(kwargs))
        thread = Thread(target=function, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        return thread.ident or 0

    def _start(self, start: Callable[[Thread], None], thread: Thread) -> None:
        parent = self._branches.get(get_ident())
        if parent is not None and get_ident() not in self._submitting and not _carries(thread):
            own: Callable[[], None] = thread.run

            def run() -> None:
                try:
                    with self._branch(parent):
                        own()
                except Exception as error:
                    self._errors.append(error)

            vars(thread)["run"] = run  # of this thread alone
            self._started.append(thread)
        with self._on_its_way():
            start(thread)

    def _submit(
        self,
        submit: Callable[..., Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        ident = get_ident()
        parent = self._branches.get(ident)
        if parent is None:
            return submit(function, *args, **kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            with self._branch(parent):
                return function(*args, **kwargs)

        with self._on_its_way():  # the pool's own threads outlive the work
            return submit(run, *args, **kwargs)

    @contextmanager
    def _on_its_way(self) -> Iterator[None]:
        """While work is given to a thread, what Python itself does for that is nobody's."""
        ident = get_ident()
        outer = ident in self._submitting
        self._submitting.add(ident)
        try:
            yield
        finally:
            if not outer:
                self._submitting.discard(ident)

    def _wait(self) -> None:
        for thread in self._started:
            thread.join(LONGEST_S)
            if thread.is_alive():
                raise ModelError(
                    f"the thread {thread.name!r} that the forward pass started goes on after it, "
                    "so that its work cannot be counted: join it in forward"
                )
        if self._errors:
            raise self._errors[0]


# Modules of Python whose threads carry what others have worked out, and go on.
_CARRIERS = frozenset(
    {
        "concurrent.futures.process",
        "multiprocessing.managers",
        "multiprocessing.queues",
        "multiprocessing.resource_sharer",
    }
)


def _carries(thread: Thread) -> bool:
    work = getattr(thread, "_target", None) or type(thread)
    return getattr(work, "__module__", "") in _CARRIERS


def _is_meta(x: torch.Tensor) -> bool:
    with torch_private.without_functions():
        return x.is_meta
