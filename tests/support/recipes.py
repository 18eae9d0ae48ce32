"""The code blocks of a page of docs/, put into a copy of the package as the page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recipe:
    """A page, and the folder in which a copy of the package takes what it tells to write."""

    page: str
    folder: Path

    def blocks(self, language: str) -> list[str]:
        """The page's blocks of code in one language, in order."""
        text = (ROOT / "docs" / self.page).read_text()
        fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        return [code for named, code in fences if named == language]

    def write(self, path: str, code: str) -> None:
        """Add a file to the copy; that it is new is a part of the recipe."""
        target = self.folder / "shufflenet_flops" / path
        assert not target.exists()
        target.write_text(code)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the copy."""
        name, *arguments = shlex.split(command)
        module = ["-m", "shufflenet_flops"] if name == "shufflenet-flops" else []
        return subprocess.run(
            [sys.executable, *module, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


def recipe(page: str, folder: Path) -> Recipe:
    """A fresh copy of the package for a page."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "shufflenet_flops", folder / "shufflenet_flops", ignore=ignored)
    return Recipe(page, folder)
