"""What git knows: git itself is run, and never a shell, hook or pager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shufflenet_flops.errors import InputError, one_line

BASE = "base"  # the word for whatever the pull request is to be merged into
_SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
# Where CI says what a pull request is to be merged into, and what git calls that.
_TARGETS: Mapping[str, str] = {
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": "{}",  # GitLab
    "GITHUB_BASE_REF": "origin/{}",  # GitHub, Forgejo and Gitea
    "BITBUCKET_PR_DESTINATION_BRANCH": "origin/{}",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "origin/{}",
    "SYSTEM_PULLREQUEST_TARGETBRANCHNAME": "origin/{}",  # Azure
}


@dataclass(frozen=True)
class Base:
    """A commit to compare with: its full hash, and in words which one it is."""

    commit: str
    words: str

    @property
    def short(self) -> str:
        """The first signs of the hash."""
        return self.commit[:9]


def git(
    directory: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
) -> bytes:
    """What git prints when it is run in a directory; `given` is its stdin.

    Raises InputError with git's reason.
    """
    try:
        done = subprocess.run(
            ["git", *_SETTINGS, *arguments],
            cwd=directory,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            input=b"" if given is None else given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(one_line(reason[-1]) if reason else f"git failed on {arguments[0]}")
    return done.stdout


def top_of(directory: Path) -> Path:
    """The repository's own folder. Raises InputError outside of one."""
    try:
        return Path(os.fsdecode(git(directory, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    except InputError as error:
        raise InputError(f"there is no repository to compare in: {error}") from None


def find_base(directory: Path, ref: str) -> Base:
    """Where HEAD left `ref`, a branch, a tag or a commit; `base` is what CI's pull request names.

    Raises InputError for what is no commit, or is none in a shallow clone, with what mends it.
    """
    top_of(directory)
    name = _target(directory) if ref == BASE else ref
    if (commit := _commit(directory, name)) is None:
        raise InputError(f"{name!r}: git knows no such commit here: {_mend(directory, name)}")
    try:
        common = git(directory, "merge-base", commit, "HEAD").decode().split()[0]
    except InputError:
        raise InputError(
            f"{name!r}: it and HEAD have no commit in common here: {_mend(directory, name)}"
        ) from None
    words = one_line(name) if common == commit else f"where HEAD left {one_line(name)}"
    return Base(common, words)


def _target(directory: Path) -> str:
    for variable, form in _TARGETS.items():
        if value := os.environ.get(variable):
            name = form.format(value)
            # GitHub checks out a merge of the pull request: its first parent is the base.
            if _commit(directory, name) is None and _commit(directory, "HEAD^2"):
                return "HEAD^1"
            return name
    raise InputError(
        f"--against {BASE}: nothing here says what a pull request would be merged into: "
        "name it, as in --against origin/main"
    )


def _commit(directory: Path, name: str) -> str | None:
    """The full hash that a name stands for; whatever the name begins with, it is a name."""
    if "\0" in name:
        return None
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    try:
        return git(directory, *verify, f"{name}^{{commit}}").decode().strip()
    except InputError:
        return None


def _mend(directory: Path, name: str) -> str:
    """The command after which there is such a commit, as far as that can be known."""
    remote, _, branch = name.partition("/")
    is_remote = branch and remote in git(directory, "remote").decode(errors="replace").split()
    is_shallow = git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true"
    depth = "--unshallow " if is_shallow else ""
    if is_remote and all(sign.isalnum() or sign in "-_./" for sign in name):
        command = f"git fetch {depth}{remote} +refs/heads/{branch}:refs/remotes/{name}"
    else:
        command = f"git fetch {depth}--tags"
    why = "the clone is shallow; " if is_shallow else ""
    return f"{why}run `{command}`"


def file_at(directory: Path, commit: str, path: Path) -> bytes | None:
    """A file as it was committed, by its path from the repository's folder; None where it was not.

    Raises InputError where git cannot be run.
    """
    name = f"{commit}:{path.as_posix()}"
    try:
        return git(directory, "cat-file", "blob", "--end-of-options", name)
    except InputError:
        git(directory, "cat-file", "-e", commit)
        return None


def files_at(directory: Path, commits: Sequence[str], path: Path) -> Iterator[bytes | None]:
    """A file as each of many commits has it, read by one process; None where one has it not."""
    names = "".join(f"{commit}:{path.as_posix()}\n" for commit in commits)
    text = git(directory, "cat-file", "--batch", given=names.encode())
    position = 0
    for _ in commits:
        end = text.index(b"\n", position)
        head = text[position:end].rsplit(b" ", 2)
        position = end + 1
        if head[-1] == b"missing" or not head[-1].isdigit():
            yield None
            continue
        size = int(head[-1])
        yield text[position : position + size]
        position += size + 1
