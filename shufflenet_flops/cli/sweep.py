"""`sweep`: millions of configurations, and the Pareto front."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shufflenet_flops.api.predict import doubts_of, predictor_of
from shufflenet_flops.cli.options import (
    DESIGN,
    MEASUREMENT,
    MODEL,
    ArgOption,
    CalibratedEngineOption,
    CalibrationOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    QuietOption,
    ScaleDepthOption,
    ScalePhiOption,
    ScaleResolutionOption,
    ScaleWidthOption,
    UnitOption,
    check_designs,
    list_option,
    number_option,
    plot_option,
    refuse_typed,
    source_options,
)
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.cli.size_sweep import sizes_swept
from shufflenet_flops.cli.sweeping import Executor, SaveAs, sweep
from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    from shufflenet_flops.design.sweep.plan import SweepRow
    from shufflenet_flops.latency.stats import Latency


_OF_MODELS = ("input", "input_factory", "arg", "path")
_OF_DESIGNS = (
    *"unit c m n k g h w stride stem classes phi width depth resolution where least most".split(),
    *"sample seed save save_as resume executor scheduler workers max_configurations chunk".split(),
    *("measure", "engine", "calibration"),
)
_SELECTION = "Selection"
_SAVING = "Saving and resuming"
_WORKERS = "Workers"


def _column(name: str, help: str, default: str, *others: str) -> Any:
    return typer.Option(
        name, *others, metavar="COLUMN", help=help, show_default=default, rich_help_panel=_SELECTION
    )


def command(
    context: typer.Context,
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NETWORK|MODEL",
            help="A family of networks, as family@option=value,…, or a unit, as shufflenet_unit; "
            "with --over one model of any kind, as net.py:Net.",
        ),
    ] = None,
    unit: UnitOption = None,
    c: Annotated[
        str | None,
        list_option(
            "Channels of a unit's input or of a network's last stage, as 64,96 or 64:1024:16."
        ),
    ] = None,
    m: Annotated[str | None, list_option("Bottleneck channels.")] = None,
    n: Annotated[str | None, list_option("Output channels.")] = None,
    k: Annotated[str | None, list_option("Kernel sizes.")] = None,
    g: Annotated[str | None, list_option("Groups (in ResNeXt, the cardinality).")] = None,
    h: Annotated[str | None, list_option("Input heights.")] = None,
    w: Annotated[str | None, list_option("Input widths.")] = None,
    stride: Annotated[str | None, list_option("Stride of a unit, 1 or 2.")] = None,
    stem: Annotated[str | None, list_option("Channels of conv1.")] = None,
    classes: Annotated[str | None, list_option("Classes of a network.")] = None,
    width: ScaleWidthOption = None,
    depth: ScaleDepthOption = None,
    resolution: ScaleResolutionOption = None,
    phi: ScalePhiOption = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES",
            help="Count a model at these sizes instead, as h=128:1024:32,n=1:64.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    max_configurations: Annotated[
        int,
        number_option("Refuse a design that has more configurations than this.", DESIGN),
    ] = 10**9,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER",
            help="Keep only the rows for which this is true, as 'macs < 40M and g > 1'.",
            rich_help_panel=_SELECTION,
        ),
    ] = None,
    least: Annotated[
        list[str] | None, _column("--min", "Minimise this column. Repeatable.", "macs", "--metric")
    ] = None,
    most: Annotated[
        list[str] | None, _column("--max", "Maximise this column. Repeatable.", "c, or the scales")
    ] = None,
    sample: Annotated[
        int | None,
        number_option("Count only so many configurations, spread over the grid.", _SELECTION),
    ] = None,
    seed: Annotated[
        int,
        number_option(
            "The seed of the sample: another seed gives another sample.", _SELECTION, least=0
        ),
    ] = 0,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Save all rows in this folder, chunk by chunk.",
            rich_help_panel=_SAVING,
        ),
    ] = None,
    save_as: Annotated[
        SaveAs, typer.Option(help="The format of the saved rows.", rich_help_panel=_SAVING)
    ] = SaveAs.PARQUET,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a sweep that was stopped.", rich_help_panel=_SAVING
        ),
    ] = False,
    executor: Annotated[
        Executor,
        typer.Option(
            help="Count on threads of this machine, or on a dask cluster.",
            rich_help_panel=_WORKERS,
        ),
    ] = Executor.LOCAL,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The dask cluster's scheduler, tcp://…; it must see the folder of --save.",
            show_default="a cluster on this machine",
            rich_help_panel=_WORKERS,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        number_option("Threads, or processes of dask.", _WORKERS, show_default="one for each core"),
    ] = None,
    chunk: Annotated[
        int,
        number_option(
            "Configurations that a worker holds in memory at a time.", _WORKERS, most=2**24
        ),
    ] = 2**17,
    engine: CalibratedEngineOption = None,
    calibration: CalibrationOption = None,
    measure: Annotated[
        int,
        number_option("Time so many rows of the front in PyTorch eager.", MEASUREMENT, least=0),
    ] = 0,
    plot: Annotated[Path | None, plot_option("Draw the front, or a model along a size")] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Count millions of configurations, and find the Pareto front; or a model at many sizes."""
    if over is not None:
        refuse_typed(context, _OF_DESIGNS, "--over counts a model at its sizes")
        if len(designs or []) != 1:
            raise InputError("--over: give one model, as in: sweep net.py:Net --over h=128:512:32")
        with open_outputs(form, output or []) as writer, open_figure(plot) as write_figure:
            options = source_options(input, arg, path, input_factory)
            figure_type = plot.suffix if plot else None
            document, figure = sizes_swept((designs or [])[0], over, options, figure_type)
            writer.write(document)
            write_figure(figure)
        return
    check_designs(designs or [], "give --over h=128:1024:32")
    refuse_typed(context, _OF_MODELS, "it is for a model's sizes: give --over h=128:1024:32")
    given = {
        "c": c, "m": m, "n": n, "k": k, "g": g, "h": h, "w": w,
        "stride": stride, "stem": stem, "classes": classes,
        "width": width, "depth": depth, "resolution": resolution, "phi": phi,
    }  # fmt: skip
    if save is None:
        refuse_typed(
            context, ("resume", "save_as"), "it is for saved rows: name their folder with --save"
        )
    if sample is None:
        refuse_typed(context, ("seed",), "all configurations are counted without --sample")
    if executor is Executor.LOCAL:
        refuse_typed(context, ("scheduler",), "it is for --executor dask")
    if engine is None:
        refuse_typed(context, ("calibration",), "it is of an engine: name it with --engine")
    with open_outputs(form, output or []) as writer, open_figure(plot) as write_figure:
        from shufflenet_flops.design.sweep.axes import goals_of, read_axes
        from shufflenet_flops.design.sweep.plan import Plan, check_plan
        from shufflenet_flops.report.view.sweep import Swept, draw_sweep, sweep_grid, sweep_result

        axes = read_axes(given)
        goals = goals_of(axes, least, most)
        predictor = predictor_of(engine, calibration) if engine is not None else None
        plan = Plan(
            designs=_designs(designs, unit),
            axes=axes,
            minimise=tuple(goals[0]),
            maximise=tuple(goals[1]),
            where=where,
            sample=sample,
            seed=seed,
            chunk=chunk,
            predicted=predictor.calibration.name if predictor is not None else "",
        )
        check_plan(plan, max_configurations)
        if plot and len(plan.minimise + plan.maximise) < 2:
            raise InputError("--plot needs two columns: give --min and --max")
        start = time.perf_counter()
        seconds_of = predictor.seconds if predictor is not None else None
        summary, resumed = sweep(
            plan, save, save_as, resume, executor, scheduler, workers, quiet, seconds_of
        )
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
    if not quiet:
        for warning in doubts_of(predictor):
            print(f"warning: {warning}", file=sys.stderr)


def _designs(names: list[str] | None, units: list[str] | None) -> tuple[str, ...]:
    from shufflenet_flops.zoo.designs import find_design, find_unit

    chosen = [*map(find_design, names or []), *map(find_unit, units or [])]
    chosen = chosen or [find_unit(name) for name in ("resnet", "resnext", "shufflenet")]
    return tuple(dict.fromkeys(design.name for design in chosen))


def _measure(rows: tuple[SweepRow, ...], quiet: bool) -> tuple[Latency, ...]:
    """Wall-clock of each row's network in PyTorch, one thread, sampled in turns."""
    import torch

    from shufflenet_flops.build import build
    from shufflenet_flops.cli.timing import sample_eager
    from shufflenet_flops.design.sweep.grid import network_at
    from shufflenet_flops.latency.stats import summarise
    from shufflenet_flops.spec.numbers import whole

    modules = {}
    for i, row in enumerate(rows):
        network = network_at(str(row["design"]), row)
        module = build(network.spec).eval()
        inputs = (torch.randn(tuple(map(whole, network.input))),)
        modules[f"{i + 1} of {len(rows)}"] = module, inputs
    samples = sample_eager(modules, quiet)
    return tuple(summarise(times) for times in samples.values())
