"""The analytic side starts without torch and its like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "pandas", "matplotlib", "sympy", "scipy", "numpy", "fvcore", "thop")

CODE = """
import sys
{statement}
print(",".join(name for name in {heavy!r} if name in sys.modules))
"""


def heavy_modules_after(statement: str, heavy: tuple[str, ...] = HEAVY) -> str:
    """Heavy modules that are loaded in a fresh interpreter after `statement`."""
    code = CODE.format(statement=statement, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.splitlines()[-1]


def run_command(*arguments: str) -> str:
    return f"from shufflenet_flops.cli.app import run\nassert run({list(arguments)!r}) == 0"


@pytest.mark.parametrize(
    "statement",
    [
        "import shufflenet_flops",
        "import shufflenet_flops.spec, shufflenet_flops.zoo, shufflenet_flops.counting",
        "import shufflenet_flops.cli.app, shufflenet_flops.report.format.text",
        "import shufflenet_flops.report.format.markdown, shufflenet_flops.report.format.json",
        run_command("models"),
        run_command("count", "shufflenet_v1_x1_0_g3"),
        run_command("count", "resnet50", "--format", "json"),
        run_command("count", "resnet50", "--format", "markdown"),
        run_command("env"),
        run_command("check", "--locked"),
        run_command("check", "--format", "json"),
        run_command("diff", "flop-budget.lock", "flop-budget.lock"),
        "import shufflenet_flops as sf\nassert sf.check(locked=True).ok",
        run_command("shuffle", "--g", "3", "--n", "4"),
        run_command("shuffle", "--g", "8", "--n", "3", "--format", "json"),
        run_command("paper", "shufflenet_v1_table_1", "--alternatives"),
        run_command("paper", "mobilenet_v1_table_7", "--format", "json"),
        "import shufflenet_flops.paper.errata, shufflenet_flops.report.view.paper",
        run_command("fit", "shufflenet_v1", "--macs", "140M", "--g", "1,2,3,4,8"),
        run_command("paper", "fit-table-4"),
    ],
)
def test_analytic_commands_load_nothing_heavy(statement: str) -> None:
    """In a subprocess, so that nothing else has loaded it."""
    assert heavy_modules_after(statement) == ""


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (("formula", "shufflenet_v1", "--c", "960"), "sympy"),
        (("sweep", "--c", "64:256:16", "--g", "1,2,4", "--quiet"), "numpy"),
    ],
)
def test_design_commands_load_only_what_they_compute_with(
    command: tuple[str, ...], heavy: str
) -> None:
    assert heavy_modules_after(run_command(*command)) == heavy


def test_counters_are_loaded_for_their_conventions_alone() -> None:
    """A count under another convention starts without them, and reads no saved results."""
    ours = ("shufflenet_flops.counters", "shufflenet_flops.files.saved_file")
    assert heavy_modules_after(run_command("count", "resnet50"), ours) == ""
    by_fvcore = run_command("count", "resnet50", "--convention", "fvcore")
    assert heavy_modules_after(by_fvcore, ours) == "shufflenet_flops.counters"


def test_the_test_above_can_fail() -> None:
    """The measured side does load torch, and is seen to."""
    assert "torch" in heavy_modules_after("import shufflenet_flops.trace")
