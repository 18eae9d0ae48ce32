"""The work of `sweep`: chunks counted, saved and added up, and what an interruption leaves."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.errors import OutputError, ShufflenetFlopsError

if TYPE_CHECKING:
    from concurrent.futures import Executor as Pool

    from shufflenet_flops.design.fit import SecondsOf
    from shufflenet_flops.design.sweep.plan import Chunk, Plan, Summary
    from shufflenet_flops.design.sweep.store import Store


class Executor(StrEnum):
    """Who counts."""

    LOCAL = "local"
    DASK = "dask"


class SaveAs(StrEnum):
    """How rows are saved."""

    PARQUET = "parquet"
    CSV = "csv"


def sweep(
    plan: Plan,
    save: Path | None,
    save_as: SaveAs,
    resume: bool,
    executor: Executor,
    scheduler: str | None,
    workers: int | None,
    quiet: bool,
    seconds_of: SecondsOf | None = None,
) -> tuple[Summary, int]:
    """The whole sweep's summary, and how many chunks an earlier run had done."""
    from shufflenet_flops.design.sweep.executors import dask, threads
    from shufflenet_flops.design.sweep.store import open_store
    from shufflenet_flops.environment import usable_cores

    workers = workers or usable_cores()
    pool = threads(workers) if executor is Executor.LOCAL else dask(scheduler, workers, quiet)
    with ExitStack() as stack:
        store = None
        if save is not None:
            store = stack.enter_context(open_store(save, save_as.value, plan, resume=resume))
        return _count_chunks(plan, store, pool, 2 * workers, quiet, seconds_of)


def _count_chunks(
    plan: Plan,
    store: Store | None,
    pool: AbstractContextManager[Pool],
    at_once: int,
    quiet: bool,
    seconds_of: SecondsOf | None,
) -> tuple[Summary, int]:
    """The sum of what the store has and of what is left."""
    from shufflenet_flops.design.sweep.executors import carry_out
    from shufflenet_flops.design.sweep.plan import Summary, chunk_count, chunks

    done = dict(store.done) if store else {}
    total, before = Summary(), len(done)
    for summary in done.values():
        total = total.plus(summary, plan)
    number, whole = chunk_count(plan), before
    work = partial(_work, plan, replace(store, done={}) if store else None, seconds_of)
    left = (chunk for chunk in chunks(plan) if chunk.number not in done)
    try:
        with ExitStack() as stack:
            show = stack.enter_context(progress_bar(quiet, "counting"))
            for chunk, summary in carry_out(stack.enter_context(pool), work, left, at_once):
                if store:
                    store.record(chunk, summary)
                whole += 1
                total = total.plus(summary, plan)
                show("chunks", whole, number)
    except (KeyboardInterrupt, OSError) as error:
        if isinstance(error, ShufflenetFlopsError):
            raise
        reason = "interrupted"
        if isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
        raise OutputError(_stopped(reason, store, whole, number)) from None
    return total, before


def _stopped(reason: str, store: Store | None, whole: int, number: int) -> str:
    if store is None:
        return f"stopped ({reason}) after {whole:,} of {number:,} chunks; nothing was saved"
    return (
        f"stopped ({reason}): {whole:,} of {number:,} chunks are whole in {store.folder}; "
        "the same command with --resume goes on"
    )


def _work(
    plan: Plan, store: Store | None, seconds_of: SecondsOf | None, chunk: Chunk
) -> tuple[int, Summary]:
    """Count one chunk and save its rows, in whatever thread or process."""
    from shufflenet_flops.design.sweep.plan import count_chunk

    counted = count_chunk(plan, chunk, seconds_of)
    if store:
        store.write(chunk.number, counted, plan.columns())
    return chunk.number, counted.summary
