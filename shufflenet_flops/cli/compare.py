"""`compare`: units or whole networks side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shufflenet_flops.cli.completion import complete_model, complete_unit
from shufflenet_flops.cli.options import (
    MEASUREMENT,
    MODEL_HELP,
    ArgOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    QuietOption,
    RulesOption,
    number_option,
    refuse_typed,
    source_options,
)
from shufflenet_flops.cli.output import Format, open_outputs
from shufflenet_flops.cli.timing import ThreadsOption, sample_eager
from shufflenet_flops.errors import InputError, UnknownNameError, inert, one_line
from shufflenet_flops.sources import Source, from_model, resolve_all

if TYPE_CHECKING:
    from shufflenet_flops.comparison import Comparison, Prepared


_UNITS = "Units"
_OF_UNITS = ("c", "m", "g", "h", "w", "stride", "unit")
_OF_MODELS = ("input", "input_factory", "arg", "path")
_OF_LATENCY = ("runs", "threads")


def _size(help: str, show_default: str | bool = True) -> Any:
    return number_option(help, _UNITS, show_default=show_default)


def command(
    context: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help=f"Whole networks to compare, instead of units. {MODEL_HELP}",
            autocompletion=complete_model,
        ),
    ] = None,
    c: Annotated[int, _size("Input channels of the unit.")] = 240,
    m: Annotated[
        int | None,
        _size("Bottleneck channels.", show_default="a quarter of the output"),
    ] = None,
    g: Annotated[int, _size("Groups (in ResNeXt, the cardinality).")] = 3,
    h: Annotated[int, _size("Input height.")] = 28,
    w: Annotated[int, _size("Input width.")] = 28,
    stride: Annotated[int, _size("1 keeps the size; 2 halves it and doubles the channels.")] = 1,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UNIT",
            help="A unit: resnet, resnext or shufflenet. Repeatable.",
            show_default="all three",
            autocompletion=complete_unit,
            rich_help_panel=_UNITS,
        ),
    ] = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    training: Annotated[
        bool, typer.Option("--training", help="Also the MACs of a training step.")
    ] = False,
    latency: Annotated[
        bool | None,
        typer.Option(
            "--latency/--no-latency",
            help="Measure the wall-clock of PyTorch eager.",
            show_default="for units, or where --runs is given",
            rich_help_panel=MEASUREMENT,
        ),
    ] = None,
    runs: Annotated[
        int | None,
        number_option(
            "Rounds of measurement.", MEASUREMENT, show_default="about a second for each row"
        ),
    ] = None,
    threads: ThreadsOption = 1,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Set units, or whole networks, side by side.

    Each has the paper's formula, analytic and traced MACs, what each counter reports and why,
    parameters, memory access and latency.
    """
    if latency is None:
        latency = not models or runs is not None
    if models:
        refuse_typed(
            context,
            _OF_UNITS,
            "it is for units, and networks are named here: write a network's options in its name, "
            "as shufflenet_v1@g=8,scale=2, and its input as --input",
        )
    else:
        refuse_typed(
            context, _OF_MODELS, "it is for whole networks; a unit's input is --c, --h and --w"
        )
    if unit == ["resnet"]:
        refuse_typed(context, ("g",), "a resnet unit has no groups: leave it out")
    if not latency:
        refuse_typed(context, _OF_LATENCY, "it is for --latency, and nothing is timed here")
    with open_outputs(form, output or []) as writer:
        options = source_options(input, arg, path, input_factory)
        chosen = (
            resolve_all(models, options)
            if models
            else _units(unit, {"c": c, "g": g, "h": h, "w": w, "stride": stride}, m)
        )
        from shufflenet_flops.api.compare import Compared
        from shufflenet_flops.comparison import compare, prepare

        subjects = [prepare(source) for source in chosen]
        comparisons = [compare(subject, training=training) for subject in subjects]
        if not models:
            comparisons = [replace(comparison, model=None) for comparison in comparisons]
        if not any(subject.module for subject in subjects):
            refuse_typed(context, _OF_LATENCY, "none of these can be run, and so none is timed")
        if latency:
            comparisons = _with_latency(subjects, comparisons, runs, threads, quiet)
        writer.write(Compared(tuple(comparisons)).document())
    if latency and not quiet:
        _warn(comparisons)


def _units(units: Sequence[str] | None, sizes: dict[str, int], m: int | None) -> list[Source]:
    from shufflenet_flops import zoo
    from shufflenet_flops.zoo.units import UNIT_NAMES, bottleneck

    if sizes["stride"] not in (1, 2):
        raise InputError(f"--stride {sizes['stride']}: must be 1 or 2")
    chosen = list(dict.fromkeys(name.removesuffix("_unit") for name in units or UNIT_NAMES))
    for unit in chosen:
        if unit not in UNIT_NAMES:
            raise UnknownNameError("unit", unit, UNIT_NAMES)
    # One bottleneck for all, as the paper compares them; it must suit the units with groups.
    groups = 1 if chosen == ["resnet"] else sizes["g"]
    shared = sizes | {"m": bottleneck(sizes["c"], m, groups, sizes["stride"])}
    sources: list[Source] = []
    for unit in chosen:
        family = f"{unit}_unit"
        known = zoo.find_family(family).options
        text = ",".join(f"{key}={value}" for key, value in shared.items() if key in known)
        sources.append(from_model(zoo.find(f"{family}@{text}")))
    return sources


def _warn(comparisons: Sequence[Comparison]) -> None:
    """What casts doubt on the times, after them, each sentence wrapped between words."""
    from rich.console import Console

    from shufflenet_flops.latency.warnings import warnings_about

    latencies = {
        comparison.name: comparison.latency_s for comparison in comparisons if comparison.latency_s
    }
    console = Console(stderr=True, soft_wrap=not sys.stderr.isatty())
    for warning in warnings_about(latencies):
        console.print(f"warning: {inert(one_line(warning))}", markup=False, highlight=False)


def _with_latency(
    subjects: Sequence[Prepared],
    comparisons: Sequence[Comparison],
    runs: int | None,
    threads: int,
    quiet: bool,
) -> list[Comparison]:
    from shufflenet_flops.latency.stats import summarise

    modules = {
        comparison.name: (subject.module, subject.inputs)
        for comparison, subject in zip(comparisons, subjects, strict=True)
        if subject.module is not None
    }
    if not modules:
        return list(comparisons)
    samples = sample_eager(modules, quiet, threads=threads, rounds=runs)
    first = next(iter(modules))
    latencies = {
        name: summarise(times, None if name == first else (first, samples[first]))
        for name, times in samples.items()
    }
    return [
        replace(comparison, latency_s=latencies.get(comparison.name)) for comparison in comparisons
    ]
