"""Saved figures that no run can give: one line, and no defect."""

from __future__ import annotations

import pytest

from shufflenet_flops.errors import DataError
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report import sections
from shufflenet_flops.report.section import Section


def test_a_division_by_zero_is_told_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a layer that was timed moved no byte."""

    def divide(saved: Saved) -> Section:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("shufflenet_flops.report.sections.latency.section", divide)
    saved = Saved("latency", None, {}, [{}])

    with pytest.raises(DataError, match="latency: its figures cannot belong together"):
        sections.section_of(saved)
