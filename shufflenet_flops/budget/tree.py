"""A commit's files in a folder of their own, which git keeps no record of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shufflenet_flops.budget.git import git
from shufflenet_flops.errors import InputError
from shufflenet_flops.files import locks

PREFIX = "shufflenet-flops-tree-"
_LOCK = "lock"


@dataclass(frozen=True)
class Tree:
    """`folder` has the files; as long as some process has `handle` open, nobody clears it away."""

    folder: Path
    handle: int


@contextmanager
def tree_of(top: Path, commit: str) -> Iterator[Tree]:
    """The files of a commit, as a checkout would have them, gone afterwards.

    The repository is only read: no worktree is registered, and its index is left alone. What a
    process that was killed has left behind is cleared away by the next. Raises InputError, also on
    a system without POSIX locks, which tell who still has a folder.
    """
    if not locks.ARE_KNOWN:
        raise InputError(
            "another commit's files cannot be counted on Windows: commit a flop-budget.lock to "
            "compare with, which `shufflenet-flops lock` writes, or use WSL"
        )
    clear_left_behind()
    home, handle = _reserve()
    try:
        folder = home / "tree"
        folder.mkdir()
        index = {"GIT_INDEX_FILE": str(home / "index"), "GIT_WORK_TREE": str(folder)}
        git(top, "read-tree", commit, environment=index)
        git(top, "checkout-index", "--all", "--quiet", environment=index)
        yield Tree(folder, handle)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(handle)


def clear_left_behind() -> None:
    """Remove the folders of our own that no process holds any more."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if home.is_symlink() or home.stat().st_uid != os.getuid():
                continue
            handle = _lock(home)
            if handle is not None:
                shutil.rmtree(home, ignore_errors=True)
                os.close(handle)


def _reserve() -> tuple[Path, int]:
    """A new folder, and the handle that keeps it."""
    while True:
        home = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(OSError):  # cleared away before it was locked
            handle = _lock(home)
            if handle is not None and home.exists():
                return home, handle


def _lock(home: Path) -> int | None:
    """A handle that no other process has, or None where one has it. Raises OSError."""
    handle = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        locks.lock(handle)
    except OSError:
        os.close(handle)
        return None
    return handle
