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
# The first line of a block that goes into a file: a new one, or what is already there.
PLACE = re.compile(r"# (?P<end>at the end of )?(?P<path>shufflenet_flops/\S+\.py)\n")


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

    def write_all(self) -> list[str]:
        """Every block that says in its first line where it goes; the files that are touched."""
        touched: list[str] = []
        for code in self.blocks("python"):
            place = PLACE.match(code)
            if place is None:
                continue
            target = self.folder / place["path"]
            assert target.exists() is bool(place["end"]), target
            with target.open("a") as stream:
                stream.write("\n\n" * bool(place["end"]) + code)
            touched.append(place["path"])
        return touched

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
