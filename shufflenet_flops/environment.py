"""The machine and the versions that a figure was measured on; no host, user or path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("torch", "fvcore", "thop", "ultralytics-thop", "numpy"),
    *("onnx", "onnxruntime", "openvino", "ncnn", "pnnx", "executorch"),
)
_CPU_INFO = Path("/proc/cpuinfo")
# What /proc/cpuinfo calls it, and what we do.
_CPU_NUMBERS = {
    **{"cpu family": "family", "model": "model"},
    **{"CPU implementer": "implementer", "CPU part": "part"},
}
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Environment:
    """What a reader needs to judge a measured figure.

    `governor` is the processor's frequency governor, `revision` the git revision of this package's
    sources with a + for changes since; both None where there is none to read. `command` is without
    the directories of any path in it.
    """

    shufflenet_flops: str
    python: str
    system: str
    machine: str
    cpu: str
    cores: int
    load: float | None
    governor: str | None
    packages: dict[str, str]
    revision: str | None
    command: str
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
        governor=governor(),
        packages=_versions(),
        revision=_revision(),
        command=command_line(),
        date=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )


def command_line() -> str:
    """What this process was called with, without the directories of paths."""
    return " ".join(["shufflenet-flops", *map(_without_directory, sys.argv[1:])])


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def governor() -> str | None:
    """The frequency governor of the first core, where the system shows it."""
    try:
        return _GOVERNOR.read_text().strip()
    except OSError:
        return None


def _revision() -> str | None:
    """The revision of the checkout that this file is in; None for an installed package."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _without_directory(argument: str) -> str:
    head, equals, tail = argument.rpartition("=")
    return f"{head}{equals}{Path(tail).name}" if os.sep in tail else argument


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpu_model() -> str:
    try:
        text = _CPU_INFO.read_text()
    except OSError:
        text = ""
    return cpu_name(text) or platform.processor() or platform.machine()


def cpu_name(cpuinfo: str) -> str:
    """The first processor's name in the text of Linux's /proc/cpuinfo, empty where it has none.

    With it stand family and model (of Arm implementer and part): virtual machines hide the rest of
    a name, and `AMD EPYC` alone may be of processors of which one is twice as fast as the other.
    """
    pairs = (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    name = facts.get("model name") or ("Arm" if "CPU part" in facts else "")
    known = [f"{said} {facts[key]}" for key, said in _CPU_NUMBERS.items() if facts.get(key)]
    return f"{name} ({', '.join(known)})" if name and known else name
