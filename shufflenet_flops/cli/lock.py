"""`lock`: write down what every model counts."""

from __future__ import annotations

from typing import Annotated

import typer

from shufflenet_flops.cli.options import RulesOption
from shufflenet_flops.cli.streams import emit
from shufflenet_flops.cli.verdicts import ConfigOption
from shufflenet_flops.errors import (
    ConfigError,
    InputError,
    ModelError,
    UnknownNameError,
    one_line,
    plural,
)
from shufflenet_flops.files.whole_file import open_file


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Lock these alone, as the budgets name them."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why these models may cost what they cost now: kept beside their figures, and "
            "`check --against` accepts them.",
        ),
    ] = None,
    config: ConfigOption = None,
    rules: RulesOption = None,
) -> None:
    """Write flop-budget.lock, which holds each model's figures layer by layer.

    Commit it: its diff shows in review what a change costs, and `check --locked` holds models to
    it. A model that cannot be counted leaves the old lock as it is.
    """
    from shufflenet_flops.budget.check import read_lock
    from shufflenet_flops.budget.count import ModelCounts, lock_of
    from shufflenet_flops.budget.load import load
    from shufflenet_flops.budget.lock import relocked, render

    names = models or []
    if reason is not None and not (names and reason.strip() and reason.isprintable()):
        raise InputError(
            f"--reason {reason!r}: needs a text of one line, and the models that it is about"
        )
    budgets = load(config)
    with open_file(budgets.lock_file) as write:
        subjects = ModelCounts(budgets).subjects()
        failed = [f"{subject.model}: {subject.error}" for subject in subjects if subject.error]
        if failed:
            raise ModelError("; ".join(failed))
        known = {name for subject in subjects for name in (subject.model, subject.name)}
        for name in names:
            if name not in known:
                raise UnknownNameError("model", name, sorted(known))
        try:
            before = read_lock(budgets, needed=False)
        except ConfigError:
            if names:  # the other models' figures are in it
                raise
            before = ()
        blocks = relocked(before, lock_of(subjects), names, reason or "")
        write(render(blocks).encode())
    emit(f"locked {plural(len(blocks), 'model')} in {one_line(str(budgets.lock_file))}\n")
