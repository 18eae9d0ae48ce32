"""What the models of a budget file were at another commit: from its lock, or counted there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shufflenet_flops.budget import lock as locks
from shufflenet_flops.budget.block import Block, Lock, versions
from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.count import Subject
from shufflenet_flops.budget.git import Base, file_at, top_of
from shufflenet_flops.budget.tree import tree_of
from shufflenet_flops.budget.tree_count import Job, TreeCount, count_tree
from shufflenet_flops.errors import ConfigError, InputError
from shufflenet_flops.files.text_file import decode, read_text


@dataclass(frozen=True)
class BaseCount:
    """The models at a base; `source` says in words where the figures are from.

    `errors` are by name of models that the base's own budget file has, and that could not be
    counted there; `unknown` of those that it does not have.
    """

    base: Base
    blocks: Lock
    source: str
    errors: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def count_base(
    config: Config, subjects: Sequence[Subject], base: Base, rules: Sequence[Path] = ()
) -> BaseCount:
    """The models of a configuration at a base.

    A lock there is taken where its traces are of the versions that run now. Without one the
    commit's tree is counted, by its own budget file. What that has on another input, or under
    another convention, is counted there as it is counted now; and so is everything where there
    was no budget file; with the formulas of the files `rules`, which are the present ones.

    Raises InputError where that cannot be done.
    """
    top, job = _job(config, rules)
    job = replace(job, now=read_text(Path(config.file)))
    present = [subject.block for subject in subjects if subject.block]
    lock = _lock_at(top, base, path_from_top(top, config.lock_file))
    if lock is not None:
        models = _moved(lock, subjects)
        counted = _counted(top, base, replace(job, models=models)) if models else TreeCount()
        source = f"by its lock, with {', '.join(models)} counted anew" if models else "by its lock"
        return BaseCount(base, _merged(lock, counted.now, present), source, counted.now_errors)
    job = replace(job, own=_text_at(top, base, job.file))
    counted = _counted(top, base, job)
    blocks = counted.now if job.own is None else _merged(counted.own, counted.now, present)
    source = "counted anew in its tree"
    return BaseCount(base, blocks, source, counted.own_errors, counted.now_errors)


def with_layers(
    config: Config, count: BaseCount, models: Sequence[str], rules: Sequence[Path] = ()
) -> BaseCount:
    """The base with all layers of some models that its lock has without them, counted anew there.

    Of a model that the tree does not count as the lock has it, or that cannot be counted there,
    the lock's block stays, and `source` says so: the figures do not hang on it.
    """
    top, job = _job(config, rules)
    job = replace(job, own=_text_at(top, count.base, job.file), models=models)
    try:
        counted = _counted(top, count.base, job).own
    except InputError as error:
        missed = f"{count.source}, and no layers of {', '.join(models)}: {error}"
        return replace(count, source=missed)
    anew = {block.order: block for block in counted}
    blocks = tuple(
        replace(block, all_layers=anew[block.order].all_layers)
        if anew.get(block.order) == block
        else block
        for block in count.blocks
    )
    source = count.source
    found = {block.model for block in blocks if block.all_layers}
    if named := [model for model in models if model in found]:
        source += f", and the layers of {', '.join(named)} by its tree"
    if others := [model for model in models if model not in found]:
        source += f", and no layers of {', '.join(others)}, which its tree does not count so"
    return replace(count, blocks=blocks, source=source)


def _job(config: Config, rules: Sequence[Path]) -> tuple[Path, Job]:
    """The repository's folder, and a job that does not say yet what to count."""
    top = top_of(config.directory).resolve()
    file = path_from_top(top, Path(config.file))
    formulas = [str(path.resolve()) for path in rules]
    return top, Job(str(top), "", file.as_posix(), rules=formulas)


def _text_at(top: Path, base: Base, file: str) -> str | None:
    content = file_at(top, base.commit, Path(file))
    return None if content is None else decode(file, content)


def _moved(lock: Lock, subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Models that a lock has, but not as they are counted now."""
    orders = {block.order for block in lock}
    names = {block.name for block in lock}
    moved = (
        subject.entry.model
        for subject in subjects
        if subject.block and subject.name in names and subject.block.order not in orders
    )
    return tuple(dict.fromkeys(moved))


def _merged(own: Lock, anew: Lock, present: Sequence[Block]) -> Lock:
    """The base's own models, each that it had otherwise as it is counted now."""
    orders = {block.order for block in present}
    names = {block.name for block in own}
    anew = tuple(block for block in anew if block.name in names and block.order in orders)
    replaced = {block.name for block in anew}
    kept = (block for block in own if block.order in orders or block.name not in replaced)
    return (*kept, *anew)


def _counted(top: Path, base: Base, job: Job) -> TreeCount:
    with tree_of(top, base.commit) as tree:
        return count_tree(replace(job, folder=str(tree.folder.resolve())), tree)


def _lock_at(top: Path, base: Base, file: Path) -> Lock | None:
    """The lock at the base; None where there is none that says what these versions would count."""
    content = file_at(top, base.commit, file)
    if content is None:
        return None
    try:
        lock = locks.parse(str(file), decode(str(file), content))
    except ConfigError:
        return None
    traced = [block.traced_with for block in lock if block.traced_with]
    return lock if all(dict(found) == versions() for found in traced) else None


def path_from_top(top: Path, path: Path) -> Path:
    """A path from the repository's folder. Raises InputError for one outside of it."""
    try:
        return path.resolve().relative_to(top)
    except ValueError:
        raise InputError(
            f"{path} is not in the repository {top}: nothing to compare with"
        ) from None
