"""How long a check of twenty of the zoo's models takes, against importing torch."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from shufflenet_flops import zoo
from shufflenet_flops.latency.sampling import sample
from shufflenet_flops.latency.stats import summarise

ROUNDS = 15
MODELS = 20
GOAL = 0.35


def section() -> str:
    """A Markdown section: the check's time over the import's, with and without a lock."""
    names = [*zoo.names("resnet*"), *zoo.names("shufflenet_v1_x*")][:MODELS]
    assert len(names) == MODELS
    entries = [f'[[budget]]\nmodel = "{name}"\nmacs = "20 G"\n' for name in names]
    lines = [
        "## Budgets",
        "",
        f"{MODELS} networks of the zoo, as whole processes, against `python -c 'import torch'`;",
        f"medians of {ROUNDS} interleaved rounds, the ratio with a 95 % bootstrap interval. The",
        f"goal is {GOAL} for `check`.",
        "",
        "| command | ratio | 95 % | |",
        "| :--- | ---: | ---: | :--- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "flop-budget.toml").write_text("schema = 1\n" + "\n".join(entries))
        _run([*_OURS, "lock"], folder)
        calls = {
            "reference": lambda: _run([sys.executable, "-c", "import torch"], folder),
            "check --locked": lambda: _run([*_OURS, "check", "--locked"], folder),
        }
        lines.append(_line(calls, "check --locked", "with the lock read and compared"))
        Path(folder, "flop-budget.lock").unlink()
        calls = {
            "reference": calls["reference"],
            "check": lambda: _run([*_OURS, "check"], folder),
        }
        lines.append(_line(calls, "check", None))
    return "\n".join([*lines, ""])


def _line(calls: dict[str, Callable[[], object]], command: str, note: str | None) -> str:
    samples = sample(calls, rounds=ROUNDS)
    ratio = summarise(samples[command], ("reference", samples["reference"])).ratio
    assert ratio is not None
    verdict = note or ("met" if ratio.ratio <= GOAL else "missed")
    interval = f"{ratio.low:.2f} to {ratio.high:.2f}"
    return f"| `shufflenet-flops {command}` | {ratio.ratio:.2f} | {interval} | {verdict} |"


_OURS = [sys.executable, "-m", "shufflenet_flops"]


def _run(command: list[str], folder: str) -> object:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    print(section())
