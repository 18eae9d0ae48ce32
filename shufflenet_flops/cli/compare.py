"""`compare`: units or whole networks side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import (
    FormatOption,
    InputOption,
    OutputOption,
    QuietOption,
    check_input,
    parse_shape,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from shufflenet_flops import zoo
    from shufflenet_flops.comparison import Comparison, Subject
    from shufflenet_flops.latency.sampling import Progress


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Whole networks to compare instead of units."),
    ] = None,
    c: Annotated[int, typer.Option(help="Input channels of the unit.")] = 240,
    m: Annotated[
        int | None,
        typer.Option(help="Bottleneck channels.", show_default="a quarter of the output"),
    ] = None,
    g: Annotated[int, typer.Option(help="Groups (in ResNeXt, the cardinality).")] = 3,
    h: Annotated[int, typer.Option(help="Input height.")] = 28,
    w: Annotated[int, typer.Option(help="Input width.")] = 28,
    stride: Annotated[
        int, typer.Option(help="1 keeps the size; 2 halves it and doubles the channels.")
    ] = 1,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="resnet, resnext or shufflenet. Repeatable.", show_default="all three"),
    ] = None,
    input: InputOption = None,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Measure PyTorch's wall-clock.")
    ] = True,
    runs: Annotated[
        int | None,
        typer.Option(help="Rounds of measurement.", show_default="about a second for each row"),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads that PyTorch may use.")] = 1,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Set units, or whole networks, side by side.

    The paper's formula, analytic and traced MACs, what each counter reports and why, parameters,
    memory access and latency.
    """
    for name, value in (("runs", runs), ("threads", threads)):
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    with open_outputs(form, output or []) as writer:
        chosen = (
            _networks(models, input)
            if models
            else _units(unit, {"c": c, "m": m, "g": g, "h": h, "w": w, "stride": stride}, input)
        )
        from shufflenet_flops.comparison import compare, prepare
        from shufflenet_flops.report.compare import compare_grid, results

        subjects = [prepare(model) for model in chosen]
        comparisons = [compare(subject) for subject in subjects]
        if latency:
            comparisons = _with_latency(subjects, comparisons, runs, threads, quiet)
        writer.write(
            Document("compare", "paper", results(comparisons), [compare_grid(comparisons)])
        )


def _networks(names: Sequence[str], shape: str | None) -> list[zoo.Model]:
    from shufflenet_flops import zoo
    from shufflenet_flops.spec import walk

    if len(set(names)) < len(names):
        raise InputError(f"a model is named twice: {' '.join(names)}")
    models = []
    for name in names:
        model = zoo.find(name)
        if shape:
            model = replace(model, input=check_input(parse_shape(shape), model.input))
        walk(model.spec, model.input)
        models.append(model)
    return models


def _units(
    units: Sequence[str] | None, sizes: dict[str, int | None], shape: str | None
) -> list[zoo.Model]:
    from shufflenet_flops import zoo
    from shufflenet_flops.spec import walk
    from shufflenet_flops.zoo.units import UNIT_NAMES

    if shape:
        raise InputError("--input is for whole networks; a unit's input is --c, --h and --w")
    if sizes["stride"] not in (1, 2):
        raise InputError(f"--stride {sizes['stride']}: must be 1 or 2")
    for name in ("c", "m", "g", "h", "w"):
        value = sizes[name]
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    models = []
    for unit in dict.fromkeys(units or UNIT_NAMES):
        if unit not in UNIT_NAMES:
            raise UnknownNameError("unit", unit, UNIT_NAMES)
        family = f"{unit}_unit"
        known = zoo.family_options(family)
        options = {key: value for key, value in sizes.items() if key in known and value}
        text = ",".join(f"{key}={value}" for key, value in options.items())
        model = zoo.find(f"{family}@{text}")
        walk(model.spec, model.input)
        models.append(model)
    return models


def _with_latency(
    subjects: Sequence[Subject],
    comparisons: Sequence[Comparison],
    runs: int | None,
    threads: int,
    quiet: bool,
) -> list[Comparison]:
    from shufflenet_flops.latency.engines.eager import Eager
    from shufflenet_flops.latency.sampling import sample
    from shufflenet_flops.latency.stats import summarise
    from shufflenet_flops.latency.warnings import warnings_about

    engine = Eager()
    names = [one.name for one in comparisons]
    calls = {
        name: engine.prepare(subject.module, subject.inputs, threads)
        for name, subject in zip(names, subjects, strict=True)
    }
    with _progress(quiet) as progress:
        samples = sample(calls, rounds=runs, progress=progress)
    first = names[0]
    latencies = {
        name: summarise(times, None if name == first else (first, samples[first]))
        for name, times in samples.items()
    }
    if not quiet:
        for warning in warnings_about(latencies):
            print(f"warning: {warning}", file=sys.stderr)
    return [replace(one, latency_s=latencies[one.name]) for one in comparisons]


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A progress bar on stderr, when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=None)

        def show(name: str, done: int, total: int) -> None:
            bar.update(task, description=f"measuring {name}", completed=done, total=total)

        yield show
