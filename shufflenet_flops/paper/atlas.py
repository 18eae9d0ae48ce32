"""The atlas: every network of the zoo, with its cost, its closed form and what was published."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.counting.backward import backward_macs
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.design.formula import derive
from shufflenet_flops.errors import InputError
from shufflenet_flops.paper.printed import PrintedCell
from shufflenet_flops.paper.published import load_table
from shufflenet_flops.paper.reproduce import CellResult
from shufflenet_flops.paper.standing import identity, subjects
from shufflenet_flops.paper.verdict import UNITS, parse_figure

_FIRST = ("top-1", "top 1", "top1", "acc@1", "imagenet", "cls err")  # of ImageNet, in any heading


@dataclass(frozen=True)
class PublishedFigure:
    """One figure of a network: where it is printed and how it compares with the computed one.

    `cost_on` is the input of the network whose whole cost it is; None for anything else.
    """

    paper: str
    table: str
    cost_on: IntShape | None
    cell: CellResult


@dataclass(frozen=True)
class AtlasEntry:
    """A network on the image at which its source counts it (batch first).

    `shares` are MACs by kind of layer, `training_macs` those of a forward and a backward pass.
    `formula` is the closed form of its MACs, empty where its widths are rounded one by one.
    `accuracy` is the first top-1 accuracy on ImageNet that is printed of it, in %.
    """

    name: str
    family: str
    source: str
    input: IntShape
    macs: int
    params: int
    activations: int
    memory_bytes: int
    training_macs: int
    shares: Mapping[str, int]
    formula: str
    accuracy: float | None
    published: tuple[PublishedFigure, ...]


def atlas(cells: Sequence[CellResult]) -> list[AtlasEntry]:
    """All networks of the zoo by name, with those of the published figures that are theirs."""
    figures = _by_network(cells)
    return [_entry(name, figures.get(identity(name), ())) for name in zoo.names()]


def _by_network(cells: Iterable[CellResult]) -> dict[Hashable, list[PublishedFigure]]:
    by_place: dict[str, dict[tuple[str, str], CellResult]] = {}
    for cell in cells:
        by_place.setdefault(cell.table, {})[cell.row, cell.column] = cell
    figures: dict[Hashable, list[PublishedFigure]] = {}
    for name, results in by_place.items():
        table = load_table(name)
        for printed, about in subjects(table):
            if (printed.row, printed.column) in results:
                cell = results[printed.row, printed.column]
                figures.setdefault(about, []).append(
                    PublishedFigure(table.paper, table.table, _cost_on(printed), cell)
                )
    return figures


def _cost_on(printed: PrintedCell) -> IntShape | None:
    reading = printed.reading
    if reading is None or reading.model is None or reading.quantity != "macs" or reading.at:
        return None
    return reading.input or zoo.find(reading.model).input


def _entry(name: str, published: Sequence[PublishedFigure]) -> AtlasEntry:
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)
    first, *others = (row for row in table.rows if row.macs)
    backward = backward_macs(first, input_grad=False) + sum(map(backward_macs, others))
    return AtlasEntry(
        name=name,
        family=model.family,
        source=zoo.find_family(model.family).source,
        input=model.input,
        macs=table.macs,
        params=table.params,
        activations=table.activations,
        memory_bytes=table.memory_bytes,
        training_macs=table.macs + backward,
        shares={kind: part.macs for kind, part in table.by("kind").items() if part.macs},
        formula=_formula(name),
        accuracy=_accuracy(published, model.input),
        published=tuple(published),
    )


def _formula(name: str) -> str:
    try:
        return derive(zoo.find_design(name), "macs", {}).text
    except InputError:  # no closed form: its widths are rounded one by one
        return ""


def _accuracy(published: Sequence[PublishedFigure], x: IntShape) -> float | None:
    """The first top-1 accuracy in a row that has no cost on another image than x."""
    inputs: dict[tuple[str, str], IntShape] = {}
    for figure in published:
        if figure.cost_on:
            inputs[figure.cell.table, figure.cell.row] = figure.cost_on
    for figure in published:
        cell = figure.cell
        printed = parse_figure(cell.printed, UNITS[cell.printed_unit])
        here = inputs.get((cell.table, cell.row), x) == x
        if printed and here and cell.column.lower().startswith(_FIRST):
            if cell.printed_unit == "accuracy %":
                return float(printed.value)
            if cell.printed_unit == "error %":
                return float(100 - printed.value)
    return None


@dataclass(frozen=True)
class Spread:
    """The lowest and the highest cost that papers print of one network on one input."""

    network: str
    input: IntShape
    lowest: float
    lowest_by: str
    highest: float
    highest_by: str
    papers: int

    @property
    def ratio(self) -> float:
        """The highest over the lowest."""
        return self.highest / self.lowest


def spreads(entries: Iterable[AtlasEntry]) -> list[Spread]:
    """Of each network and input that two papers or more print a cost of, the widest first."""
    found = {}
    for entry in entries:
        printed: dict[IntShape, list[tuple[Fraction, str]]] = {}
        for figure in entry.published:
            value = parse_figure(figure.cell.printed, UNITS[figure.cell.printed_unit])
            if value is not None and figure.cost_on:
                printed.setdefault(figure.cost_on, []).append((value.value, figure.paper))
        for on, costs in printed.items():
            papers = {paper for _, paper in costs}
            if len(papers) > 1:
                (low, low_by), (high, high_by) = min(costs), max(costs)
                found[identity(entry.name), on] = Spread(
                    entry.name, on, float(low), low_by, float(high), high_by, len(papers)
                )
    return sorted(found.values(), key=lambda spread: -spread.ratio)
