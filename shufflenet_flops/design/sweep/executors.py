"""Who carries out the chunks of a sweep: threads of this process, or a dask cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from errno import ECONNRESET
from typing import TYPE_CHECKING, TypeVar

from shufflenet_flops.errors import InputError
from shufflenet_flops.extras import install_command

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def threads(number: int) -> Iterator[Executor]:
    """Threads of this process; numpy leaves them free to run side by side."""
    with ThreadPoolExecutor(number) as executor:
        yield executor


@contextmanager
def dask(scheduler: str | None, workers: int, quiet: bool = False) -> Iterator[Executor]:
    """The cluster of a scheduler, or a local one of worker processes that ends with the sweep.

    dask sends the chunks of a worker that dies to another one, and warns unless `quiet`. Raises
    InputError where dask is not installed or the scheduler cannot be reached, ConnectionError where
    the cluster is lost.
    """
    try:
        from distributed import Client, KilledWorker, LocalCluster
    except ImportError:
        command = install_command("distributed")
        raise InputError(f"--executor dask needs dask: {command}") from None
    level = logging.CRITICAL if quiet else logging.WARNING
    logging.getLogger("distributed").setLevel(level)
    for name in ("distributed.client", "tornado.application"):
        # Their tracebacks tell of a lost connection, which the caller does in one line.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if scheduler is not None:
            try:
                client = stack.enter_context(Client(scheduler, timeout="5s"))
            except (OSError, ValueError, TypeError) as error:  # tls:// without its settings
                raise InputError(f"--scheduler {scheduler}: {error}") from None
        else:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=level,
            )
            client = stack.enter_context(Client(stack.enter_context(cluster)))
        executor = stack.enter_context(client.get_executor(pure=False))
        try:
            yield executor
        except KilledWorker:
            raise ConnectionError(
                ECONNRESET, "every worker that took a chunk died; a smaller --chunk takes less"
            ) from None
        except Exception as error:
            # Chunks under way when the scheduler goes are cancelled, or fail in ways of dask's own.
            if not (isinstance(error, CancelledError) or _ends(client)):
                raise
            raise ConnectionError(ECONNRESET, "the dask cluster was lost") from None


def _ends(client: Client) -> bool:
    """Whether the connection to the scheduler is gone, or goes within a second."""
    for _ in range(20):
        if client.status != "running":
            return True
        time.sleep(0.05)
    return False


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
                yield from _results(done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from _results(done)
    finally:
        for future in pending:
            future.cancel()


def _results(done: Iterable[Future[Result]]) -> Iterator[Result]:
    """What came to an end together; nothing that is done is lost to a failure beside it."""
    for future in sorted(done, key=lambda future: future.cancelled() or bool(future.exception())):
        yield future.result()
