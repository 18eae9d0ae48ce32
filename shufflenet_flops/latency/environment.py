"""The machine and the versions that a figure was measured on; no host, user or path."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "fvcore", "thop", "ultralytics-thop", "numpy")


@dataclass(frozen=True)
class Environment:
    """What a reader needs to judge a measured figure."""

    shufflenet_flops: str
    python: str
    system: str
    machine: str
    cpu: str
    cores: int
    load: float | None
    packages: dict[str, str]
    date: str


def environment() -> Environment:
    """The environment of this process; reads files and package metadata, imports nothing heavy."""
    return Environment(
        shufflenet_flops=metadata.version("shufflenet-flops"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu=_cpu_model(),
        cores=usable_cores(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        packages=_versions(),
        date=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
