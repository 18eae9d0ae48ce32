"""Who carries out the chunks of a sweep: threads of this process, or a dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from shufflenet_flops.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def threads(number: int) -> Iterator[Executor]:
    """Threads of this process; numpy leaves them free to run side by side."""
    with ThreadPoolExecutor(number) as executor:
        yield executor


@contextmanager
def dask(scheduler: str | None, workers: int) -> Iterator[Executor]:
    """The cluster of a scheduler, or a local one of worker processes that ends with the sweep.

    dask sends the chunks of a worker that dies to another one. Raises InputError where dask is not
    installed or the scheduler cannot be reached.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            "--engine dask needs dask: pip install 'shufflenet-flops[distributed]'"
        ) from None
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout="5s")
        except (OSError, ValueError) as error:
            raise InputError(f"--scheduler {scheduler}: {error}") from None
        with client, client.get_executor(pure=False) as executor:
            yield executor
        return
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
        client.get_executor(pure=False) as executor,
    ):
        yield executor


def carry_out(
    executor: Executor, work: Callable[[Task], Result], tasks: Iterable[Task], at_once: int
) -> Iterator[Result]:
    """`work` on every task as results come, never more than `at_once` of them under way."""
    pending: set[Future[Result]] = set()
    try:
        for task in tasks:
            pending.add(executor.submit(work, task))
            while len(pending) >= at_once:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        for future in pending:
            future.cancel()
