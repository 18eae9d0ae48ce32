"""`sweep`: millions of configurations, and the Pareto front."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import FormatOption, OutputOption, QuietOption
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.errors import InputError, OutputError, ShufflenetFlopsError

if TYPE_CHECKING:
    from shufflenet_flops.design.sweep.plan import Chunk, Plan, Row, Summary
    from shufflenet_flops.design.sweep.store import Store
    from shufflenet_flops.latency.stats import Latency


class Engine(StrEnum):
    """Who counts."""

    LOCAL = "local"
    DASK = "dask"


class SaveAs(StrEnum):
    """How rows are saved."""

    PARQUET = "parquet"
    CSV = "csv"


def _axis(help: str) -> object:
    return typer.Option(metavar="LIST", help=help)


def command(
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NETWORK]...",
            help="Families of networks, as family@option=value,…, or units as shufflenet_unit.",
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            help="A unit: resnet, resnext, shufflenet, shufflenet_v2, mobilenet, conv, pointwise. "
            "Repeatable.",
            show_default="resnet, resnext, shufflenet",
        ),
    ] = None,
    c: Annotated[
        str | None,
        _axis("Channels, of a unit's input or a network's last stage: 64,96 or 64:1024:16."),
    ] = None,
    m: Annotated[str | None, _axis("Bottleneck channels.")] = None,
    n: Annotated[str | None, _axis("Output channels.")] = None,
    k: Annotated[str | None, _axis("Kernel sizes.")] = None,
    g: Annotated[str | None, _axis("Groups (in ResNeXt, the cardinality).")] = None,
    h: Annotated[str | None, _axis("Input heights.")] = None,
    w: Annotated[str | None, _axis("Input widths.")] = None,
    stride: Annotated[str | None, _axis("1 or 2.")] = None,
    stem: Annotated[str | None, _axis("Channels of conv1.")] = None,
    classes: Annotated[str | None, _axis("Classes.")] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="FILTER", help="Keep rows like 'macs < 40e6 and g > 1'."),
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="COLUMN", help="The front's least. Default: macs."),
    ] = None,
    most: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="COLUMN", help="The front's most. Default: c."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Count so many points, spread over the grid.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which sample.")] = 0,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save all rows there, chunk by chunk.")
    ] = None,
    save_as: Annotated[SaveAs, typer.Option(help="How to save.")] = SaveAs.PARQUET,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep that was stopped.")
    ] = False,
    chunk: Annotated[
        int, typer.Option(min=1, max=2**24, help="Configurations in memory, for each worker.")
    ] = 2**17,
    limit: Annotated[
        int, typer.Option(min=1, help="Refuse to count more configurations of one design.")
    ] = 10**9,
    engine: Annotated[
        Engine, typer.Option(help="Threads of this machine, or a dask cluster.")
    ] = Engine.LOCAL,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="The cluster's scheduler, tcp://…; it must share --save."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads, or dask's processes.", show_default="one per core"),
    ] = None,
    measure: Annotated[
        int, typer.Option(min=0, help="Time so many of the front with PyTorch.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the front (.svg or .png).")
    ] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Count millions of configurations, and find the Pareto front."""
    given = {
        "c": c, "m": m, "n": n, "k": k, "g": g, "h": h, "w": w,
        "stride": stride, "stem": stem, "classes": classes,
    }  # fmt: skip
    if resume and save is None:
        raise InputError("--resume goes on with a saved sweep: name its folder with --save")
    if scheduler and engine is Engine.LOCAL:
        raise InputError("--scheduler is for --engine dask")
    with open_outputs(form, output or []) as writer, open_figure(plot) as write_figure:
        from shufflenet_flops.design.sweep.axes import parse_axis
        from shufflenet_flops.design.sweep.plan import Plan, check_plan
        from shufflenet_flops.report.view.sweep import Swept, draw_sweep, sweep_grid, sweep_result

        goals = (least or [], most or []) if least or most else (["macs"], ["c"])
        plan = Plan(
            designs=_designs(designs, unit),
            axes=tuple(parse_axis(name, text) for name, text in given.items() if text),
            minimise=tuple(goals[0]),
            maximise=tuple(goals[1]),
            where=where,
            sample=sample,
            seed=seed,
            chunk=chunk,
        )
        check_plan(plan, limit)
        if plot and len(plan.minimise + plan.maximise) < 2:
            raise InputError("--plot needs two columns: give --min and --max")
        start = time.perf_counter()
        summary, resumed = _sweep(plan, save, save_as, resume, engine, scheduler, workers, quiet)
        swept = Swept(
            plan, summary, time.perf_counter() - start, str(save) if save else None, resumed
        )
        if measure:
            swept = replace(swept, latencies=_measure(summary.front[:measure], quiet))
        if plot:
            from shufflenet_flops.report.plot.figure import image

            write_figure(image(draw_sweep(swept), plot.suffix))
        result = sweep_result(swept)
        grids = [sweep_grid(result)]
        writer.write(Document("sweep", "paper", [result], grids, result.pareto))


def _designs(names: list[str] | None, units: list[str] | None) -> tuple[str, ...]:
    from shufflenet_flops.design.catalogue import find_design, find_unit

    chosen = [*map(find_design, names or []), *map(find_unit, units or [])]
    chosen = chosen or [find_unit(name) for name in ("resnet", "resnext", "shufflenet")]
    return tuple(dict.fromkeys(design.name for design in chosen))


def _sweep(
    plan: Plan,
    save: Path | None,
    save_as: SaveAs,
    resume: bool,
    engine: Engine,
    scheduler: str | None,
    workers: int | None,
    quiet: bool,
) -> tuple[Summary, int]:
    """The whole sweep's summary, and how many chunks an earlier run had done."""
    from shufflenet_flops.design.sweep.executors import carry_out, dask, threads
    from shufflenet_flops.design.sweep.plan import Summary, chunk_count, chunks
    from shufflenet_flops.design.sweep.store import open_store
    from shufflenet_flops.environment import usable_cores

    store = open_store(save, save_as.value, plan, resume=resume) if save else None
    done = dict(store.done) if store else {}
    total, before = Summary(), len(done)
    for summary in done.values():
        total = total.plus(summary, plan)
    number, whole = chunk_count(plan), before
    workers = workers or usable_cores()
    work = partial(_work, plan, replace(store, done={}) if store else None)
    left = (one for one in chunks(plan) if one.number not in done)
    try:
        with ExitStack() as stack:
            show = stack.enter_context(progress_bar(quiet, "counting"))
            executor = stack.enter_context(
                threads(workers) if engine is Engine.LOCAL else dask(scheduler, workers, quiet)
            )
            for chunk, summary in carry_out(executor, work, left, 2 * workers):
                if store:
                    store.record(chunk, summary)
                whole += 1
                total = total.plus(summary, plan)
                show("chunks", whole, number)
    except (KeyboardInterrupt, OSError) as error:
        if isinstance(error, ShufflenetFlopsError):
            raise
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise OutputError(_stopped(reason, save, whole, number)) from None
    return total, before


def _stopped(reason: str, save: Path | None, whole: int, number: int) -> str:
    if save is None:
        return f"stopped ({reason}) after {whole:,} of {number:,} chunks; nothing was saved"
    return (
        f"stopped ({reason}): {whole:,} of {number:,} chunks are whole in {save}; "
        "the same command with --resume goes on"
    )


def _work(plan: Plan, store: Store | None, chunk: Chunk) -> tuple[int, Summary]:
    """Count one chunk and save its rows, in whatever thread or process."""
    from shufflenet_flops.design.sweep.plan import count_chunk

    counted = count_chunk(plan, chunk)
    if store:
        store.write(chunk.number, counted, plan.columns())
    return chunk.number, counted.summary


def _measure(rows: tuple[Row, ...], quiet: bool) -> tuple[Latency, ...]:
    """Wall-clock of each row's network in PyTorch, one thread, sampled in turns."""
    import torch

    from shufflenet_flops.build import build
    from shufflenet_flops.design.catalogue import find_design
    from shufflenet_flops.latency.engines.eager import Eager
    from shufflenet_flops.latency.engines.protocol import Setup
    from shufflenet_flops.latency.sampling import sample
    from shufflenet_flops.latency.stats import summarise

    calls = {}
    for i, row in enumerate(rows):
        design = find_design(str(row["design"]))
        network = design.build(**design.known(row))
        module = build(network.spec).eval()
        inputs = (torch.randn(network.input),)
        calls[f"{i + 1} of {len(rows)}"] = Eager().prepare(module, inputs, Setup())
    with progress_bar(quiet, "measuring") as show:
        samples = sample(calls, progress=show)
    return tuple(summarise(times) for times in samples.values())
