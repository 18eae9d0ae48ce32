"""What the commands that time models share: their options, the measurement, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.completion import complete_engine
from shufflenet_flops.cli.options import MEASUREMENT, number_option, refuse_typed, seconds
from shufflenet_flops.cli.output import Document, Format, open_figure, open_outputs
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines import ENGINE_NAMES, find_engine
from shufflenet_flops.latency.engines.protocol import Engine, Setup
from shufflenet_flops.sources import Source

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.latency.measure import Timing
    from shufflenet_flops.latency.sampling import Samples
    from shufflenet_flops.report.grid import Grid


class Dtype(StrEnum):
    """What engines compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Device(StrEnum):
    """Where engines run."""

    CPU = "cpu"
    CUDA = "cuda"


EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help=f"Time on this engine: {', '.join(ENGINE_NAMES)}. Repeatable.",
        show_default="all that are installed",
        autocompletion=complete_engine,
        rich_help_panel=MEASUREMENT,
    ),
]
ThreadsOption = Annotated[int, number_option("Threads of every engine.", MEASUREMENT)]
DtypeOption = Annotated[
    Dtype, typer.Option(help="The type to compute in.", rich_help_panel=MEASUREMENT)
]
DeviceOption = Annotated[Device, typer.Option(help="Where to run.", rich_help_panel=MEASUREMENT)]
RunsOption = Annotated[
    int | None,
    number_option(
        "Rounds of measurement.", MEASUREMENT, show_default="as many as --min-time takes"
    ),
]
MinTimeOption = Annotated[
    float,
    typer.Option(
        parser=seconds,
        metavar="SECONDS",
        help="How long to measure each row, in at least 15 rounds.",
        rich_help_panel=MEASUREMENT,
    ),
]
RooflineOption = Annotated[
    bool,
    typer.Option(
        "--roofline",
        help="Also time each layer in eager mode, beside the least time that this machine needs.",
        rich_help_panel=MEASUREMENT,
    ),
]


@dataclass(frozen=True)
class Effort:
    """How long to measure: `rounds`, or else as many as take `min_time_s` for each row."""

    rounds: int | None = None
    min_time_s: float = 1.0
    roofline: bool = False


@dataclass(frozen=True)
class Timed:
    """The rows that were measured, and whether Ctrl-C ended them early."""

    rows: list[Timing]
    interrupted: bool

    def document(self, first: Sequence[Grid] = ()) -> Document:
        """The rows in any format; in a table below `first` and the layers of a roofline."""
        from shufflenet_flops.environment import environment
        from shufflenet_flops.latency.warnings import warnings_about
        from shufflenet_flops.report.section import measured_on
        from shufflenet_flops.report.view import latency as view
        from shufflenet_flops.report.view.roofline import layer_grids

        doubts = warnings_about(view.latencies(self.rows))
        here = environment()
        grids = [
            *layer_grids(self.rows),
            *first,
            *view.latency_grids(self.rows, measured_on(asdict(here)), doubts),
        ]
        records = view.records(self.rows)
        return Document("latency", "paper", self.rows, grids, records, environment=here)

    def picture(self, suffix: str, *, roofline: bool) -> bytes:
        """MACs against time, or the layers under the roofline."""
        from shufflenet_flops.report.plot.figure import image
        from shufflenet_flops.report.plot.latency import draw_roofline, draw_times

        return image((draw_roofline if roofline else draw_times)(self.rows), suffix)

    def exit_code(self) -> int:
        """2 after Ctrl-C, 1 where a result was wrong or nothing could be measured, else 0."""
        if self.interrupted:
            print("interrupted: what was measured is written, marked partial", file=sys.stderr)
            return 2
        wrong = any(row.reason.startswith("wrong result") for row in self.rows)
        return int(wrong or all(row.status != "ok" for row in self.rows))


def chosen_effort(
    context: typer.Context, runs: int | None, min_time_s: float, *, roofline: bool
) -> Effort:
    """The effort asked for. Raises InputError for rounds and a time beside them."""
    if runs is not None:
        refuse_typed(context, ("min_time",), "--runs says how many rounds: give one of the two")
    return Effort(runs, min_time_s, roofline)


def chosen_engines(names: list[str] | None, quiet: bool) -> list[Engine]:
    """The engines asked for, which must be there, or else all that are."""
    engines = [find_engine(name) for name in dict.fromkeys(names or ENGINE_NAMES)]
    reasons = {engine.name: reason for engine in engines if (reason := engine.missing())}
    if names and reasons:
        raise InputError("; ".join(f"engine {name}: {why}" for name, why in reasons.items()))
    if not quiet:
        for name, why in reasons.items():
            print(f"left out: engine {name}: {why}", file=sys.stderr)
    return [engine for engine in engines if engine.name not in reasons]


def time_and_write(
    find: Callable[[], Sequence[Source]],
    engines: list[str] | None,
    setup: Setup,
    effort: Effort,
    form: Format,
    output: Sequence[Path],
    plot: Path | None,
    quiet: bool,
    first: Callable[[list[Timing]], Sequence[Grid]] = lambda rows: (),
) -> int:
    """Find models, time them, write the rows and the plot everywhere; the exit code.

    In a table, the grids of `first` stand above the rows.
    """
    with open_outputs(form, output) as writer, open_figure(plot) as draw:
        timed = _time(find(), chosen_engines(engines, quiet), setup, effort, quiet)
        writer.write(timed.document(first(timed.rows)))
        if plot:
            draw(timed.picture(plot.suffix, roofline=effort.roofline))
    return timed.exit_code()


def _time(
    sources: Sequence[Source],
    engines: Sequence[Engine],
    setup: Setup,
    effort: Effort,
    quiet: bool,
) -> Timed:
    """Time every model on every engine.

    Raises InputError for a model that cannot be run, a device that is not there or a roofline that
    is of another dtype or device than its layers, and KeyboardInterrupt for Ctrl-C before there is
    a row.
    """
    if effort.roofline and "eager" not in [engine.name for engine in engines]:
        raise InputError("--roofline times the layers of eager: add --engine eager")
    for source in sources:
        if not source.can_run:
            raise InputError(f"{source.name}: an {source.origin} cannot be run, only counted")
    if effort.roofline and (setup.dtype, setup.device) != (Dtype.FLOAT32, Device.CPU):
        raise InputError(
            f"--roofline times layers in float32 on the CPU, not in {setup.dtype} on "
            f"{setup.device}: leave it out, or leave out --dtype and --device"
        )
    if setup.device == Device.CUDA:
        _need_cuda()
    from shufflenet_flops.latency.measure import TimingPlan, measure
    from shufflenet_flops.latency.roofline import measure_peaks

    rows: list[Timing] = []
    try:
        with progress_bar(quiet) as progress:
            progress("measuring this machine's peaks", 0, 1)
            peaks = measure_peaks(setup)
            plan = TimingPlan(setup, peaks, effort.rounds, effort.min_time_s, effort.roofline)
            rows.extend(measure(sources, engines, plan, progress))
    except KeyboardInterrupt:
        if not rows:
            raise
        return Timed([replace(row, partial=True) for row in rows], interrupted=True)
    return Timed(rows, interrupted=False)


def _need_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here; leave it out to measure the CPU")


def sample_eager(
    modules: Mapping[str, tuple[nn.Module, tuple[Tensor, ...]]],
    quiet: bool,
    *,
    threads: int = 1,
    rounds: int | None = None,
) -> Samples:
    """Seconds per call of each module on its inputs in PyTorch eager, all in the same rounds."""
    from shufflenet_flops.latency.sampling import sample

    engine, setup = find_engine("eager"), Setup(threads)
    calls: dict[str, Callable[[], object]] = {
        name: engine.prepare(module, inputs, setup) for name, (module, inputs) in modules.items()
    }
    with progress_bar(quiet, "measuring") as progress:
        return sample(calls, rounds=rounds, progress=progress)
