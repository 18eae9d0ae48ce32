"""`fit`: the widest network under a budget."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shufflenet_flops.api.predict import doubts_of, predictor_of
from shufflenet_flops.cli.options import (
    DESIGN,
    MODEL,
    ArgOption,
    AtOption,
    CalibratedEngineOption,
    CalibrationOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    ScaleDepthOption,
    ScaleResolutionOption,
    ScaleWidthOption,
    check_designs,
    list_option,
    number_option,
    plot_option,
    refuse_typed,
    source_options,
    unit_option,
)
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.cli.scale_fit import largest_scales
from shufflenet_flops.cli.size_fit import largest_inputs
from shufflenet_flops.counting.amount import parse_amount
from shufflenet_flops.counting.metric import MACS, MEMORY, PARAMS, TIME, Metric
from shufflenet_flops.errors import InputError, SpecError

if TYPE_CHECKING:
    from shufflenet_flops.design.fit import Fit
    from shufflenet_flops.design.sweep.axes import Axis
    from shufflenet_flops.latency.predict.prediction import Predictor
    from shufflenet_flops.latency.stats import Latency
    from shufflenet_flops.zoo.designs import Design

_AN_AMOUNT = re.compile(r"[\d.]+[kMGT]?(?:MAC)?")
MOST_COMBINATIONS = 1000  # each takes some tens of milliseconds

_OF_TIME = ("engine", "calibration", "measure")
_OF_FAMILIES = (
    *("unit", "g", "multiple_of", "m", "n", "k", "h", "w", "stem", "classes", "plot", "time"),
    *("width", "depth", "resolution"),
    *_OF_TIME,
)
_OF_MODELS = ("aspect", "at", "input", "input_factory", "arg", "path")


def _budget(help: str) -> Any:
    return typer.Option(metavar="N", help=help, rich_help_panel="Budget")


def command(
    context: typer.Context,
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FAMILY|MODEL",
            help="A family of networks, as family@option=value,…, or a unit, as shufflenet_unit; "
            "with --over any model, as net.py:Net.",
        ),
    ] = None,
    unit: Annotated[list[str] | None, unit_option(show_default=False)] = None,
    macs: Annotated[str | None, _budget("At most so many multiply-accumulates, as 140M.")] = None,
    params: Annotated[str | None, _budget("At most so many parameters.")] = None,
    memory: Annotated[str | None, _budget("At most so many bytes of memory access.")] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="At most so long on --engine, as 5ms, predicted from its calibration.",
            rich_help_panel="Budget",
        ),
    ] = None,
    engine: CalibratedEngineOption = None,
    calibration: CalibrationOption = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Time the widest on --engine, beside what is predicted."),
    ] = False,
    g: Annotated[str | None, list_option("Groups, as 3, 1,2,4 or 1:8.")] = None,
    multiple_of: Annotated[
        int, number_option("Channels, or a resolution, must also be a multiple of this.", DESIGN)
    ] = 1,
    m: Annotated[str | None, list_option("Bottleneck channels.")] = None,
    n: Annotated[str | None, list_option("Output channels.")] = None,
    k: Annotated[str | None, list_option("Kernel sizes.")] = None,
    h: Annotated[str | None, list_option("Input heights.")] = None,
    w: Annotated[str | None, list_option("Input widths.")] = None,
    stem: Annotated[str | None, list_option("Channels of conv1.")] = None,
    classes: Annotated[str | None, list_option("Classes of a network.")] = None,
    width: ScaleWidthOption = None,
    depth: ScaleDepthOption = None,
    resolution: ScaleResolutionOption = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Find the largest input instead: h,w (a square), n (the batch), s (a length); or "
            "the largest scale of a family: width, depth, resolution, phi.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(
            metavar="W:H",
            help="Width over height, with --over h,w.",
            show_default="1:1",
            rich_help_panel=MODEL,
        ),
    ] = None,
    at: AtOption = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    plot: Annotated[Path | None, plot_option("Draw the widest channels against g")] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Find the widest network within a budget, or the largest input of a model.

    The next wider or larger one, which is over it, is shown too. EfficientNet is scaled as its
    paper says, by phi.
    """
    given = {"g": g, "m": m, "n": n, "k": k, "h": h, "w": w, "stem": stem, "classes": classes}
    scales = {"width": width, "depth": depth, "resolution": resolution}
    budgets: dict[str, float] = {
        metric.name: _amount(metric, text)
        for metric, text in ((MACS, macs), (PARAMS, params), (MEMORY, memory), (TIME, time))
        if text is not None
    }
    with open_outputs(form, output or []) as writer, open_figure(plot) as write_figure:
        from shufflenet_flops.design.scale_fit import scale_to_enlarge
        from shufflenet_flops.design.sweep.axes import read_axes

        values = {axis.name: axis for axis in read_axes(given | scales)}
        if not (designs or unit):
            raise InputError(
                "which family? name one or several, as in: fit shufflenet_v1 --macs 140M"
            )
        names = [*(designs or []), *(unit or [])]
        if not budgets:
            amount = next((name for name in names if _AN_AMOUNT.fullmatch(name)), "140M")
            raise InputError(
                f"what is the budget? give --macs {amount}, or --params, --memory or --time"
            )
        counts = {name: int(limit) for name, limit in budgets.items()}
        scale = scale_to_enlarge(names, over, list(values))
        if scale is not None:
            refuse_typed(
                context,
                (*_OF_MODELS, "plot", "time", *_OF_TIME),
                f"it is not for the largest {scale}",
            )
            writer.write(largest_scales(names, scale, values, counts, multiple_of))
            return
        if over is not None:
            refuse_typed(context, _OF_FAMILIES, "--over looks for an input, not for a width")
            options = source_options(input, arg, path, input_factory)
            document = largest_inputs(designs or [], over, at, aspect, counts, options)
            writer.write(document)
            return
        check_designs(names, "give --over h,w")
        refuse_typed(context, _OF_MODELS, "it is for the largest input: give --over h,w")
        if plot and ("g" not in values or len(budgets) != 1):
            raise InputError("--plot draws the widest channels against --g, under one budget")
        if time is None:
            refuse_typed(context, _OF_TIME, "it is for a predicted time: give --time 5ms")
        elif engine is None:
            raise InputError("--time: on which engine? give --engine onnxruntime")
        predictor = predictor_of(engine, calibration) if engine is not None else None
        document, figure = _fits(
            names, values, Budgets(budgets, multiple_of, predictor, measure), plot, given
        )
        writer.write(document)
        write_figure(figure)
    for warning in doubts_of(predictor):
        print(f"warning: {warning}", file=sys.stderr)


@dataclass(frozen=True)
class Budgets:
    """What a network may cost; what predicts its time, and whether it is measured as well."""

    limits: Mapping[str, float]
    multiple_of: int
    predictor: Predictor | None
    measure: bool


def _amount(metric: Metric, text: str) -> float:
    try:
        amount = parse_amount(metric.name, text)
        return float(amount) if metric.is_time else int(amount)
    except InputError as error:
        raise InputError(f"--{metric.key} {error}") from None


def _fits(
    names: list[str],
    values: Mapping[str, Axis],
    budgets: Budgets,
    plot: Path | None,
    offered: Collection[str],
) -> tuple[Document, bytes]:
    from shufflenet_flops.design.fit import fit
    from shufflenet_flops.report.view.fit import draw_widths, fit_grid, fit_result
    from shufflenet_flops.zoo.designs import check_used, find_design

    designs = [find_design(name) for name in dict.fromkeys(names)]
    check_used(designs, values, offered)
    predictor = budgets.predictor
    seconds_of = predictor.seconds if predictor is not None else None
    fits, failures = [], []
    for design, numbers in _combinations(designs, values):
        try:
            fits.append(fit(design, numbers, budgets.limits, budgets.multiple_of, seconds_of))
        except (InputError, SpecError) as error:
            failures.append(str(error))
    if not fits:
        raise InputError(failures[0])
    figure = b""
    if plot:
        from shufflenet_flops.report.plot.figure import image

        figure = image(draw_widths(fits), plot.suffix)
    name = predictor.name if predictor is not None else None
    results = [
        fit_result(one, name, _measured(one, predictor) if budgets.measure and predictor else None)
        for one in fits
    ]
    grids = [fit_grid(results, failures)]
    return Document("fit", "paper", results, grids, notes=failures), figure


def _combinations(
    designs: list[Design], values: Mapping[str, Axis]
) -> Iterator[tuple[Design, dict[str, int]]]:
    """Each design with each combination of the values of its own variables.

    Raises InputError for more than fit takes.
    """
    own = [design.known(values) for design in designs]
    number = sum(prod(len(axis) for axis in axes.values()) for axes in own)
    if number > MOST_COMBINATIONS:
        raise InputError(
            f"{number:,} combinations of {', '.join(f'--{name}' for name in values)} are too many: "
            f"fit takes up to {MOST_COMBINATIONS:,}; `sweep` counts millions"
        )
    for design, axes in zip(designs, own, strict=True):
        for chosen in product(*axes.values()):
            yield design, dict(zip(axes, chosen, strict=True))


def _measured(fit: Fit, predictor: Predictor) -> Latency:
    """Wall-clock of the widest network on the calibration's engine and threads."""
    import torch

    from shufflenet_flops.build import build
    from shufflenet_flops.latency.engines import find_engine
    from shufflenet_flops.latency.engines.protocol import Setup
    from shufflenet_flops.latency.sampling import sample
    from shufflenet_flops.latency.stats import summarise
    from shufflenet_flops.spec.numbers import whole

    values = fit.design.fill({**fit.numbers, "c": fit.best.channels})
    network = fit.design.build(**values)
    module = build(network.spec).eval()
    inputs = (torch.randn(tuple(map(whole, network.input))),)
    calibration = predictor.calibration
    call = find_engine(calibration.engine).prepare(module, inputs, Setup(calibration.threads))
    return summarise(sample({"widest": call})["widest"])
