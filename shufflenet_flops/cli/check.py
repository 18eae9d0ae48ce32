"""`check`: models against their budgets."""

from __future__ import annotations

from typing import Annotated

import typer

from shufflenet_flops.cli.options import RulesOption
from shufflenet_flops.cli.verdicts import (
    ConfigOption,
    ExitZeroOption,
    VerdictFormat,
    VerdictFormatOption,
    VerdictOutputOption,
    report_on,
)


def command(
    locked: Annotated[
        bool,
        typer.Option("--locked", help="Also demand that every figure is the one in the lock."),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Also compare with the commit where HEAD left this branch, tag or commit, by the "
            "budget file's guard; base is what CI's pull request is to be merged into.",
        ),
    ] = None,
    config: ConfigOption = None,
    rules: RulesOption = None,
    form: VerdictFormatOption = VerdictFormat.TEXT,
    output: VerdictOutputOption = None,
    exit_zero: ExitZeroOption = False,
) -> int:
    """Hold models against the ceilings in flop-budget.toml.

    Exit codes: 0 fine, 1 over budget or not as locked, 2 wrong configuration or an error of ours.
    A factory that the file names is imported, and that runs its code.
    """
    from shufflenet_flops.budget.check import check

    return report_on(
        lambda: check(config, locked=locked, against=against, rules=rules or []),
        "check",
        "FLOP budget",
        form,
        output or [],
        exit_zero,
    )
