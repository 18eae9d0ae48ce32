"""Five thousand inputs that nobody should give: a result or one line, soon, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.readers import READERS
from tests.fuzz.worker import fault

SEED = 1
# How many of each: those that draw figures, or run torch, take a second each.
COUNTS = dict.fromkeys(READERS, 450) | {"report": 200, "latency_diff": 200, "pt2": 200}
COUNTS |= {"pt2_graph": 200, "calibration": 200}
QUICK = ("where", "axes", "amounts", "budget", "lock", "arguments")


def test_the_number_of_inputs() -> None:
    assert set(QUICK) < set(READERS) == set(COUNTS)
    assert sum(COUNTS.values()) >= 5000


@pytest.mark.parametrize("name", QUICK)
def test_a_few(tmp_path: Path, name: str) -> None:
    """Of the readers that need no torch; another seed than the many have."""
    for number in range(10):
        arguments = READERS[name](Random(f"few {name} {number}"), tmp_path)

        assert not fault(arguments)[0], arguments


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many(tmp_path: Path, name: str) -> None:
    """In a process of its own, whose time for each and whose memory are limited."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.worker", name, str(SEED)),
            *(str(COUNTS[name]), str(tmp_path)),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    *faults, end = map(json.loads, done.stdout.splitlines())

    assert not faults
    assert done.returncode == 0, done.stderr
    assert end["refused"] > COUNTS[name] // 4
