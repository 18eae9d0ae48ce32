"""Verdicts as SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.report.format.registry import VERDICTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Verdicts


@renders(VERDICTS, "sarif", ".sarif", rank=70)
def verdicts_as_sarif(verdicts: Verdicts) -> str:
    """For GitHub's code scanning and other readers of SARIF 2.1.0."""
    from shufflenet_flops.report.view.findings import sarif

    return sarif(verdicts.report)
