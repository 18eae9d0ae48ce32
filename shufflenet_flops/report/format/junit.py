"""Verdicts as JUnit's XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.report.format.registry import VERDICTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Verdicts


@renders(VERDICTS, "junit", ".xml", rank=60)
def verdicts_as_junit(verdicts: Verdicts) -> str:
    """For servers that show tests."""
    from shufflenet_flops.report.view.ci import junit

    return junit(verdicts.report)
