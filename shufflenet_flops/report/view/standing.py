"""Published figures as a whole: by paper, and those of one network."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.counting import layer_table
from shufflenet_flops.paper import CellVerdict
from shufflenet_flops.paper.standing import Standing
from shufflenet_flops.paper.verdict import RULE
from shufflenet_flops.report.grid import Column, Grid, grid, mega, percent
from shufflenet_flops.report.view.paper import Reproduced, cell_text, counts_text
from shufflenet_flops.zoo import Model, find


def standings_grid(standings: Sequence[Standing]) -> Grid:
    """One row per paper: its figures by verdict, and the conventions that its cost is under."""
    columns = [
        Column("paper or release", figures=False),
        Column("tables"),
        Column("figures"),
        *(Column(verdict.value) for verdict in CellVerdict),
        Column("exact of judged"),
        Column("cost under", figures=False),
    ]
    rows = [
        (
            standing.paper,
            str(standing.tables),
            str(standing.cells),
            *(_dash(getattr(standing, verdict.value)) for verdict in CellVerdict),
            percent(standing.exact, standing.cells - standing.quoted),
            ", ".join(f"{name} {times}" for name, times in standing.conventions.items()) or "–",
        )
        for standing in standings
    ]
    cells, exact, quoted = (
        sum(getattr(standing, name) for standing in standings)
        for name in ("cells", "exact", "quoted")
    )
    sources = len({source for standing in standings for source in standing.sources})
    title = (
        f"{cells} published figures of {sources} source{'s' if sources > 1 else ''}: "
        f"{exact} of the {cells - quoted} "
        f"that are computed here come out exactly ({percent(exact, cells - quoted)})"
    )
    return grid(title, columns, rows, [f"{verdict}: {rule}" for verdict, rule in RULE.items()])


def network_grids(model: Model, reproduced: Sequence[Reproduced]) -> list[Grid]:
    """What was published of a network: each figure, where, and how it compares."""
    table = layer_table(model.spec, model.input)
    columns = [
        Column("paper and table", figures=False),
        Column("row", figures=False, path=True),
        Column("figure", figures=False),
        Column("printed = computed", figures=False),
        Column("convention", figures=False),
    ]
    rows = [
        (
            f"{source.paper}, {source.table}",
            cell.row,
            cell.column,
            cell_text(cell),
            cell.convention or "–",
        )
        for source, cells in reproduced
        for cell in cells
    ]
    everything = [cell for _, cells in reproduced for cell in cells]
    counted = (
        f"{model.name}: {mega(table.macs)} MMAC, {mega(table.params)} M params, "
        f"{mega(table.activations)} M activations"
    )
    if not rows:
        return [grid(counted, [], [], ["none of the tables here has a figure of it"])]
    return [
        grid(f"{counted}; {counts_text(everything)}", columns, rows, _who_agrees(model, reproduced))
    ]


def _who_agrees(model: Model, reproduced: Sequence[Reproduced]) -> list[str]:
    """Of cost and parameters, on the network's own image: each figure printed, and by whom."""
    notes = []
    for unit, noun in (("MAC", "cost"), ("params", "parameters")):
        printed: dict[str, list[str]] = {}
        for source, cells in reproduced:
            for cell in cells:
                if cell.unit == unit and cell.model and find(cell.model).input == model.input:
                    said = printed.setdefault(f"{cell.printed} {cell.printed_unit}", [])
                    if source.paper not in said:
                        said.append(source.paper)
        if printed:
            parts = (f"{figure} ({', '.join(papers)})" for figure, papers in printed.items())
            notes.append(f"{noun} as printed: {'; '.join(parts)}")
    return notes


def _dash(number: int) -> str:
    return str(number) if number else "–"
