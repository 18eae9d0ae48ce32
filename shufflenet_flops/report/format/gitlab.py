"""Verdicts as GitLab's report on code quality, whose files end in `.json` as ours do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.report.format.registry import VERDICTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Verdicts


@renders(VERDICTS, "gitlab", rank=80)
def verdicts_as_code_quality(verdicts: Verdicts) -> str:
    """For the widget of a merge request."""
    from shufflenet_flops.report.view.findings import code_quality

    return code_quality(verdicts.report)
