"""Threads: those that trace at once, and those that a forward pass gives work to."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import Trace, trace
from shufflenet_flops.trace import threads as followed

Run = Callable[[list[Callable[[], Tensor]]], list[Tensor]]
ONE = 2 * 8 * 8  # MACs of one layer on two rows
X = torch.ones(2, 8)


class Halves(nn.Module):
    """Two layers, run by `run`, which gets functions of no arguments and gives their results."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.weight = nn.Parameter(torch.ones(8, 8))
        self.run = run

    def forward(self, x: Tensor) -> Tensor:
        parts: list[Callable[[], Tensor]] = [
            lambda: self.first(x),
            lambda: self.second(x),
            lambda: x @ self.weight,
        ]
        return torch.stack(self.run(parts)).sum(0)


def in_order(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    return [part() for part in parts]


def by_threads(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    results: list[Any] = [None] * len(parts)

    def work(i: int) -> None:
        results[i] = parts[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def by_a_pool(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda part: part(), parts))


def by_an_old_pool() -> Run:
    """One whose threads are there before the trace, and after it."""
    pool = ThreadPoolExecutor(2)
    pool.submit(int).result()
    return lambda parts: [future.result() for future in [pool.submit(part) for part in parts]]


def by_a_pool_of_multiprocessing(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    with ThreadPool(2) as pool:
        return pool.map(lambda part: part(), parts)


def by_threads_in_threads(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    return by_threads([partial(lambda part: by_threads([part])[0], part) for part in parts])


def by_a_generator(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
    def results() -> Iterator[Tensor]:
        for part in parts:
            yield part()

    return list(results())


WAYS: dict[str, Callable[[], Run]] = {
    "threads": lambda: by_threads,
    "a pool": lambda: by_a_pool,
    "a pool from before": by_an_old_pool,
    "a pool of multiprocessing": lambda: by_a_pool_of_multiprocessing,
    "threads in threads": lambda: by_threads_in_threads,
    "a generator": lambda: by_a_generator,
}


def facts(traced: Trace) -> list[Any]:
    """Its rows but for their order, which is that of the threads."""
    return sorted((row.path, row.op, row.macs, row.params, row.output) for row in traced.table.rows)


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_work_given_to_threads_is_counted(way: str, asks: bool) -> None:
    """As without threads; also in a run on real values, and the model gives what it gave."""

    def then_asking(run: Run, parts: list[Callable[[], Tensor]]) -> list[Tensor]:
        results = run(parts)
        return results if not asks or float(results[0].detach().sum()) < 1e9 else []

    model = Halves(partial(then_asking, WAYS[way]()))
    plain = Halves(partial(then_asking, in_order))
    plain.load_state_dict(model.state_dict())
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    traced = trace(model, X)

    assert traced.table.macs == 3 * ONE
    assert traced.real_forward == asks
    assert facts(traced) == facts(trace(plain, X))
    assert sum(row.params for row in traced.table.rows) == 2 * (64 + 8) + 64
    torch.testing.assert_close(model(X), plain(X))
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == (start, submit)


def test_a_thread_from_before_that_calls_a_module_is_counted() -> None:
    """Which nobody started in the trace."""
    asked, given = threading.Event(), threading.Event()
    box: list[Any] = []

    def serve() -> None:
        asked.wait()
        box.append(box[0]())
        given.set()

    server = threading.Thread(target=serve)
    server.start()

    def run(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
        box.append(parts[1])
        asked.set()
        given.wait()
        return [box[1]]

    assert trace(Halves(run), X).table.macs == ONE
    server.join()


def test_what_a_thread_raises_is_the_models_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it happened, and nothing on the terminal."""

    def broken(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
        return by_threads([lambda: F.linear(torch.ones(2, 8), torch.ones(3, 7))])

    with pytest.raises(ModelError, match="failed"):
        trace(Halves(broken), X)
    assert capsys.readouterr().err == ""


def test_a_thread_that_goes_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that says what to do."""
    monkeypatch.setattr(followed, "LONGEST_S", 0.01)
    done = threading.Event()

    def leaving(parts: list[Callable[[], Tensor]]) -> list[Tensor]:
        thread = threading.Thread(target=done.wait, name="prefetch")
        thread.start()
        while not done._cond._waiters:  # type: ignore[attr-defined] # until it waits
            time.sleep(0.001)
        return in_order(parts)

    with pytest.raises(ModelError, match=r"'prefetch' .* join it in forward"):
        trace(Halves(leaving), X)
    (left,) = [thread for thread in threading.enumerate() if thread.name == "prefetch"]
    done.set()
    left.join(5)
    assert not left.is_alive()  # it still gets what it waits for


def at_once(work: Callable[[int], None], count: int, threads: int = 8) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))


def test_200_traces_in_eight_threads_are_all_right() -> None:
    """Of one model; it gives what it gave, with all that it holds as it was."""
    model = nn.Sequential(*(Halves(in_order) for _ in range(3)))
    before, held = model(X), {name: set(vars(part)) for name, part in model.named_modules()}
    expected = trace(model, X)
    traces: list[Trace] = []
    at_once(lambda _: traces.append(trace(model, X)), 200)

    assert len(traces) == 200
    assert all(traced == expected for traced in traces)
    torch.testing.assert_close(model(X), before)
    assert {name: set(vars(part)) for name, part in model.named_modules()} == held


def test_two_explanations_at_once_leave_the_process_as_it_was() -> None:
    """Standard output, the descriptor of errors, logging, torch's functions and settings."""

    def state() -> list[Any]:
        return [
            sys.stdout,
            sys.stderr,
            os.fstat(2).st_ino,
            logging.root.manager.disable,
            torch.backends.mha.get_fastpath_enabled(),
            F.linear,
            torch.matmul,
            Tensor.__add__,
            threading.Thread.start,
        ]

    before = state()
    explained: list[Any] = []
    at_once(lambda i: explained.append(explain(str(i), Halves(in_order), [X])), 4, threads=2)

    assert state() == before
    assert [one.macs for one in explained] == [3 * ONE] * 4
    assert (
        len({tuple(report.reported for report in one.counters.values()) for one in explained}) == 1
    )


class Drawing(nn.Module):
    """Draws from every generator that a forward pass may use."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.rand(8) + torch.randint(3, (8,)) + torch.empty(8).normal_()
        y: Tensor = self.layer(F.dropout(x, 0.5, True) + noise.bernoulli(0.5))
        return y * random.random() * np.random.rand()


def test_a_trace_draws_no_numbers_of_another_thread() -> None:
    """Of torch's: what a thread draws meanwhile is what it draws alone, none of it twice."""
    model, done = Drawing(), threading.Event()
    drawn: list[float] = []

    def draw() -> None:
        while not done.is_set():
            drawn.append(float(torch.rand((), dtype=torch.float64)))

    torch.manual_seed(7)
    thread = threading.Thread(target=draw)
    thread.start()
    for _ in range(30):
        trace(model, X)
    done.set()
    thread.join()

    torch.manual_seed(7)
    assert drawn == [float(torch.rand((), dtype=torch.float64)) for _ in drawn]


def test_a_trace_leaves_all_generators_where_they_were() -> None:
    """Where no other thread is at work; and an explanation leaves them too."""

    def state() -> list[Any]:
        numpy_state: Any = np.random.get_state()
        return [torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist()]

    model = Drawing()
    before = state()
    trace(model, X)
    explain("drawing", model, [X])
    assert state() == before


def test_a_new_seed_in_forward_is_taken_back() -> None:
    """Also where another thread is at work."""

    class Seeding(Halves):
        def forward(self, x: Tensor) -> Tensor:
            torch.manual_seed(3)
            return super().forward(x)

    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    torch.manual_seed(7)
    trace(Seeding(in_order), X)
    done.set()
    thread.join()
    assert torch.initial_seed() == 7
