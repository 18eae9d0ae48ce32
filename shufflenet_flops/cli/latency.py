"""`latency`: wall-clock on real engines."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.completion import complete_engine, complete_model
from shufflenet_flops.cli.options import (
    MODEL_HELP,
    ArgOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    QuietOption,
    source_options,
    whole_number,
)
from shufflenet_flops.cli.output import Document, Format, Writer, open_figure, open_outputs
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines import ENGINE_NAMES, find_engine
from shufflenet_flops.latency.engines.protocol import Engine, Setup
from shufflenet_flops.sources import Options, Source, resolve_all

if TYPE_CHECKING:
    from shufflenet_flops.latency.measure import Timing


class Dtype(StrEnum):
    """What engines compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Device(StrEnum):
    """Where engines run."""

    CPU = "cpu"
    CUDA = "cuda"


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help=MODEL_HELP, autocompletion=complete_model),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(ENGINE_NAMES)}. Repeatable.",
            show_default="all that are installed",
            autocompletion=complete_engine,
        ),
    ] = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    batch: Annotated[
        int | None,
        typer.Option(parser=whole_number, metavar="N", help="Size of every input's first axis."),
    ] = None,
    threads: Annotated[
        int, typer.Option(parser=whole_number, metavar="N", help="Threads of every engine.")
    ] = 1,
    dtype: Annotated[Dtype, typer.Option(help="What to compute in.")] = Dtype.FLOAT32,
    device: Annotated[Device, typer.Option(help="Where to run.")] = Device.CPU,
    runs: Annotated[
        int | None,
        typer.Option(
            parser=whole_number,
            metavar="N",
            help="Rounds of measurement.",
            show_default="as --min-time says",
        ),
    ] = None,
    min_time: Annotated[
        float,
        typer.Option(min=0, metavar="S", help="Seconds to measure each row, in 15 rounds or more."),
    ] = 1.0,
    paper_table_8: Annotated[
        bool,
        typer.Option(
            "--paper-table-8",
            help="ShuffleNet's Table 8: its networks at its three sizes, or at those of --input.",
        ),
    ] = False,
    roofline: Annotated[
        bool,
        typer.Option(
            "--roofline", help="Also eager's layers, each with the bound of this machine."
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw MACs against time, or the roofline (.svg, .png)."),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="OLD NEW", help="Instead, set two runs saved with -o side by side."),
    ] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> int:
    """Time models on the engines that people deploy with.

    All models and engines of one input are sampled in the same rounds, in random order, so that
    the machine's noise cancels in their ratios. Every engine's output is compared with PyTorch
    eager's: a wrong result is a failure, not a time. Exits with 1 if a result was wrong or
    nothing could be measured. Ctrl-C writes what was measured, marked partial.
    """
    with open_outputs(form, output or []) as writer, open_figure(plot) as draw:
        if compare:
            if models or paper_table_8:
                raise InputError("--compare reads two saved runs: leave out models")
            return _compare(writer, *compare)
        options = source_options(input, arg, path, input_factory)
        if paper_table_8:
            sources = _table8(models, options, batch)
        elif models:
            sources = _with_batch(resolve_all(models, options), options, batch)
        else:
            raise InputError("name at least one MODEL, or give --paper-table-8 or --compare")
        engines = chosen_engines(engine, quiet)
        for source in sources:
            if not source.can_run:
                raise InputError(f"{source.name}: an {source.origin} is no module that can be run")
        if device is Device.CUDA:
            _need_cuda()
        rows, interrupted = _measure(
            sources,
            engines,
            Setup(threads, dtype.value, device.value),
            runs,
            min_time,
            roofline,
            quiet,
        )
        if interrupted and not rows:
            raise KeyboardInterrupt
        _write(writer, rows, paper_table_8, quiet)
        if plot:
            from shufflenet_flops.report.plot.figure import image
            from shufflenet_flops.report.plot.latency import draw_roofline, draw_times

            draw(image((draw_roofline if roofline else draw_times)(rows), plot.suffix))
    if interrupted:
        print("interrupted: what was measured is written, marked partial", file=sys.stderr)
        return 2
    wrong = any(row.reason.startswith("wrong result") for row in rows)
    return int(wrong or all(row.status != "ok" for row in rows))


def chosen_engines(names: list[str] | None, quiet: bool) -> list[Engine]:
    """The engines asked for, which must be there, or else all that are."""
    found = [find_engine(name) for name in dict.fromkeys(names or ENGINE_NAMES)]
    reasons = {one.name: reason for one in found if (reason := one.missing())}
    if names and reasons:
        raise InputError("; ".join(f"engine {name}: {why}" for name, why in reasons.items()))
    if not quiet:
        for name, why in reasons.items():
            print(f"left out: engine {name}: {why}", file=sys.stderr)
    return [one for one in found if one.name not in reasons]


def _table8(models: list[str] | None, options: Options, batch: int | None) -> list[Source]:
    from shufflenet_flops.paper.table8_times import INPUTS, ROWS

    if models or options != Options(options.inputs) or batch:
        raise InputError(
            "--paper-table-8 names its own models and inputs: leave out all but --input"
        )
    unknown = [str(one) for one in options.inputs if one not in INPUTS]
    if unknown:
        raise InputError(f"--input {unknown[0]}: Table 8 has {', '.join(map(str, INPUTS))}")
    chosen = options.inputs or INPUTS
    return [source for one in chosen for source in resolve_all(list(ROWS), Options((one,)))]


def _with_batch(sources: list[Source], options: Options, batch: int | None) -> list[Source]:
    if batch is None:
        return sources
    found = []
    for source in sources:
        inputs = tuple(replace(one, shape=(batch, *one.shape[1:])) for one in source.inputs)
        found += resolve_all([source.name], replace(options, inputs=inputs))
    return found


def _need_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here; leave it out to measure the CPU")


def _measure(
    sources: list[Source],
    engines: list[Engine],
    setup: Setup,
    runs: int | None,
    min_time: float,
    roofline: bool,
    quiet: bool,
) -> tuple[list[Timing], bool]:
    """All rows, and whether Ctrl-C ended them early."""
    from shufflenet_flops.latency.measure import Plan, measure
    from shufflenet_flops.latency.roofline import measure_peaks

    rows: list[Timing] = []
    try:
        with progress_bar(quiet) as progress:
            progress("measuring this machine's peaks", 0, 1)
            peaks = measure_peaks(setup)
            plan = Plan(setup, peaks, runs, min_time, roofline)
            rows.extend(measure(sources, engines, plan, progress))
    except KeyboardInterrupt:
        return [replace(row, partial=True) for row in rows], True
    return rows, False


def _write(writer: Writer, rows: list[Timing], paper_table_8: bool, quiet: bool) -> None:
    from shufflenet_flops.environment import environment
    from shufflenet_flops.latency.warnings import warnings_about
    from shufflenet_flops.paper.table8_times import against
    from shufflenet_flops.report.section import measured_on
    from shufflenet_flops.report.view import latency as report
    from shufflenet_flops.report.view.roofline import layer_grids

    doubts = warnings_about(report.latencies(rows))
    here = environment()
    grids = layer_grids(rows)
    if paper_table_8:
        grids += report.table8_grids(against(rows), rows)
    grids += report.latency_grids(rows, measured_on(asdict(here)), doubts)
    records = report.records(rows)
    writer.write(Document("latency", "paper", rows, grids, records, environment=here))


def _compare(writer: Writer, old_path: Path, new_path: Path) -> int:
    from shufflenet_flops.latency.saved import changes, load_run, only_in, unlike
    from shufflenet_flops.report.view.latency import change_grid

    old, new = load_run(old_path), load_run(new_path)
    found = changes(old, new)
    if not found:
        raise InputError(f"{old_path} and {new_path} have no row in common")
    missing = [*only_in(old, new), *only_in(new, old)]
    differences = unlike(old.environment, new.environment)
    writer.write(
        Document(
            "latency",
            None,
            found,
            [change_grid(found, differences, missing)],
        )
    )
    return 0
