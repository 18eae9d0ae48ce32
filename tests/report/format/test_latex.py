"""Tables in LaTeX."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.format.latex import document_as_latex
from shufflenet_flops.report.grid import Cell, Column, grid


def test_text_is_escaped_and_formulas_are_maths() -> None:
    columns = [Column("a_b", figures=False), Column("%")]
    rows = [["50 % & {x}", Cell("1", latex=r"\frac{1}{2}")], [Cell("best", best=True), "h ≥ 2"]]
    table = grid("a #1", columns, rows, ["a ^ note"])

    lines = document_as_latex(Document("formula", None, [], [table])).splitlines()

    assert r"\caption{a \#1}" in lines
    assert r"\begin{tabular}{lr}" in lines
    assert r"a\_b & \% \\" in lines
    assert r"50 \% \& \{x\} & $\frac{1}{2}$ \\" in lines
    assert r"\textbf{best} & h $\ge$ 2 \\" in lines
    assert r"a \textasciicircum{} note" in lines


def test_formulas_of_a_unit_a_network_and_a_module(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    unit = tmp_path / "unit.tex"
    assert run(["formula", "--unit", "shufflenet", "--format", "latex", "-o", str(unit)]) == 0
    assert r"$h w \left(\frac{2 c m}{g} + 9 m\right)$" in capsys.readouterr().out
    assert unit.read_text().count(r"\begin{tabular}") == 2

    assert run(["formula", "shufflenet_v1", "--format", "latex"]) == 0
    out = capsys.readouterr().out
    assert r"stage3 & $\frac{H}{16} \times \frac{W}{16}$" in out
    assert r"7 (\frac{2 c m}{g} + 9 m)" in out

    assert run(["formula", "squeezenet1_0", "--over", "h,n", "--format", "latex"]) == 0
    assert r"\left\lfloor" in capsys.readouterr().out
