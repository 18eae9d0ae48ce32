"""`diff`: what changed between two locks, or two saved counts."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import number_option
from shufflenet_flops.cli.verdicts import (
    ExitZeroOption,
    VerdictFormat,
    VerdictFormatOption,
    VerdictOutputOption,
    report_on,
)
from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    from shufflenet_flops.budget.block import Lock
    from shufflenet_flops.budget.verdict import Report

_WHAT = "A lock, JSON saved by `count`, or one of them in git as REVISION:FILE."


def command(
    before: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    after: Annotated[
        str, typer.Argument(metavar="B", help="A later state of the same, named in the same way.")
    ],
    top: Annotated[int, number_option("Layers to name for each change.")] = 10,
    form: VerdictFormatOption = VerdictFormat.TEXT,
    output: VerdictOutputOption = None,
    exit_zero: ExitZeroOption = False,
) -> int:
    """Show which models and layers changed between two counts.

    Exit codes: 0 no difference, 1 some, 2 not comparable or an error.
    For example: shufflenet-flops diff HEAD~1:flop-budget.lock flop-budget.lock
    """

    from shufflenet_flops.sources.resolve import is_a_model

    if model := next(filter(is_a_model, (before, after)), None):
        raise InputError(
            f"{model}: is a model, and diff takes saved figures: write "
            f"`shufflenet-flops compare {shlex.join((before, after))}`"
        )

    def find() -> Report:
        from shufflenet_flops.budget.diff import compare, judge
        from shufflenet_flops.budget.verdict import Report

        return Report(tuple(judge(compare(_read(before), _read(after)), top=top)))

    return report_on(find, "diff", f"{before} to {after}", form, output or [], exit_zero)


def _read(name: str) -> Lock:
    from shufflenet_flops.budget.saved import parse
    from shufflenet_flops.files.text_file import decode, read_text

    if os.path.exists(name) or ":" not in name:
        return parse(name, read_text(Path(name)))
    return parse(name, decode(name, _from_git(name)))


def _from_git(name: str) -> bytes:
    """A file at a revision, as it was committed. Raises InputError with git's reason."""
    from shufflenet_flops.budget.git import git

    try:
        return git(Path(), "cat-file", "blob", "--end-of-options", name)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
