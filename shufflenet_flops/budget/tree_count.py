"""Count another commit's tree in a process of its own, in which no module of this tree is loaded.

Run as `python -P -m shufflenet_flops.budget.tree_count`, it reads a job as JSON on stdin and
writes what it counted as JSON on its first stdout; what models print goes to stderr.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from shufflenet_flops import zoo
from shufflenet_flops.budget import lock as locks
from shufflenet_flops.budget.block import Lock
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.budget.count import ModelCounts, lock_of
from shufflenet_flops.budget.layers import Layer
from shufflenet_flops.budget.load import parse_text
from shufflenet_flops.budget.tree import Tree
from shufflenet_flops.errors import DataError, InputError, one_line
from shufflenet_flops.sources.torch_modules.imports import load_rules

_PACKAGE = Path(__file__).parents[1]
_OURS = _PACKAGE.parent


@dataclass(frozen=True)
class Job:
    """What to count in the tree at `folder` of the repository at `top`.

    `own` is the budget file of that tree, `now` the present one, as texts; each stands at `file`,
    a path from the top. Of `now`, what `own` has as well is left out; and where there are `models`
    only these are counted, each a model or as an entry names it.
    """

    top: str
    folder: str
    file: str
    own: str | None = None
    now: str | None = None
    models: Sequence[str] | None = None
    rules: Sequence[str] = ()


@dataclass(frozen=True)
class TreeCount:
    """The models of the tree's own budget file and those of the present one, counted in the tree.

    `own_errors` and `now_errors` have by name why others could not be counted.
    """

    own: Lock = ()
    now: Lock = ()
    own_errors: Mapping[str, str] = field(default_factory=dict)
    now_errors: Mapping[str, str] = field(default_factory=dict)


def count_tree(job: Job, tree: Tree) -> TreeCount:
    """Count in a new process with this Python and environment.

    Raises InputError where that process ends without an answer.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=json.dumps(asdict(job)).encode(),
        cwd=tree.folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_python_path(job))},
        pass_fds=(tree.handle,),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        raise InputError(f"the base could not be counted: {one_line(reason)}")
    own, now, own_errors, now_errors = json.loads(done.stdout)
    return TreeCount(_from_json(*own), _from_json(*now), own_errors, now_errors)


def _to_json(lock: Lock) -> tuple[str, list[list[tuple[str | int, ...]]]]:
    """A lock's text, and all layers of each of its models, which the text does not have."""
    return locks.render(lock), [[astuple(layer) for layer in block.all_layers] for block in lock]


def _from_json(text: str, layers: list[list[list[Any]]]) -> Lock:
    return tuple(
        replace(block, all_layers=tuple(Layer(*values) for values in of_block))
        for block, of_block in zip(locks.parse("the base's count", text), layers, strict=True)
    )


def _python_path(job: Job) -> list[str]:
    """Directories to import from: those in the repository as they are in the tree, then all."""
    top, folder = Path(job.top), Path(job.folder)
    known = [entry for entry in sys.path if entry]
    inside = [
        str(moved)
        for entry in known
        if (path := Path(entry).resolve()).is_relative_to(top)
        and path != _OURS
        and (moved := folder / path.relative_to(top)).is_dir()
    ]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return list(dict.fromkeys([*inside, *given, str(_OURS)]))


def main() -> None:
    """Answer the job on stdin."""
    answer = os.dup(1)
    os.dup2(2, 1)
    job = Job(**json.loads(sys.stdin.buffer.read()))
    counted = _count(job)
    told = (_to_json(counted.own), _to_json(counted.now), counted.own_errors, counted.now_errors)
    with open(answer, "w", encoding="utf-8") as stream:
        json.dump(told, stream)


def _count(job: Job) -> TreeCount:
    for rules in job.rules:
        load_rules(Path(rules))
    own = _config(job, job.own)
    now = _config(job, job.now)
    known = {_key(entry) for entry in own.entries}
    asked = [
        (own, _asked(job, own.entries)),
        (now, _asked(job, [entry for entry in now.entries if _key(entry) not in known])),
    ]
    parts = [ModelCounts(replace(config, entries=part)).subjects() for config, part in asked]
    if strangers := _strangers(job):
        raise SystemExit(
            f"{strangers[0]} was imported from this tree and not from the base's: name its "
            "directory in `path` of the budget file"
        )
    errors = [{subject.model: subject.error for subject in part if subject.error} for part in parts]
    return TreeCount(lock_of(parts[0]), lock_of(parts[1]), *errors)


def _asked(job: Job, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries about the models that are asked for; of a glob, those alone."""
    if job.models is None:
        return tuple(entries)
    return tuple(
        replace(entry, model=model)
        for entry in entries
        for model in zoo.expand(entry.model)
        if model in job.models or entry.model in job.models
    )


def _config(job: Job, text: str | None) -> Config:
    """The configuration as it is in the tree; what cannot be one there has no entries."""
    file = Path(job.folder) / job.file
    try:
        return Config(job.file, ()) if text is None else parse_text(file, text)
    except DataError:
        return Config(job.file, ())


def _key(entry: Entry) -> tuple[object, ...]:
    return entry.model, entry.inputs, repr(sorted(entry.args.items())), entry.convention.name


def _strangers(job: Job) -> list[str]:
    """Modules that come from the present tree, where the other one has the same file."""
    top, folder = Path(job.top), Path(job.folder)
    strangers = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.partition(".")[0] == _PACKAGE.name:
            continue
        path = Path(file).resolve()
        if path.is_relative_to(top) and (folder / path.relative_to(top)).exists():
            strangers.append(name)
    return strangers


if __name__ == "__main__":
    main()
