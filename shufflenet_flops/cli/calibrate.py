"""`calibrate`: measure an engine on this machine, so that `predict` need not run anything."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import (
    MEASUREMENT,
    OUTPUT,
    FormatOption,
    QuietOption,
    number_option,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.cli.predict import CalibratedEngine
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.cli.timing import ThreadsOption
from shufflenet_flops.errors import InputError
from shufflenet_flops.files.whole_file import open_file

if TYPE_CHECKING:
    from shufflenet_flops.environment import Environment
    from shufflenet_flops.latency.predict.calibration import Calibration

_UNITS = {"s": 1, "min": 60, "h": 3600}
_SAVE_EVERY_S = 20
_UNLIMITED = 10**6
SUFFIXES = (".json", ".json.gz", ".json.xz")


def duration(text: str | float) -> float:
    """`10min`, `90s` or `1h` in seconds. Raises BadParameter for anything else, and for 0."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?(s|min|h)?", str(text).strip())
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not seconds:
        raise typer.BadParameter(f"{str(text)[:60]} is no duration: write it as 10min, 90s or 1h")
    return seconds


def command(
    engine: CalibratedEngine,
    threads: ThreadsOption = 1,
    budget: Annotated[
        float,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="How long to measure: 90s, 10min, 1h.",
            rich_help_panel=MEASUREMENT,
            show_default="10min",
        ),
    ] = 600.0,
    networks: Annotated[
        int | None,
        number_option(
            "How many random networks to measure at most.",
            MEASUREMENT,
            show_default="as many as --budget allows",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write, .json, .json.gz or .json.xz; one that holds a calibration of "
            "this engine on this machine goes on from where it stopped.",
            show_default="calibration-ENGINE.json",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> int:
    """Measure random networks on an engine, for `predict` to tell the time of any other.

    The networks are made of common blocks, none of them published. Every network is saved as it is
    measured, so Ctrl-C loses little: the same command goes on with what is there.
    """
    from shufflenet_flops.environment import environment
    from shufflenet_flops.latency.engines.protocol import Setup
    from shufflenet_flops.latency.predict.measuring import begun, finished
    from shufflenet_flops.report.view.predict import calibration_grid

    path = output or Path(f"calibration-{engine}.json")
    here = environment()
    calibration = _resumed(path, begun(engine, Setup(threads), here))
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"-o {path}: the name must end in {' or '.join(SUFFIXES)}")
    with open_file(path):
        pass  # what cannot be written is told of before anything is measured
    calibration, interrupted = _measure(calibration, path, here, budget, networks, quiet)
    if not calibration.samples:
        raise InputError(f"--budget {budget:g} s is over before one network was measured")
    if not interrupted:
        calibration = finished(calibration)
    _save(path, calibration, here)
    with open_outputs(form, []) as writer:
        summary = replace(calibration, samples=())
        writer.write(
            Document(
                "calibrate",
                None,
                [summary],
                [calibration_grid(calibration, path.name)],
                environment=here,
            )
        )
    if interrupted:
        print("interrupted: the same command goes on with what was measured", file=sys.stderr)
    return 2 if interrupted else 0


def _resumed(path: Path, fresh: Calibration) -> Calibration:
    """What the file holds already, where it is of the same engine, machine and setting."""
    from shufflenet_flops.latency.predict.calibration import load_calibration

    if not path.exists():
        return fresh
    try:
        old = load_calibration(path, fresh.engine)
    except InputError as error:
        raise InputError(f"{error}: name a new file with -o") from None
    for name in ("engine_version", "machine", "cores", "threads", "dtype"):
        a, b = getattr(old, name), getattr(fresh, name)
        if a != b:
            raise InputError(
                f"{path}: is a calibration with {name} {a}, and here it is {b}: name a new file "
                "with -o"
            )
    return old


def _measure(
    calibration: Calibration,
    path: Path,
    here: Environment,
    budget_s: float,
    networks: int | None,
    quiet: bool,
) -> tuple[Calibration, bool]:
    """Measure, and save now and then; whether Ctrl-C ended it."""
    import time

    from shufflenet_flops.latency.predict.measuring import measured

    start = saved = time.monotonic()
    try:
        with progress_bar(quiet, "measuring") as progress:
            for step, number in measured(calibration, budget_s, networks or _UNLIMITED):
                now = time.monotonic()
                if networks:
                    progress("random networks", len(step.samples), networks)
                else:
                    progress(f"random network {number}", int(now - start), int(budget_s))
                grown, calibration = step is not calibration, step
                if grown and now - saved > _SAVE_EVERY_S:
                    _save(path, calibration, here)
                    saved = now
    except KeyboardInterrupt:
        return calibration, True
    return calibration, False


def _save(path: Path, calibration: Calibration, here: Environment) -> None:
    from shufflenet_flops.latency.predict.calibration import as_bytes
    from shufflenet_flops.report.format.json import as_json

    text = as_json("calibrate", None, [calibration], measured_in=here)
    with open_file(path) as write:
        write(as_bytes(text, path))
