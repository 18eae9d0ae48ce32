"""Where a calibration is: the file named, the one in this directory, or the one of the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.calibration import Calibration

SHIPPED = Path(__file__).parent / "calibrations"


def find_calibration(engine: str, path: Path | None = None) -> tuple[Calibration, str]:
    """The calibration of an engine, and where it is from, in words.

    Raises InputError for a file that is none, or another engine's, and where there is none at all.
    """
    from shufflenet_flops.latency.predict.calibration import load_calibration
    from shufflenet_flops.latency.predict.profilers import find_profiler

    find_profiler(engine)
    if path is not None:
        return load_calibration(path, engine), path.name
    here = _here(engine)
    if here.exists():
        return load_calibration(here, engine), here.name
    shipped = _shipped(engine)
    if shipped.exists():
        return load_calibration(shipped, engine), "the one that comes with the package"
    raise InputError(
        f"there is no calibration of {engine}: run `calibrate --engine {engine}`, or name one "
        "with --calibration"
    )


def calibrated_engines() -> list[str]:
    """The engines that there is a calibration of, here or in the package."""
    from shufflenet_flops.latency.predict.profilers import profiler_names

    return [
        engine for engine in profiler_names() if _here(engine).exists() or _shipped(engine).exists()
    ]


def _here(engine: str) -> Path:
    return Path(f"calibration-{engine}.json")


def _shipped(engine: str) -> Path:
    return SHIPPED / f"{engine}.json.xz"
