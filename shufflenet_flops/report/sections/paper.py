"""How the papers' published figures compare with those computed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.paper import CellResult, CellVerdict
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.section import Picture, Section
from shufflenet_flops.report.view.paper import (
    LEGEND,
    Reproduced,
    by_table,
    errata_grid,
    overview_grid,
    table_grids,
)

_COLOURS = {"exact": "#009E73", "near": "#56B4E9", "quoted": "#9CA3AF", "unexplained": "#D55E00"}


def section(saved: Saved) -> Section:
    """Verdicts by table, and every table with each figure's computed twin."""
    cells = list(saved.typed(CellResult))
    tables = by_table(cells)
    several = len(tables) > 1
    printed = table_grids(tables, alternatives=True)
    return Section(
        name="paper",
        question="Do the papers' published figures come out?",
        findings=tuple(_findings(cells)),
        grids=(overview_grid(tables), errata_grid()) if several else tuple(printed),
        pictures=(_picture(tables),) if several else (),
        details=tuple(printed) if several else (),
        convention="Each figure's own, named under its table; which figures came out, and how, is "
        f"in the signs: {LEGEND}.",
    )


def _findings(cells: list[CellResult]) -> list[str]:
    counts = Counter(cell.verdict for cell in cells)
    judged = len(cells) - counts[CellVerdict.QUOTED]
    if not judged:
        return ["These figures are quoted only: nothing here is computed."]
    findings = [
        f"{counts[CellVerdict.EXACT]} of the {judged} figures that are computed here come out "
        f"exactly as printed, {counts[CellVerdict.NEAR]} nearly, "
        f"{counts[CellVerdict.UNEXPLAINED]} not."
    ]
    conventions = Counter(
        cell.convention
        for cell in cells
        if cell.verdict is CellVerdict.EXACT and cell.unit == "MAC" and cell.convention
    )
    if conventions:
        shown = " and ".join(f"{number} under `{name}`" for name, number in conventions.items())
        findings.append(
            f"Of the exact figures for complexity, {shown}: papers call it FLOPs and count "
            "multiply-accumulates."
            if "flops" not in conventions
            else f"Of the exact figures for complexity, {shown}."
        )
    farthest = max(
        (cell for cell in cells if cell.verdict is not CellVerdict.EXACT and cell.difference),
        key=lambda cell: abs(cell.difference or 0),
        default=None,
    )
    if farthest and farthest.difference:
        findings.append(
            f"The farthest off is {farthest.row}, {farthest.column} in {farthest.table}: printed "
            f"{farthest.printed}, computed {farthest.shown} ({100 * farthest.difference:+.1f} %)."
        )
    return findings


def _picture(tables: Sequence[Reproduced]) -> Picture:
    papers: dict[str, Counter[CellVerdict]] = {}
    for table, cells in tables:
        papers.setdefault(table.paper, Counter()).update(cell.verdict for cell in cells)
    counts = list(papers.values())
    parts = {
        verdict.value: [float(count[verdict]) for count in counts]
        for verdict in CellVerdict
        if any(count[verdict] for count in counts)
    }
    return Picture(
        "verdicts",
        "Published figures of each paper, by verdict",
        draw_stacked(
            list(papers),
            parts,
            title="published figures by verdict",
            x_label="figures",
            colours=_COLOURS,
            digits=0,
        ),
    )
