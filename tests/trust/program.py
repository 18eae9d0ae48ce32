"""The command line as a process of its own, and models that print and raise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "shufflenet_flops")
MODELS = '''
import os, sys
import torch
from torch import nn

print("imported")


class Talking(nn.Conv2d):
    """Prints wherever it can."""

    def __init__(self):
        super().__init__(3, 4, 1)
        print("built")

    def forward(self, x):
        print("called")
        sys.__stdout__.write("below\\\\n")
        os.write(1, b"deeper\\\\n")
        os.system("echo in a shell")
        return super().forward(x)


class Raising(nn.Conv2d):
    def __init__(self, what="SystemExit"):
        super().__init__(3, 4, 1)
        self.what = what

    def forward(self, x):
        raise {"SystemExit": SystemExit(0), "GeneratorExit": GeneratorExit(),
               "BaseException": BaseException("odd")}[self.what]
'''.replace("\\\\", "\\")
BUDGET = """schema = 1
path = ["."]
[[budget]]
model = "models:Talking"
input = "1x3x8x8"
macs = "1 M"
"""


def program(*arguments: str, cwd: Path | None = None, **options: Any) -> Any:
    """The finished process, its output as bytes."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    env = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("env", {})}
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, env=env, check=False, **settings)


def started(*arguments: str, cwd: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """A process that is under way, in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )
