"""Saved runs of `latency`: read again, and set side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shufflenet_flops.errors import DataError, InputError
from shufflenet_flops.files.saved_file import load
from shufflenet_flops.files.text_file import read_text
from shufflenet_flops.latency.measure import Timing
from shufflenet_flops.latency.stats import Ratio, unpaired_ratio

# What two runs must share for their times to be comparable.
_ALIKE = ("cpu", "cores", "machine", "system", "governor", "python", "packages")


@dataclass(frozen=True)
class Run:
    """A run's rows and the environment it was measured in."""

    rows: tuple[Timing, ...]
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class RunChange:
    """One row in two runs; `ratio` is the new median over the old one.

    `within` tells that each median lies between the other run's quartiles.
    """

    model: str
    engine: str
    input: tuple[int, ...]
    threads: int
    dtype: str
    device: str
    old_s: float
    new_s: float
    ratio: float
    low: float
    high: float
    clear: bool
    within: bool


def load_run(path: Path) -> Run:
    """The run that `latency -o FILE.json` saved. Raises InputError for any other file."""
    try:
        run = load(read_text(path), str(path), "latency")
        return Run(run.typed(Timing), run.environment)
    except DataError as error:
        raise InputError(
            f"{path}: is not what `latency -o FILE.json` writes ({error}); `shufflenet-flops diff` "
            "takes counts and locks"
        ) from None


def changes(old: Run, new: Run) -> list[RunChange]:
    """The rows that both runs measured, matched by model, engine, input and settings."""
    before = {_key(row): row for row in old.rows if row.median_s}
    changed = []
    for row in new.rows:
        earlier = before.get(_key(row))
        if earlier and row.median_s and earlier.median_s:
            ratio = _ratio(row, earlier)
            within = _holds(earlier, row.median_s) and _holds(row, earlier.median_s)
            changed.append(
                RunChange(
                    *_key(row),
                    old_s=earlier.median_s,
                    new_s=row.median_s,
                    ratio=ratio.ratio,
                    low=ratio.low,
                    high=ratio.high,
                    clear=ratio.clear,
                    within=within,
                )
            )
    return changed


def only_in(run: Run, other: Run) -> list[str]:
    """Labels of rows measured in `run` and not in `other`."""
    there = {_key(row) for row in other.rows if row.median_s}
    return [row.label for row in run.rows if row.median_s and _key(row) not in there]


def unlike(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two environments and makes times hard to compare, one text each."""
    differences = []
    for key in _ALIKE:
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            differences += [
                f"{name} {a.get(name, 'absent')} → {b.get(name, 'absent')}"
                for name in {**a, **b}
                if a.get(name) != b.get(name)
            ]
        elif a != b:
            differences.append(f"{key} {a} → {b}")
    return differences


def _key(row: Timing) -> tuple[str, str, tuple[int, ...], int, str, str]:
    return row.model, row.engine, row.input, row.threads, row.dtype, row.device


def _ratio(new: Timing, old: Timing) -> Ratio:
    samples: tuple[Sequence[float], ...] = (new.samples_s, old.samples_s)
    if min(map(len, samples)) < 2:
        raise InputError(f"{new.label}: a run has fewer than 2 rounds, which give no interval")
    return unpaired_ratio(new.samples_s, old.label, old.samples_s)


def _holds(row: Timing, seconds: float) -> bool:
    assert row.q1_s is not None
    assert row.q3_s is not None
    return row.q1_s <= seconds <= row.q3_s
