"""What the tables say as a whole: paper by paper, and of one network, by whom and who agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from shufflenet_flops import zoo
from shufflenet_flops.paper.printed import PrintedCell, PublishedTable
from shufflenet_flops.paper.published import load_table, table_names
from shufflenet_flops.paper.reproduce import CellResult, reproduce
from shufflenet_flops.paper.verdict import CellVerdict
from shufflenet_flops.zoo.registry import Values, parse_name

# Options that leave a network what it is: another image, other classes, or another reading of what
# its paper leaves open.
_SAME_NETWORK = frozenset(
    ("resolution", "classes", "stride_in", "shortcut", "layout", "ceil", "conv10_padding")
)


@dataclass(frozen=True)
class Standing:
    """One paper or release: how many of its figures are here, and how they come out.

    `conventions` are those of its exact figures of cost, with their number, most often first.
    """

    paper: str
    sources: tuple[str, ...]
    tables: int
    cells: int
    exact: int
    near: int
    unexplained: int
    quoted: int
    conventions: dict[str, int]


def standings(cells: Iterable[CellResult]) -> list[Standing]:
    """One for each paper, in the order in which `cells` come."""
    papers: dict[str, list[CellResult]] = {}
    tables: dict[str, PublishedTable] = {}
    for cell in cells:
        table = tables.setdefault(cell.table, load_table(cell.table))
        papers.setdefault(table.paper, []).append(cell)
    found = []
    for paper, own in papers.items():
        counts = Counter(cell.verdict for cell in own)
        names = dict.fromkeys(cell.table for cell in own)
        conventions = Counter(
            cell.convention
            for cell in own
            if cell.convention and cell.unit == "MAC" and cell.verdict is CellVerdict.EXACT
        )
        found.append(
            Standing(
                paper=paper,
                sources=tuple(dict.fromkeys(tables[name].source for name in names)),
                tables=len(names),
                cells=len(own),
                exact=counts[CellVerdict.EXACT],
                near=counts[CellVerdict.NEAR],
                unexplained=counts[CellVerdict.UNEXPLAINED],
                quoted=counts[CellVerdict.QUOTED],
                conventions=dict(conventions.most_common()),
            )
        )
    return found


@cache
def identity(model: str) -> Hashable:
    """What two names of one network have in common, however it is read and on whatever image.

    Raises UnknownNameError and InputError as `zoo.find` does.
    """
    family, given = parse_name(model)
    options: Values = family.fill(given)
    kept = ((key, value) for key, value in options.items() if key not in _SAME_NETWORK)
    return (family.name, *kept)


def subjects(table: PublishedTable) -> Iterator[tuple[PrintedCell, Hashable]]:
    """The cells that are about a network of the zoo, each with the `identity` of that.

    What is quoted is about the network that everything computed in its row is about.
    """
    rows: dict[str, list[PrintedCell]] = {}
    for cell in table.cells:
        rows.setdefault(cell.row, []).append(cell)
    for cells in rows.values():
        models = {cell.reading.model for cell in cells if cell.reading and cell.reading.model}
        about = {model: identity(model) for model in models}
        of_row = list(dict.fromkeys(about.values()))
        for cell in cells:
            if cell.reading is None and len(of_row) == 1:
                yield cell, of_row[0]
            elif cell.reading is not None and cell.reading.model is not None:
                yield cell, about[cell.reading.model]


def figures_of(model: str) -> Iterator[tuple[PublishedTable, tuple[CellResult, ...]]]:
    """Every table that has figures of this network, with these, computed or quoted.

    Raises UnknownNameError and InputError as `zoo.find` does.
    """
    wanted = identity(zoo.find(model).name)
    for name in table_names():
        table = load_table(name)
        cells = tuple(cell for cell, about in subjects(table) if about == wanted)
        if cells:
            yield table, reproduce(replace(table, cells=cells))
