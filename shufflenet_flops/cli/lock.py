"""`lock`: write down what every model counts."""

from __future__ import annotations

from shufflenet_flops.cli.options import RulesOption
from shufflenet_flops.cli.streams import emit
from shufflenet_flops.cli.verdicts import ConfigOption
from shufflenet_flops.errors import ModelError, one_line
from shufflenet_flops.whole_file import open_file


def command(config: ConfigOption = None, rules: RulesOption = None) -> None:
    """Write flop-budget.lock, which holds each model's figures layer by layer.

    Commit it: its diff shows in review what a change costs, and `check --locked` holds models to
    it. A model that cannot be counted leaves the old lock as it is.
    """
    from shufflenet_flops.budget.count import ModelCounts, lock_of
    from shufflenet_flops.budget.load import load
    from shufflenet_flops.budget.lock import render

    budgets = load(config)
    with open_file(budgets.lock_file) as write:
        subjects = ModelCounts(budgets).subjects()
        failed = [f"{subject.model}: {subject.error}" for subject in subjects if subject.error]
        if failed:
            raise ModelError("; ".join(failed))
        blocks = lock_of(subjects)
        write(render(blocks).encode())
    models = f"{len(blocks)} model{'s' if len(blocks) != 1 else ''}"
    emit(f"locked {models} in {one_line(str(budgets.lock_file))}\n")
