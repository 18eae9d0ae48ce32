"""Shell completion, asked as a shell asks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def complete(words: str) -> list[str]:
    """What bash would offer for the last of `words`."""
    environment = os.environ | {
        "_SHUFFLENET_FLOPS_COMPLETE": "complete_bash",
        "COMP_WORDS": f"shufflenet-flops {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("count resnet5", ["resnet50"]),
        ("compare resnet50 resnext50", ["resnext50_32x4d"]),
        (
            "count mobilenet_v2",
            ["mobilenet_v2", *(f"mobilenet_v2_x{at}" for at in ("0_5", "0_35", "0_75", "1_4"))],
        ),
        ("count resnext_unit@c=3,st", ["resnext_unit@c=3,stride="]),
        ("count resnet50 --convention paper", ["paper", "paper-conv"]),
        ("compare --unit re", ["resnet", "resnext"]),
        ("paper resnext_ta", [f"resnext_table_{number}" for number in (1, 2, 3, 4, 7)]),
        ("paper fit", ["fit-table-4"]),
        ("paper time-table-8 --engine onnx", ["onnxruntime"]),
        ("pap", ["paper"]),
        ("latency --engine onnx", ["onnxruntime"]),
        ("explain resnet50 --counter fv", ["fvcore"]),
        ("report com", ["compare"]),
        ("count nothing", []),
    ],
)
def test_names_are_offered(words: str, offered: list[str]) -> None:
    """Those that start as the last word does."""
    assert complete(words) == offered


def test_every_command_is_offered() -> None:
    """With an empty word, the commands themselves."""
    assert {"compare", "count", "paper", "report"} <= set(complete(""))
