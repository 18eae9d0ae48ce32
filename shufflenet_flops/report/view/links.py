"""The layers of a network as boxes, in chains and forks: from its spec, or in the order they run.

Of a network in the zoo the spec says which layers read which. A trace or a graph gives layers in
the order in which they run, with their module paths; these are chains without forks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from shufflenet_flops.counting import Convention, Row, Table
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.report.view.lines import ROOT
from shufflenet_flops.spec import Kind, Node, shape_text
from shufflenet_flops.spec.tree import Join, Seq
from shufflenet_flops.zoo import find

_MERGED = frozenset({Kind.NORM, Kind.ACTIVATION})
_CONVS: Mapping[Kind, str] = {
    Kind.DENSE_CONV: "Conv",
    Kind.POINTWISE_CONV: "Conv",
    Kind.GROUPED_POINTWISE_CONV: "GConv",
    Kind.GROUPED_CONV: "GConv",
    Kind.DEPTHWISE_CONV: "DWConv",
}
_TITLES: Mapping[str, str] = {
    "add": "Add",
    "cat": "Concat",
    "mul": "Scale",
    "batch_norm": "BN",
    "layer_norm": "LN",
    "relu": "ReLU",
    "linear": "Linear",
    "channel_shuffle": "Channel shuffle",
    "max_pool2d": "Max pool",
    "avg_pool2d": "Average pool",
    "adaptive_avg_pool2d": "Global average pool",
}


@dataclass(frozen=True)
class LayerBox:
    """One box: what the layer does, on its output's shape (channels first, without the batch).

    `then` are the norms and activations that follow it at once.
    """

    name: str
    title: str
    detail: str
    kind: str
    output: str
    cost: int
    then: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fork:
    """Branches that read the same input, each a chain that may be empty, and what joins them."""

    branches: tuple[tuple[Link, ...], ...]
    join: LayerBox

    @property
    def cost(self) -> int:
        """The work of all branches and of the join."""
        return self.join.cost + sum(link.cost for branch in self.branches for link in branch)


@dataclass(frozen=True)
class ModuleChain:
    """A module: its parts in the order they run."""

    name: str
    parts: tuple[Link | ModuleChain, ...]

    @property
    def cost(self) -> int:
        """The work of all parts."""
        return sum(part.cost for part in self.parts)


Link: TypeAlias = LayerBox | Fork


def spec_of(result: CountResult) -> Node | None:
    """The spec of a network of the zoo, if it has the very layers that were counted."""
    if not result.specified:
        return None
    try:
        network = find(result.model)
    except ShufflenetFlopsError:  # results of another version, whose name is no longer known
        return None
    counted = [row.path for row in result.table.rows]
    paths = list(_row_paths(network.spec, ""))
    return network.spec if paths == counted and len(set(paths)) == len(paths) else None


def _row_paths(node: Node, path: str) -> Iterator[str]:
    """The paths of the ops that have a row, in the order of the walk."""
    if isinstance(node, Seq):
        for name, child in node.children:
            yield from _row_paths(child, _under(path, name))
    elif isinstance(node, Join):
        for name, child in node.branches:
            yield from _row_paths(child, _under(path, name))
        yield path
        for name, child in node.after:
            yield from _row_paths(child, _under(path, name))
    elif not node.free:
        yield path


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def links_of_spec(
    node: Node, path: str, name: str, rows: Mapping[str, Row], convention: Convention
) -> Iterator[Link | ModuleChain]:
    """The parts that a node of the spec adds to the chain that it stands in."""

    def chain(children: Sequence[tuple[str, Node]]) -> tuple[Link | ModuleChain, ...]:
        return tuple(
            part
            for child_name, child in children
            for part in links_of_spec(child, _under(path, child_name), child_name, rows, convention)
        )

    if isinstance(node, Seq):
        parts = chain(node.children)
        yield from [ModuleChain(name, parts)] if name else parts
    elif isinstance(node, Join):
        fork = Fork(
            tuple(tuple(flat(chain([branch]))) for branch in node.branches),
            replace(_layer(rows[path], convention), name=""),
        )
        parts = (fork, *chain(node.after))
        yield from [ModuleChain(name, parts)] if name else parts
    elif not node.free:
        yield _layer(rows[path], convention)


def modules_of(
    rows: Sequence[Row], depth: int, convention: Convention
) -> tuple[LayerBox | ModuleChain, ...]:
    """Rows in the order they run, with those of one module together while it runs."""
    parts: list[LayerBox | ModuleChain] = []
    for name, group in groupby(rows, key=lambda row: (*row.path.split("."), "")[depth]):
        inside = list(group)
        if not name:  # what the module around does itself
            parts += [replace(_layer(row, convention), name="") for row in inside]
        elif len(inside) == 1 and inside[0].path.count(".") == depth:
            parts.append(_layer(inside[0], convention))
        else:
            parts.append(ModuleChain(name, modules_of(inside, depth + 1, convention)))
    return tuple(parts)


def _layer(row: Row, convention: Convention) -> LayerBox:
    return LayerBox(
        name=row.path.rpartition(".")[2] or ROOT,
        title=_title(row),
        detail=", ".join(_details(row)),
        kind=row.kind.value,
        output=shape_of(row.output),
        cost=Table((row,)).total(convention),
    )


def _title(row: Row) -> str:
    """As papers write it: `1×1 GConv`, `3×3 DWConv`, `Channel shuffle`."""
    title = _CONVS.get(row.kind) or _TITLES.get(row.op)
    if title is None:
        title = row.op.replace("_", " ")
    if row.kind in _CONVS and "transpose" in row.op:
        title = f"transposed {title}"
    return f"{'×'.join(map(str, row.kernel))} {title}" if row.kernel else title


def _details(row: Row) -> Iterator[str]:
    if row.groups is not None and row.groups > 1 and row.kind is not Kind.DEPTHWISE_CONV:
        yield f"g = {row.groups}"
    if row.stride and any(step != 1 for step in row.stride):
        yield f"stride {'×'.join(map(str, dict.fromkeys(row.stride)))}"


def shape_of(output: tuple[int, ...]) -> str:
    """Without the batch, as papers write it: `240×28×28`."""
    return shape_text(output[1:]).replace("x", "×") or "scalar"


def flat(parts: Sequence[Link | ModuleChain]) -> list[Link]:
    """Layers and forks without the modules around them, norms and activations as words."""
    links: list[Link] = []
    for part in parts:
        links += flat(part.parts) if isinstance(part, ModuleChain) else [part]
    return merged(links)


def merged(links: Sequence[Link]) -> list[Link]:
    done: list[Link] = []
    for link in links:
        if done and isinstance(link, LayerBox) and link.kind in _MERGED:
            before = done.pop()
            layer = before.join if isinstance(before, Fork) else before
            added = replace(
                layer,
                then=(*layer.then, link.title, *link.then),
                cost=layer.cost + link.cost,
                output=link.output,
            )
            done.append(replace(before, join=added) if isinstance(before, Fork) else added)
        else:
            done.append(link)
    return done
