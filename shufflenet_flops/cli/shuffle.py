"""`shuffle`: what channel shuffle does, and what it costs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import (
    MEASUREMENT,
    FormatOption,
    OutputOption,
    QuietOption,
    number_option,
    plot_option,
    refuse_typed,
)
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.cli.timing import EngineOption, ThreadsOption, chosen_engines
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines.protocol import Engine
from shufflenet_flops.zoo.shufflenet_v1_widths import STAGE_WIDTHS

if TYPE_CHECKING:
    from shufflenet_flops.latency.shuffle import OpCost, UnitShare

_MOST = 4096  # channels; beyond, the drawing is of no use


def command(
    context: typer.Context,
    g: Annotated[int, number_option("Groups.")] = 3,
    n: Annotated[int, number_option("Channels of each group.")] = 6,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="The seed of the random permutation, any whole number."),
    ] = 0,
    cost: Annotated[
        bool,
        typer.Option(
            "--cost",
            help="Also time the shuffle, at the unit sizes of ShuffleNet 1x with g groups.",
            rich_help_panel=MEASUREMENT,
        ),
    ] = False,
    engine: EngineOption = None,
    threads: ThreadsOption = 1,
    runs: Annotated[
        int | None,
        number_option(
            "Rounds of measurement.", MEASUREMENT, show_default="about half a second for each row"
        ),
    ] = None,
    plot: Annotated[Path | None, plot_option("Draw the connections")] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show what channel shuffle does, and what it costs.

    It shows the permutation for g groups of n channels, and which groups see which, worked out
    exactly, without a shuffle, with it, and with a random permutation in its place.
    """
    from shufflenet_flops.environment import environment
    from shufflenet_flops.latency.shuffle import chance_unseen, connectivity, variants
    from shufflenet_flops.report.view.shuffle import ShuffleResult, shuffle_grids

    if not cost:
        refuse_typed(context, ("engine", "threads", "runs"), "nothing is timed without --cost")
    if g * n > _MOST:
        raise InputError(f"--g {g} --n {n}: {g * n} channels, and at most {_MOST} can be drawn")
    if cost and g not in STAGE_WIDTHS:
        known = ", ".join(map(str, STAGE_WIDTHS))
        raise InputError(f"--cost --g {g}: ShuffleNet has widths for g of {known}")
    with open_outputs(form, output or []) as writer, open_figure(plot) as draw:
        permutations = variants(g, n, seed)
        costs, shares = (
            _cost(g, chosen_engines(engine, quiet), threads, runs, quiet) if cost else (None, None)
        )
        result = ShuffleResult(
            g=g,
            n=n,
            seed=seed,
            permutation=permutations["with shuffle"],
            connectivity=tuple(
                connectivity(name, order, g) for name, order in permutations.items()
            ),
            chance_unseen=str(chance_unseen(g, n)),
            costs=costs,
            unit_shares=shares,
        )
        here = environment()
        grids = shuffle_grids(result, asdict(here))
        writer.write(Document("shuffle", None, [result], grids, environment=here))
        if plot:
            from shufflenet_flops.report.plot.figure import image
            from shufflenet_flops.report.plot.latency import draw_connections

            draw(image(draw_connections(permutations, g), plot.suffix))


def _cost(
    g: int, engines: list[Engine], threads: int, runs: int | None, quiet: bool
) -> tuple[tuple[OpCost, ...], tuple[UnitShare, ...]]:
    from shufflenet_flops.latency.engines.protocol import Setup
    from shufflenet_flops.latency.measure import TimingPlan
    from shufflenet_flops.latency.roofline import measure_peaks
    from shufflenet_flops.latency.shuffle_cost import op_costs, unit_shares

    setup = Setup(threads)
    with progress_bar(quiet) as progress:
        costs = tuple(op_costs(g, setup, runs, progress))
        plan = TimingPlan(setup, measure_peaks(setup), runs, 0.5)
        return costs, tuple(unit_shares(g, engines, plan, progress))
