"""`latency`: wall-clock on real engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.completion import complete_model
from shufflenet_flops.cli.options import (
    MODEL,
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
    plot_option,
    refuse_typed,
    source_options,
)
from shufflenet_flops.cli.output import Format
from shufflenet_flops.cli.timing import (
    Device,
    DeviceOption,
    Dtype,
    DtypeOption,
    EngineOption,
    MinTimeOption,
    RooflineOption,
    RunsOption,
    ThreadsOption,
    chosen_effort,
    time_and_write,
)
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.sources import Options, Source, resolve_all


def command(
    context: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
    ] = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    batch: Annotated[
        int | None, number_option("The size of every input's first axis.", MODEL)
    ] = None,
    engine: EngineOption = None,
    threads: ThreadsOption = 1,
    dtype: DtypeOption = Dtype.FLOAT32,
    device: DeviceOption = Device.CPU,
    runs: RunsOption = None,
    min_time: MinTimeOption = 1.0,
    roofline: RooflineOption = False,
    plot: Annotated[Path | None, plot_option("Draw MACs against time, or the roofline")] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> int:
    """Time models on the engines that people deploy with.

    All models and engines of one input are sampled in the same rounds, in random order, so that
    the machine's noise cancels in their ratios. Every engine's output is compared with PyTorch
    eager's: a wrong result is a failure, not a time. Exits with 1 if a result was wrong or
    nothing could be measured. Ctrl-C writes what was measured, marked partial.
    `latency-diff` sets two saved runs side by side.
    """

    def find() -> list[Source]:
        if not models:
            raise InputError("name at least one MODEL, as in: latency resnet50")
        options = source_options(input, arg, path, input_factory)
        return _with_batch(resolve_all(models, options), options, batch)

    if input_factory:
        refuse_typed(context, ("batch",), "the function of --input-factory makes whole inputs")
    setup = Setup(threads, dtype.value, device.value)
    effort = chosen_effort(context, runs, min_time, roofline=roofline)
    return time_and_write(find, engine, setup, effort, form, output or [], plot, quiet)


def _with_batch(sources: list[Source], options: Options, batch: int | None) -> list[Source]:
    if batch is None:
        return sources
    batched = []
    for source in sources:
        inputs = tuple(
            replace(input_, shape=(batch, *input_.shape[1:])) for input_ in source.inputs
        )
        batched += resolve_all([source.name], replace(options, inputs=inputs))
    return batched
