"""A network as it is drawn: stages, the units in them, and a unit's layers with what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from shufflenet_flops.counting import Convention
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.report.grid import percent
from shufflenet_flops.report.view.links import (
    Fork,
    LayerBox,
    Link,
    ModuleChain,
    flat,
    links_of_spec,
    merged,
    modules_of,
    shape_of,
    spec_of,
)

# A network that takes more boxes is not drawn.
MOST_BOXES = 800
# A module is drawn as a whole with at most so many layers, unless it is made of units, which have
# at least so many. Else it is a list of its modules.
MOST_LAYERS = 24
_LEAST_OF_A_UNIT = 3


@dataclass(frozen=True)
class ModuleBox:
    """A module that opens to its parts: modules in turn, or layers that are drawn.

    `cost` is that of all `repeats` modules alike, which go to the one named `last`, with its share
    of the network as text.
    """

    name: str
    output: str
    cost: int
    share: str
    parts: tuple[Link | ModuleBox, ...]
    repeats: int = 1
    last: str = ""
    is_open: bool = False

    @property
    def has_blocks(self) -> bool:
        """Whether it opens to modules."""
        return any(isinstance(part, ModuleBox) for part in self.parts)


@dataclass(frozen=True)
class Drawing:
    """A network from its input down; `origin` says how it is known what reads what."""

    input: str
    parts: tuple[Link | ModuleBox, ...]
    origin: str


def drawing(result: CountResult, convention: Convention) -> Drawing | None:
    """The network as its spec joins it, or its modules in the order they run; not of very many."""
    table = result.table
    spec = spec_of(result)
    if spec is None:
        root = ModuleChain("", modules_of(table.rows, 0, convention))
        origin = (
            "Modules and layers in the order they run. A trace does not tell which layer reads "
            "which, so shortcuts are not drawn."
        )
    else:
        rows = {row.path: row for row in table.rows}
        root = ModuleChain("", tuple(links_of_spec(spec, "", "", rows, convention)))
        origin = "From the network's spec, which says what is joined with what."
    total = table.total(convention)
    parts = _opened(_parts(_only_child(root), total))
    if sum(map(_boxes, parts)) > MOST_BOXES:
        return None
    return Drawing(
        " and ".join(shape_of(shape) for shape in table.rows[0].inputs[:1]) if table.rows else "",
        parts,
        origin,
    )


def _only_child(chain: ModuleChain) -> ModuleChain:
    """The first module with more than one part."""
    while len(chain.parts) == 1 and isinstance(chain.parts[0], ModuleChain):
        chain = chain.parts[0]
    return chain


def _size(part: Link | ModuleChain) -> int:
    """How many boxes it takes to draw it."""
    if isinstance(part, LayerBox):
        return 1
    if isinstance(part, Fork):
        return 1 + sum(_size(link) for branch in part.branches for link in branch)
    return sum(map(_size, flat(part.parts)))


def _boxes(part: Link | ModuleBox) -> int:
    """How many boxes there are, those of modules that are alike once."""
    if isinstance(part, ModuleBox):
        return 1 + sum(map(_boxes, part.parts))
    return _size(part)


def _parts(chain: ModuleChain, total: int) -> tuple[Link | ModuleBox, ...]:
    """The chain's layers, or its modules with those alike as one, where it is large."""
    sizes = [_size(part) for part in chain.parts if isinstance(part, ModuleChain)]
    units = sum(size >= _LEAST_OF_A_UNIT for size in sizes)
    if not sizes or (units < 2 and _size(chain) <= MOST_LAYERS):
        return tuple(flat(chain.parts))
    parts: list[Link | ModuleBox] = []
    for part in chain.parts:
        added = _block(part, total) if isinstance(part, ModuleChain) else part
        before = parts[-1] if parts else None
        if isinstance(added, ModuleBox) and isinstance(before, ModuleBox) and _alike(before, added):
            cost = before.cost + added.cost
            parts[-1] = replace(
                before,
                last=added.name,
                cost=cost,
                share=percent(cost, total),
                repeats=before.repeats + 1,
            )
        else:
            parts.append(added)
    return tuple(_joined_links(parts))


def _joined_links(parts: Sequence[Link | ModuleBox]) -> Iterator[Link | ModuleBox]:
    """With norms and activations as words of the layers before them."""
    for is_block, run in groupby(parts, key=lambda part: isinstance(part, ModuleBox)):
        if is_block:
            yield from run
        else:
            yield from merged([part for part in run if not isinstance(part, ModuleBox)])


def _alike(first: ModuleBox, second: ModuleBox) -> bool:
    """Whether they hold the same layers, and do the same work."""
    return first.cost == first.repeats * second.cost and first.parts == second.parts


def _block(chain: ModuleChain, total: int) -> Link | ModuleBox:
    """A module with more than one layer, or the layer that is all of it."""
    names = [chain.name]
    while len(chain.parts) == 1 and isinstance(chain.parts[0], ModuleChain):
        chain = chain.parts[0]
        names.append(chain.name)
    name = ".".join(names)
    parts = _parts(chain, total)
    if len(parts) == 1 and isinstance(parts[0], LayerBox):
        return replace(parts[0], name=name)
    return ModuleBox(name, _output(parts), chain.cost, percent(chain.cost, total), parts)


def _output(parts: Sequence[Link | ModuleBox]) -> str:
    last = parts[-1]
    return last.join.output if isinstance(last, Fork) else last.output


def _opened(parts: tuple[Link | ModuleBox, ...]) -> tuple[Link | ModuleBox, ...]:
    """With the heaviest module open, and in it all those that are drawn."""
    blocks = [part for part in parts if isinstance(part, ModuleBox)]
    if not blocks:
        return parts
    heaviest = max(blocks, key=lambda block: block.cost)
    return tuple(_open(part) if part is heaviest else part for part in parts)


def _open(part: Link | ModuleBox) -> Link | ModuleBox:
    if not isinstance(part, ModuleBox):
        return part
    inside = part.parts
    if all(isinstance(child, ModuleBox) and not child.has_blocks for child in inside):
        inside = tuple(
            replace(child, is_open=True) for child in inside if isinstance(child, ModuleBox)
        )
    else:
        inside = _opened(inside)
    return replace(part, is_open=True, parts=inside)
