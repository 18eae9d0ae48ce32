"""`paper time-table-8`: ShuffleNet V1, Table 8, on the engines of this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import (
    MODEL,
    FormatOption,
    OutputOption,
    QuietOption,
    plot_option,
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

if TYPE_CHECKING:
    from shufflenet_flops.latency.measure import Timing
    from shufflenet_flops.report.grid import Grid


def command(
    context: typer.Context,
    input: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHAPE",
            help="One of the table's sizes: 1x3x224x224, 1x3x480x640 or 1x3x720x1280. Repeatable.",
            show_default="all three",
            rich_help_panel=MODEL,
        ),
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
    """Time the networks of ShuffleNet V1's Table 8, and set the paper's ratios beside ours.

    The results are a run of `latency`: `report` and `latency-diff` read them as one.
    """

    def beside_the_paper(rows: list[Timing]) -> list[Grid]:
        from shufflenet_flops.paper.table8_times import against
        from shufflenet_flops.report.view.latency import table8_grids

        return table8_grids(against(rows), rows)

    setup = Setup(threads, dtype.value, device.value)
    effort = chosen_effort(context, runs, min_time, roofline=roofline)
    find = partial(_sources, input)
    return time_and_write(
        find, engine, setup, effort, form, output or [], plot, quiet, beside_the_paper
    )


def _sources(shapes: list[str] | None) -> list[Source]:
    from shufflenet_flops.paper.table8_times import INPUTS, ROWS

    inputs = source_options(shapes, None, None, None).inputs or INPUTS
    for shape in inputs:
        if shape not in INPUTS:
            raise InputError(f"--input {shape}: Table 8 has {', '.join(map(str, INPUTS))}")
    return [source for shape in inputs for source in resolve_all(list(ROWS), Options((shape,)))]
