"""`formula`: the closed form of a unit or network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shufflenet_flops.cli.completion import complete_convention
from shufflenet_flops.cli.count import By
from shufflenet_flops.cli.model_formula import Asked, model_formulas, model_ratios
from shufflenet_flops.cli.options import (
    DESIGN,
    MODEL,
    ArgOption,
    AtOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    UnitOption,
    number_option,
    plot_option,
    refuse_typed,
    source_options,
)
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.counting import Grouping
from shufflenet_flops.counting.measure import PAPER
from shufflenet_flops.counting.metric import FORMED, MACS, MetricName, find_metric
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.sources.resolve import may_be_a_design

if TYPE_CHECKING:
    from shufflenet_flops.zoo.designs import Design


_KEYS = [metric.key for metric in FORMED]


def _metric(key: str) -> str:
    if key not in _KEYS:
        raise typer.BadParameter(f"{key!r} is not one of {', '.join(map(repr, _KEYS))}.")
    return key


def _size(help: str) -> Any:
    return number_option(help, DESIGN)


def command(
    context: typer.Context,
    designs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NETWORK|MODEL",
            help="A family of networks, as family@option=value,…, or a unit, as shufflenet_unit; "
            "or any model, as net.py:Net.",
        ),
    ] = None,
    unit: UnitOption = None,
    metric: Annotated[
        str,
        typer.Option(
            help="What to count.",
            metavar=f"[{'|'.join(_KEYS)}]",
            parser=_metric,
            autocompletion=lambda: _KEYS,
        ),
    ] = MACS.key,
    c: Annotated[int | None, _size("Channels: a unit's input, a network's last stage.")] = None,
    m: Annotated[int | None, _size("Bottleneck channels.")] = None,
    n: Annotated[int | None, _size("Output channels.")] = None,
    k: Annotated[int | None, _size("Kernel size.")] = None,
    g: Annotated[int | None, _size("Groups (in ResNeXt, the cardinality).")] = None,
    h: Annotated[int | None, _size("Input height.")] = None,
    w: Annotated[int | None, _size("Input width.")] = None,
    stride: Annotated[int | None, _size("Stride of a unit, 1 or 2.")] = None,
    stem: Annotated[int | None, _size("Channels of conv1.")] = None,
    classes: Annotated[int | None, _size("Classes of a network.")] = None,
    wrt: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also show the derivative by this variable, and where another term becomes the "
            "largest.",
        ),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|UNIT",
            help="The sizes of a model that stay symbols, as h,w,n, s,n or width=16:256:16 for an "
            "argument of its factory; or a unit, to show the ratio to its formula.",
            show_default="the sizes of the inputs",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Also a model: show the ratio to its formula, over the same sizes.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    at: AtOption = None,
    training: Annotated[
        bool,
        typer.Option(
            "--training", help="The MACs of a training step: forward, and every gradient once."
        ),
    ] = False,
    convention: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of a model: the convention of what counts, as causal, in place of --metric.",
            autocompletion=complete_convention,
            rich_help_panel=MODEL,
        ),
    ] = PAPER,
    by: Annotated[
        By | None,
        typer.Option(
            help="A formula for each layer, unit, stage or kind.",
            show_default="stage; kind of a unit",
        ),
    ] = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    plot: Annotated[Path | None, plot_option("Draw the effect of the --wrt variable")] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Derive the closed form of a unit, of a network, or of any model over its sizes.

    A unit's is compared with the form that the paper prints. A model's is found from traces, and
    checked at sizes that it has not seen. With numbers, its value and the share of each term are
    shown too.
    """
    numbers = {
        name: value
        for name, value in {
            "c": c, "m": m, "n": n, "k": k, "g": g, "h": h, "w": w,
            "stride": stride, "stem": stem, "classes": classes,
        }.items()
        if value is not None
    }  # fmt: skip
    if training and metric != MACS.key:
        raise InputError(f"--metric {metric}: a training step has a formula of its macs alone")
    if convention != PAPER and (training or metric != MACS.key):
        other = "--training" if training else f"--metric {metric}"
        raise InputError(f"--convention {convention}: says what is counted: leave out {other}")
    if stride not in (None, 1, 2):
        raise InputError(f"--stride {stride}: must be 1 or 2")
    with open_outputs(form, output or []) as writer, open_figure(plot) as write_figure:
        if _is_of_model(designs or [], over) or against is not None:
            if unit:
                raise InputError("--unit: is a design, and no model: give one or the other")
            if against is not None:
                if not designs:
                    raise InputError(f"--against {against}: name the model that is set against it")
                refuse_typed(context, ("by", "plot"), "it is for formulas: leave out --against")
            if plot and (wrt is None or len(designs or []) != 1):
                raise InputError("--plot draws a model against the size of --wrt: give both")
            name = find_metric(metric).name
            asked = Asked(
                name, over, (by or By.STAGE).value, numbers, at, wrt, training, convention
            )
            options = source_options(input, arg, path, input_factory)
            if against is not None:
                writer.write(model_ratios(designs or [], against, asked, options))
                return
            document, figure = model_formulas(
                designs or [], asked, options, plot.suffix if plot else None
            )
            writer.write(document)
            write_figure(figure)
            return
        refuse_typed(context, _OF_MODELS, "it is for a model's formula: give --over h,w,n")
        from shufflenet_flops.zoo.designs import check_used, find_design, find_unit

        chosen = [*map(find_design, designs or []), *map(find_unit, unit or [])]
        chosen = chosen or [find_unit(name) for name in ("resnet", "resnext", "shufflenet")]
        check_used([*chosen, *([find_unit(over)] if over else [])], numbers)
        counted = find_metric(metric).name
        if plot and (wrt is None or len(chosen) != 1):
            raise InputError("--plot draws one unit or network against the variable of --wrt")
        if over and wrt:
            raise InputError("--over gives a ratio, --wrt a derivative: one at a time")
        if over and training:
            raise InputError("--over gives the ratio of forward passes: leave out --training")
        if over:
            writer.write(_ratio(chosen, find_unit(over), counted, numbers))
            return
        found = _formulas(chosen, counted, numbers, wrt, by, training=training)
        writer.write(found)
        if plot:
            write_figure(
                _figure(chosen[0], counted, numbers, str(wrt), plot.suffix, training=training)
            )


_OF_MODELS = ("at", "convention", "input", "input_factory", "arg", "path")


def _is_of_model(names: Sequence[str], over: str | None) -> bool:
    """Whether a formula over a model's sizes is asked for, and not a design's."""
    if not all(map(may_be_a_design, names)):
        return True
    if over is None:
        return False
    from shufflenet_flops.zoo.designs import find_unit

    try:
        find_unit(over)
    except UnknownNameError:
        return bool(names)
    return False


def _formulas(
    chosen: list[Design],
    metric: MetricName,
    numbers: dict[str, int],
    wrt: str | None,
    by: By | None,
    *,
    training: bool,
) -> Document:
    from shufflenet_flops.design.derivative import changes, derivative
    from shufflenet_flops.design.formula import derive, evaluate
    from shufflenet_flops.report.view.formula import DerivedForm, formula_grids, formula_result

    derivations = []
    for design in chosen:
        parts: Grouping = (by or (By.KIND if design.unit else By.STAGE)).value
        # The options of a name are numbers that somebody gives; a published network's are not.
        own = design.known({**(design.given if "@" in design.name else {}), **numbers})
        value = evaluate(design, metric, own, parts, training=training) if own else None
        formula = derive(design, metric, own, parts, training=training)
        derived = DerivedForm(formula, value)
        if wrt:
            filled = dict(value.numbers) if value else {}
            derived = DerivedForm(
                formula,
                value,
                wrt,
                derivative(formula, wrt),
                tuple(changes(formula, wrt, filled)),
            )
        derivations.append(derived)
    results = list(map(formula_result, derivations))
    convention = "training" if training else None
    return Document("formula", convention, results, formula_grids(results))


def _ratio(
    chosen: list[Design], under: Design, metric: MetricName, numbers: dict[str, int]
) -> Document:
    from shufflenet_flops.design.formula import derive, ratio
    from shufflenet_flops.report.view.ratio import ratio_grid, ratio_result

    lower = derive(under, metric, numbers)
    ratios = (ratio(derive(design, metric, numbers), lower, numbers) for design in chosen)
    results = list(map(ratio_result, ratios))
    return Document("formula", None, results, [ratio_grid(results)])


def _figure(
    design: Design,
    metric: MetricName,
    numbers: dict[str, int],
    wrt: str,
    suffix: str,
    *,
    training: bool,
) -> bytes:
    from shufflenet_flops.design.formula import series
    from shufflenet_flops.report.plot.figure import image
    from shufflenet_flops.report.view.formula_series import draw_series

    values = series(design, metric, design.known(numbers), wrt, training=training)
    name = design.unit or design.name
    return image(draw_series(values, name, metric, wrt, training=training), suffix)
