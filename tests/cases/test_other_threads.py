"""Work that forward hands to threads that were there before, and to processes."""

from __future__ import annotations

import atexit
import multiprocessing
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.errors import ModelError
from shufflenet_flops.running.one_at_a_time import ONE_AT_A_TIME
from shufflenet_flops.trace import channels, trace
from shufflenet_flops.trace.strangers import UNSEEN, is_at_work, others_at_work

X = torch.ones(1, 8)


def squared(x: Tensor) -> Tensor:
    """8 MACs: 1 x 8 by 8 x 1."""
    return x @ x.transpose(0, 1)


class Worker:
    """A thread that goes on for ever, and does what comes in a queue."""

    def __init__(self) -> None:
        self.tasks: queue.Queue[Any] = queue.Queue()
        self.done: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self._do(*self.tasks.get())

    def _do(self, answer: Callable[[Tensor], None], x: Tensor) -> None:
        answer(squared(x))


# Of this module, as a model that holds a thread cannot be copied to be run on values.
WORKER = Worker()
THREADS = ThreadPool(1)
atexit.register(THREADS.terminate)
POOL = ThreadPoolExecutor(1)


class Queued(nn.Module):
    """By queues."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        WORKER.tasks.put((WORKER.done.put, self.layer(x)))
        y: Tensor = WORKER.done.get()
        return y


class Promised(Queued):
    """By a future that somebody else fulfils."""

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        promise: Future[Tensor] = Future()
        WORKER.tasks.put((promise.set_result, self.layer(x)))
        return promise.result()


class Pooled(Queued):
    """By a pool of threads of `multiprocessing`."""

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        y: Tensor = THREADS.apply(squared, (self.layer(x),))
        return y


class Spawned(nn.Module):
    """By a pool of processes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            return pool.submit(squared, self.layer(x)).result()


@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
@pytest.mark.parametrize("make", [Queued, Promised, Pooled, Spawned])
def test_work_that_is_not_seen_is_said(make: Callable[[], nn.Module], ask: bool) -> None:
    """The layer's 64 MACs are counted, and the product is not 0 but unknown."""
    traced = trace(make(), X, ask)
    assert traced.table.macs == 64
    assert traced.unknown_ops == {UNSEEN: 1}


class Seen(nn.Module):
    """Hands tensors to a pool that was there before, and through a queue to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        line: queue.Queue[Tensor] = queue.Queue()
        thread = threading.Thread(target=lambda: line.put(self.layer(x)[:, :8].view(1, 8)))
        thread.start()
        y = line.get()
        thread.join()
        line.put(torch.arange(8.0)[None])
        return POOL.submit(squared, y).result() + line.get()


@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
def test_work_that_is_seen_is_not_unknown(ask: bool) -> None:
    """64 MACs of the layer in a thread of forward's own, 8 of the product in a pool."""
    before = (queue.Queue.get, Future.result, vars(multiprocessing.connection.Connection).copy())
    traced = trace(Seen(), X, ask)
    after = (queue.Queue.get, Future.result, vars(multiprocessing.connection.Connection).copy())
    assert traced.table.macs == 64 + 8
    assert traced.unknown_ops == {}
    assert before == after


class Waiting(nn.Module):
    """Whose thread gives no answer, as one that failed on a tensor without values."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = queue.Queue[Tensor]().get()
        return y


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence that says what may be the reason, and what would do."""
    monkeypatch.setattr(channels, "LONGEST_S", 0.01)
    with pytest.raises(ModelError, match=r"another thread: .* let forward do the work itself"):
        trace(Waiting(), X)


class Own(nn.Module):
    """Work of its own alone, however torch makes the tensors of it."""

    def __init__(self, work: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.work = nn.Linear(8, 8), work

    def forward(self, x: Tensor) -> Tensor:
        return self.work(self.layer, x)


def gradient(layer: nn.Module, x: Tensor) -> Tensor:
    found: Tensor = torch.func.grad(lambda y: layer(y).sin().sum())(x[0])
    return found


def by_a_list(layer: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = layer(x)
    y[:, [0, 1]] = 0
    return y[..., [2, 1]]


def by_a_constant(layer: nn.Module, x: Tensor) -> Tensor:
    places = torch.arange(7)
    places += torch.where(places > 2, 1, 0)
    y: Tensor = layer(x)
    return y[:, places]


def rounded(layer: nn.Module, x: Tensor) -> Tensor:
    """By an op that writes to some of its arguments, and gives a new tensor beside them."""
    on = torch.ones(1, dtype=torch.long)
    seen = torch.zeros(1), torch.zeros(1), torch.ones(1), torch.zeros(1, dtype=torch.int32)
    y = torch.fused_moving_avg_obs_fake_quant(layer(x), on, on, *seen, 0.01, 0, 127, -1)
    return y.relu()


@pytest.mark.parametrize("work", [gradient, by_a_list, by_a_constant, rounded])
def test_ones_own_work_is_not_taken_for_another_threads(
    work: Callable[[nn.Module, Tensor], Tensor],
) -> None:
    """Though there is a thread that could have done it."""
    Worker()
    assert others_at_work()
    assert trace(Own(work), X).unknown_ops == {}


def test_threads_that_wait_do_no_work() -> None:
    """In Python's own code, as those of a notebook do, or for the trace that is made."""
    done = threading.Event()
    idle = threading.Thread(target=done.wait, daemon=True)
    waiting = threading.Thread(target=trace, args=(nn.Linear(8, 8), X), daemon=True)
    with ONE_AT_A_TIME:
        idle.start()
        waiting.start()
        frames = sys._current_frames()
        assert not is_at_work(frames[idle.ident or 0])
        assert not is_at_work(frames[waiting.ident or 0])
    done.set()
    waiting.join()
