"""What every model cost over a repository's history, as git's own log tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shufflenet_flops.budget import lock as locks
from shufflenet_flops.budget.base import path_from_top
from shufflenet_flops.budget.block import Block, Lock
from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.diff import CHANGED, ModelDiff, compare, structure
from shufflenet_flops.budget.git import files_at, git, top_of
from shufflenet_flops.budget.layers import amount
from shufflenet_flops.budget.tree import tree_of
from shufflenet_flops.budget.tree_count import Job, count_tree
from shufflenet_flops.errors import ConfigError, InputError, plural
from shufflenet_flops.files.text_file import decode, read_text
from shufflenet_flops.saved import Count

_FIELDS = "%H%x00%aI%x00%an%x00%s"


@dataclass(frozen=True)
class Commit:
    """A commit of the log: its full hash, its author's date and name, its message's first line."""

    commit: str
    date: str
    author: str
    message: str


@dataclass(frozen=True)
class Step:
    """A metric of a model that a commit changed, and by which layer.

    `before` or `after` is None where the model is new or gone; bytes for `memory`. `layer` is what
    most of the change is by, and `change` what it was.
    """

    commit: str
    date: str
    author: str
    message: str
    model: str
    convention: str
    metric: str
    before: Count | None
    after: Count | None
    layer: str
    change: str


@dataclass(frozen=True)
class History:
    """All steps, the oldest first; `notes` tell what could not be read."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def history(config: Config, since: str | None = None) -> History:
    """The steps of every model's MACs or FLOPs, parameters, activations and memory access.

    They are from the commits of the main line that changed the lock, or else, where no commit has
    one, from tagged commits, each counted in its tree. `since` is a date as git takes it; what
    was before is what the first step is held against.

    Raises InputError outside of a repository, or where there is neither a lock nor a tag.
    """
    top = top_of(config.directory).resolve()
    lock_file = path_from_top(top, config.lock_file)
    commits = _log(top, "--first-parent", "HEAD", "--", lock_file.as_posix())
    known: dict[str, Block] = {}
    if commits:
        chosen, first = _since(top, commits, since)
        texts = files_at(top, [commit.commit for commit in chosen], lock_file)
        states = (_locked(str(lock_file), text, known) for text in texts)
    else:
        commits = _tagged(top)
        if not commits:
            raise InputError(
                f"no commit has a {lock_file} and none has a tag: run `shufflenet-flops lock`, "
                "and commit what it writes"
            )
        chosen, first = _since(top, commits, since)
        states = (_counted(config, top, commit) for commit in chosen)
    return _steps(chosen, states, first)


def _log(top: Path, *arguments: str) -> list[Commit]:
    """Commits, the oldest first."""
    try:
        text = git(top, "log", "--reverse", f"--format={_FIELDS}", *arguments).decode(
            errors="replace"
        )
    except InputError as error:
        raise InputError(f"there is no history: {error}") from None
    return [Commit(*line.split("\0")) for line in text.split("\n") if line]


def _tagged(top: Path) -> list[Commit]:
    """The commits of HEAD's history that have tags, in the order of the log."""
    form = "--format=%(objectname) %(*objectname)"
    lines = git(top, "for-each-ref", "--merged=HEAD", form, "refs/tags").decode().splitlines()
    named = {line.split()[-1] for line in lines}
    return [commit for commit in _log(top, "--topo-order", "HEAD") if commit.commit in named]


def _since(top: Path, commits: Sequence[Commit], since: str | None) -> tuple[list[Commit], int]:
    """The commits of interest, with the one before them, and how many come before them."""
    if since is None:
        return list(commits), 0
    recent = {commit.commit for commit in _log(top, f"--since={since}", "HEAD")}
    start = next((i for i, commit in enumerate(commits) if commit.commit in recent), len(commits))
    begin = max(start - 1, 0)
    return list(commits[begin:]), start - begin


def _locked(file: str, text: bytes | None, known: dict[str, Block]) -> Lock | str:
    """A lock, empty where the commit has removed it, or why it cannot be read."""
    if text is None:
        return ()
    try:
        return locks.parse_again(file, decode(file, text), known)
    except ConfigError as error:
        return error.messages[0]


def _counted(config: Config, top: Path, commit: Commit) -> Lock | str:
    """The models of a commit without a lock, by its own budget file or else by the present one."""
    file = path_from_top(top, Path(config.file))
    (own,) = files_at(top, [commit.commit], file)
    with tree_of(top, commit.commit) as tree:
        text = None if own is None else decode(str(file), own)
        now = read_text(Path(config.file)) if own is None else None
        job = Job(str(top), str(tree.folder.resolve()), file.as_posix(), own=text, now=now)
        try:
            counted = count_tree(job, tree)
        except InputError as error:
            return str(error)
    return counted.own + counted.now


def _steps(commits: Sequence[Commit], states: Iterator[Lock | str], unshown: int) -> History:
    """What each state changed since the one before; the first `unshown` are only compared with."""
    steps: list[Step] = []
    notes: list[str] = []
    before: Lock = ()
    for i, (commit, state) in enumerate(zip(commits, states, strict=True)):
        if isinstance(state, str):
            notes.append(f"{commit.commit[:9]} is left out: {state}")
            continue
        if i >= unshown:
            for model in compare(before, state):
                steps += _of_model(commit, model)
        before = state
    return History(tuple(steps), tuple(notes))


def _of_model(commit: Commit, model: ModelDiff) -> Iterator[Step]:
    if model.status == "same":
        return
    named = model.after or model.before
    assert named is not None  # one of the two is there
    totals = {
        metric: tuple(
            amount(block, metric, block.unit) if block else None
            for block in (model.before, model.after)
        )
        for metric in (named.unit, "params", "activations", "memory")
    }
    moved = [metric for metric, (was, now) in totals.items() if was != now]
    for metric in moved or [named.unit]:
        was, now = totals[metric]
        layer, change = _behind(model, metric)
        if model.status == "changed" and model.before and model.renamed:
            change = f"renamed, was {model.before.name}; {change}"
        told = (commit.commit, commit.date, commit.author, commit.message)
        yield Step(*told, model.name, named.convention, metric, was, now, layer, change)


def _behind(model: ModelDiff, metric: str) -> tuple[str, str]:
    """The layer that most of a change is by, and what became of it."""
    before, after = model.before, model.after
    if before is None or after is None:
        return "", "new" if after else "removed"
    if model.status == "renamed":
        return "", f"renamed, was {before.name}"
    if model.status == "not-comparable":
        terms = " and ".join(before.inputs)
        return "", f"counted otherwise, was on {terms} under {before.convention}"
    rows, more = model.top_rows(metric, 1)
    if not rows:
        return "", structure(model, before, after, CHANGED)
    others = f", and {plural(more, 'more layer')}" if more else ""
    return rows[0].path, f"{rows[0].change}{others}"
