"""Verdicts as GitHub's workflow commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.report.format.registry import VERDICTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Verdicts


@renders(VERDICTS, "github", rank=50)
def verdicts_as_commands(verdicts: Verdicts) -> str:
    """For the log of a workflow."""
    from shufflenet_flops.report.view.ci import github

    return github(verdicts.report)
