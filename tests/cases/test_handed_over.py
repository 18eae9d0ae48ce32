"""Work that forward hands to a thread that was there before, and gets back in one way or another.

The layer's 64 MACs are counted; the product of 8 elsewhere is not seen, and is named as unknown.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import os
import pickle
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import Trace, trace
from shufflenet_flops.trace.strangers import UNSEEN

X = torch.ones(1, 8)
Work = Callable[[Tensor], Any]


def squared(x: Tensor) -> Tensor:
    """8 MACs: 1 x 8 by 8 x 1."""
    return x @ x.transpose(0, 1)


def serving(turn: Callable[[], None]) -> None:
    """Start a thread that does one thing for ever."""

    def serve() -> None:
        while True:
            turn()

    threading.Thread(target=serve, daemon=True).start()


class Desk:
    """Where work lies for a thread, and what came of it."""

    def __init__(self) -> None:
        self.asked, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.given: Any = None
        self.result: Any = None
        serving(self._turn)

    def _turn(self) -> None:
        self.asked.acquire()
        work, x = self.given
        self.result = work(x)
        self.done.release()

    def __call__(self, work: Work, x: Tensor) -> Any:
        self.given = work, x
        self.asked.release()
        self.done.acquire()
        return self.result


DESK = Desk()


TASKS: queue.SimpleQueue[Any] = queue.SimpleQueue()
serving(lambda: (lambda answer, work, x: answer(work(x)))(*TASKS.get()))


def by_an_event(x: Tensor) -> Tensor:
    asked, done = threading.Event(), threading.Event()
    box: list[Tensor] = []

    def work(x: Tensor) -> None:
        asked.wait()
        box.append(squared(x))
        done.set()

    TASKS.put((repr, work, x))
    asked.set()
    done.wait()
    return box[0]


def by_a_simple_queue(x: Tensor) -> Tensor:
    answers: queue.SimpleQueue[Tensor] = queue.SimpleQueue()
    TASKS.put((answers.put, squared, x))
    return answers.get()


def by_asking_again_and_again(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    TASKS.put((box.append, squared, x))
    while not box:
        time.sleep(0.001)
    return box[0]


def by_a_future_that_is_not_asked(x: Tensor) -> Tensor:
    promise: Future[Tensor] = Future()
    TASKS.put((promise.set_result, squared, x))
    wait([promise])
    assert promise._result is not None  # as careless code does
    return promise._result


def by_writing_to_what_forward_made(x: Tensor) -> Tensor:
    y = x[:, :1].clone()
    DESK(lambda x: y.copy_(squared(x)), x)
    return y


def by_writing_to_what_forward_gave(x: Tensor) -> Tensor:
    box: list[int] = []
    TASKS.put((box.append, lambda x: x.mul_(squared(x)).numel(), x))
    while not box:
        time.sleep(0.001)
    return x


def by_nothing_but_a_number(x: Tensor) -> Tensor:
    y: Tensor = x * DESK(lambda x: squared(x).numel(), x)
    return y


LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def by_a_loop_of_asyncio(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    done = threading.Event()

    def work() -> None:
        box.append(squared(x))
        done.set()

    LOOP.call_soon_threadsafe(work)
    done.wait()
    return box[0]


POOL = ThreadPool(1)
atexit.register(POOL.terminate)


def by_a_pool_one_by_one(x: Tensor) -> Tensor:
    return next(POOL.imap(squared, [x]))


def by_a_pools_callback(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    POOL.apply_async(squared, (x,), callback=box.append).wait()
    while not box:
        time.sleep(0.001)
    return box[0]


def through_pipes(work: Callable[[bytes], bytes], sent: bytes) -> bytes:
    """By a thread that knows the bytes alone, as another process would."""
    ends = [*os.pipe(), *os.pipe()]
    TASKS.put(((lambda given: os.write(ends[3], given)), lambda _: work(os.read(ends[0], 9999)), 0))
    os.write(ends[1], sent)
    received = os.read(ends[2], 9999)
    for end in ends:
        os.close(end)
    return received


def by_pickles_in_pipes(x: Tensor) -> Tensor:
    sent = pickle.dumps(x.detach())
    y: Tensor = pickle.loads(through_pipes(lambda x: pickle.dumps(squared(pickle.loads(x))), sent))
    return y


def by_bytes_in_pipes(x: Tensor) -> Tensor:
    def work(given: bytes) -> bytes:
        values = np.frombuffer(given, np.float32)
        return (values @ values).tobytes()

    received = through_pipes(work, x.detach().numpy().tobytes())
    return torch.from_numpy(np.frombuffer(received, np.float32).copy())


def by_numpy(x: Tensor) -> Tensor:
    values = x.detach().numpy()
    return torch.tensor(values @ values.T)


WAYS = [
    by_an_event,
    by_a_simple_queue,
    by_asking_again_and_again,
    by_a_future_that_is_not_asked,
    by_writing_to_what_forward_made,
    by_writing_to_what_forward_gave,
    by_nothing_but_a_number,
    by_a_loop_of_asyncio,
    by_a_pool_one_by_one,
    by_a_pools_callback,
    by_pickles_in_pipes,
    by_bytes_in_pipes,
    by_numpy,
]


class Net(nn.Module):
    def __init__(self, way: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.way = way

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        return self.way(self.layer(x))


def counted(way: Callable[[Tensor], Tensor], ask: bool) -> Trace:
    """A trace after which the model gives what it gave."""
    model = Net(way)
    with torch.no_grad():
        before = model(X)
        traced = trace(model, X, ask)
        torch.testing.assert_close(model(X), before)
    return traced


@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_done_elsewhere_is_unknown(way: Callable[[Tensor], Tensor], ask: bool) -> None:
    traced = counted(way, ask)
    assert traced.table.macs == 64
    assert traced.unknown_ops == {UNSEEN: 1}


def by_a_bare_thread(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    done = _thread.allocate_lock()
    done.acquire()

    def work() -> None:
        box.append(squared(x))
        done.release()

    _thread.start_new_thread(work, ())
    done.acquire()
    return box[0]


def by_a_timer(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    timer = threading.Timer(0, lambda: box.append(squared(x)))
    timer.start()
    timer.join()
    return box[0]


def by_a_task_of_asyncio(x: Tensor) -> Tensor:
    async def work() -> Tensor:
        return (await asyncio.gather(asyncio.to_thread(squared, x)))[0]

    return asyncio.run(work())


def by_a_condition(x: Tensor) -> Tensor:
    box: list[Tensor] = []
    full = threading.Condition()

    def work() -> None:
        with full:
            box.append(squared(x))
            full.notify()

    threading.Thread(target=work).start()
    with full:
        full.wait_for(lambda: box)
    return box[0]


@pytest.fixture
def no_loop() -> Iterator[None]:
    """Without the loop that a browser of other tests keeps running in this thread."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
@pytest.mark.parametrize(
    "way", [by_a_bare_thread, by_a_timer, by_a_task_of_asyncio, by_a_condition]
)
def test_what_forwards_own_threads_do_is_counted(
    way: Callable[[Tensor], Tensor], ask: bool
) -> None:
    """Also where others are at work beside them."""
    traced = counted(way, ask)
    assert traced.table.macs == 64 + 8
    assert traced.unknown_ops == {}


KEPT = torch.ones(1, 8)


class Harmless(nn.Module):
    """Makes tensors in all the ways in which no work is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.held = [torch.ones(8)]

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.sum().item() > 0
        x = torch.relu_(self.layer(x).data + self.held[0]) + KEPT.data
        x = x + torch.from_numpy(np.ones(8, np.float32)) + torch.Tensor([1.0]) + KEPT[:, :4].sum()
        x += torch.as_tensor(np.ones(8, np.float32)) + torch.arange(8)
        sizes = torch.tensor(x.shape)
        heads = x.view(1, 2, 2, 2)
        y = nn.functional.scaled_dot_product_attention(heads, heads, heads).reshape(1, 8)
        kept: Tensor = pickle.loads(pickle.dumps(KEPT))
        return y.detach() + sizes.sum() + kept


@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
def test_tensors_that_forward_makes_are_no_work_of_others(ask: bool) -> None:
    """64 MACs of the layer, and of attention 2 heads x 2 x 2 tokens x 2 numbers, twice."""
    traced = trace(Harmless(), X, ask)
    assert traced.table.macs == 64 + 2 * (2 * 2 * 2 * 2)
    assert traced.unknown_ops == {}


def test_a_thread_that_fails_on_stand_ins_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it said, for the model would wait for ever; whoever is told of it still is."""
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    box: list[Any] = []
    asked, done = threading.Event(), threading.Event()

    def serve() -> None:
        asked.wait()
        box.append(box[0].numpy())
        done.set()

    thread = threading.Thread(target=serve)
    thread.start()

    def way(x: Tensor) -> Tensor:
        box.append(x.detach())
        asked.set()
        done.wait()
        return x

    with pytest.raises(ModelError, match=r"another thread, which failed .* do the work itself"):
        trace(Net(way), X)
    thread.join()
    assert len(told) == 1
    assert threading.excepthook == told.append
