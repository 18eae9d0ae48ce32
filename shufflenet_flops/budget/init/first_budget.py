"""What `init` writes: a budget file of the models that can be counted, and the step for CI."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shufflenet_flops.budget import check
from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.git import git, top_of
from shufflenet_flops.budget.init.ci_step import (
    COPY,
    ci_step,
    forge_of,
    install_line,
    refuse_if_there,
)
from shufflenet_flops.budget.init.propose import IMAGE, MOST, Proposal, is_aside, propose
from shufflenet_flops.budget.init.scan import scan
from shufflenet_flops.budget.limit import ceiling_for
from shufflenet_flops.budget.load import OWN_FILE, PYPROJECT, has_table, parse_text
from shufflenet_flops.budget.verdict import Report, Verdict
from shufflenet_flops.counting.amount import figure, short_form
from shufflenet_flops.errors import DataError, InputError, one_line, plural
from shufflenet_flops.files.text_file import read_text

_LARGEST = 2**20  # bytes of a file of Python that is looked at
_MOST_FILES = 5000
_HEAD = """\
# What the models of this repository may cost. `shufflenet-flops init` has proposed them from the
# code: take away what is no model of yours, and add what it has not found.
schema = 1
input = {input}  # of every model that has none of its own, batch first
{path}
[guard]          # how much heavier than the base branch a pull request may make a model
macs = "+2 %"
params = "+2 %"
"""


@dataclass(frozen=True)
class NewFile:
    """A file to write whole, and what is to be said of it."""

    path: Path
    content: str
    words: str


@dataclass(frozen=True)
class FirstBudget:
    """Files to write, what was found about the models that they name, and the commands that come
    next, each with what it is for."""

    files: tuple[NewFile, ...]
    report: Report
    next: tuple[tuple[str, str], ...]


def first_budget(directory: Path) -> FirstBudget:
    """Look at the repository that `directory` is in, propose models, and count each once.

    Looking runs no code; counting imports those of the repository's own, which runs theirs.
    Raises InputError where there is a budget file already, no repository, or no model that can be
    counted.
    """
    _refuse_if_there(directory)
    top = top_of(directory).resolve()
    folder = PurePosixPath(directory.resolve().relative_to(top).as_posix())
    files = _files(top)
    forge = forge_of(top, git(top, "remote", "--verbose").decode(errors="replace"))
    refuse_if_there(top, forge)
    inside = [file.relative_to(folder) for file in files if file.is_relative_to(folder)]
    proposals = _proposals(directory, inside)
    asked = [proposal for proposal in proposals[:MOST] if not proposal.why_not]
    counted = check.run(_config(directory, asked)) if asked else Report(())
    by_model = {verdict.model: verdict for verdict in counted.verdicts}
    fine = [proposal for proposal in asked if by_model[proposal.model].passed]
    if not fine:
        raise InputError(_nothing(proposals, by_model))
    others = [proposal for proposal in proposals[:MOST] if proposal not in fine]
    files_to_write = [_budget_file(directory, fine, others, by_model)]
    imports = any(proposal.root or ":" in proposal.model for proposal in fine)
    install = install_line(files, folder) if imports else ""
    if step := ci_step(top, forge, folder, install):
        place = Path(os.path.relpath(top / step.path, directory))
        files_to_write.append(NewFile(place, step.content, step.words))
    models = {proposal.model for proposal in fine}
    return FirstBudget(
        tuple(files_to_write),
        Report(tuple(verdict for verdict in counted.verdicts if verdict.model in models)),
        tuple(_next(top, files_to_write)),
    )


def _refuse_if_there(directory: Path) -> None:
    own, pyproject = directory / OWN_FILE, directory / PYPROJECT
    there = own if os.path.lexists(own) else None
    if pyproject.is_file() and has_table(pyproject):
        there = pyproject
    if there:
        raise InputError(
            f"there are budgets in {there.name} already, which `shufflenet-flops check` holds "
            "models to: move it away to have it written anew"
        )


def _files(top: Path) -> list[PurePosixPath]:
    """What git has or would add, without links."""
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = dict.fromkeys(listed.decode(errors="surrogateescape").split("\0"))
    paths = (PurePosixPath(name) for name in names if name)
    return [path for path in paths if not (top / path).is_symlink() and (top / path).is_file()]


def _proposals(directory: Path, files: Sequence[PurePosixPath]) -> list[Proposal]:
    ours = [file for file in files if not is_aside(file) and str(file).isprintable()]
    facts = []
    for file in [file for file in ours if file.suffix == ".py"][:_MOST_FILES]:
        try:
            facts.append(scan(file, read_text(directory / file, _LARGEST)))
        except (InputError, DataError):
            continue  # too large for a person to have written it, or no text
    return propose(facts, ours)


def _config(directory: Path, proposals: Sequence[Proposal]) -> Config:
    return parse_text(directory / OWN_FILE, _text(proposals, (), {}))


def _nothing(proposals: Sequence[Proposal], by_model: Mapping[str, Verdict]) -> str:
    """Why there is nothing to write, and what would work."""
    begin = "count one first, as in `shufflenet-flops count package.module:factory`"
    if not proposals:
        return (
            "no model is in sight here: no class of torch.nn.Module that needs no arguments, no "
            f"model of timm or torchvision, and no .onnx or .pt2 file: {begin}"
        )
    told = (f"{one.model}: {_why(one, by_model)}" for one in proposals[:3])
    return f"no model that was found can be counted: {'; '.join(told)}: {begin}"


def _why(proposal: Proposal, by_model: Mapping[str, Verdict]) -> str:
    verdict = by_model.get(proposal.model)
    return proposal.why_not or (one_line(verdict.message) if verdict else "")


def _budget_file(
    directory: Path,
    fine: Sequence[Proposal],
    others: Sequence[Proposal],
    by_model: Mapping[str, Verdict],
) -> NewFile:
    words = f"has {plural(len(fine), 'model')}"
    if others:
        words += f", and {len(others)} as comments, each with why"
    return NewFile(directory / OWN_FILE, _text(fine, others, by_model), words)


def _text(
    fine: Sequence[Proposal], others: Sequence[Proposal], by_model: Mapping[str, Verdict]
) -> str:
    """The budget file: `fine` as entries, and `others` as comments with why they are none."""
    shapes = [one.shape for one in fine if one.shape]
    usual = max(shapes, key=shapes.count, default=IMAGE)
    roots = list(dict.fromkeys(one.root for one in (*fine, *others) if one.root))
    path = f"path = {json.dumps(roots)}  # where models are imported from\n" if roots else ""
    parts = [_HEAD.format(input=list(usual), path=path)]
    for one in (*fine, *others):
        lines = ["[[budget]]", f"model = {_quoted(one.model)}"]
        if one.shape and one.shape != usual:
            lines.append(f"input = {list(one.shape)}")
        verdict = by_model.get(one.model)
        if one in fine and verdict and isinstance(verdict.actual, int) and verdict.actual:
            limit = short_form(verdict.metric, ceiling_for(verdict.actual))
            now = figure(verdict.metric, verdict.actual)
            lines.append(
                f'# {verdict.metric} = "{limit}"  # a ceiling, if you want one: it has {now}'
            )
        if one in others:
            lines = [f"# {line}" for line in (f"left out, {_why(one, by_model)}", *lines)]
        parts.append("\n".join([f"# {one.file}:{one.line}", *lines]) + "\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _next(top: Path, written: Sequence[NewFile]) -> Iterator[tuple[str, str]]:
    if len(written) > 1 and not (top / COPY).exists():
        yield f"git submodule add ADDRESS {COPY}", "where CI takes this tool from"
    names = " ".join(shlex.quote(str(file.path)) for file in written)
    yield f"git add {names} && git commit -m 'Hold models to budgets'", "keep what was written"
    yield f"shufflenet-flops check --against {_main(top)}", "what CI asks of each change"


def _main(top: Path) -> str:
    """The branch that others are merged into, as far as git knows, or else HEAD."""
    try:
        return git(top, "rev-parse", "--abbrev-ref", "origin/HEAD").decode().strip()
    except InputError:
        return "HEAD"
