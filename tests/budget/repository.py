"""A repository of git's in a folder, for tests: files written, committed, branched."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


def plain_environment() -> dict[str, str]:
    """The environment without what tells of a pull request or of another repository."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "GITHUB_", "CI"))
    } | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Repository:
    """A folder under git."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """A new one, on branch `main`."""
        folder.mkdir(parents=True, exist_ok=True)
        repository = cls(folder)
        repository.git("init", "--quiet", "--initial-branch=main")
        return repository

    def git(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            ["git", *IDENTITY, *arguments],
            cwd=self.folder,
            env={**plain_environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        """Files by name, in which `__` stands for the dot."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def commit(self, message: str = "a change", **environment: str) -> str:
        """Everything as it is now; the commit's hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, **environment)
        return self.git("rev-parse", "HEAD")

    def run(
        self, *arguments: str, directory: Path | None = None, **environment: str
    ) -> tuple[int, str, str]:
        """Our program in the folder: its exit code, stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "shufflenet_flops", *arguments],
            cwd=directory or self.folder,
            env={**plain_environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr
