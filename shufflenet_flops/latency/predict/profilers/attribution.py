"""Whose time an engine's node is: that of the op that it computes, or of one that it serves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shufflenet_flops.latency.predict.kernels import Kernel


@dataclass(frozen=True)
class EngineNode:
    """A node of an engine's optimised graph, in the order it runs.

    `names` tell which nodes of our graph it stands for; `inputs` and `outputs` name values.
    `kernel` is what it is by itself, None where that is not known or it does nothing.
    """

    names: Sequence[str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    seconds: float
    kernel: Kernel | None = None


def seconds_by_path(nodes: Sequence[EngineNode], paths: frozenset[str]) -> dict[str, float]:
    """Seconds of each op at `paths`.

    A node that computes none of them, such as a change of layout, makes the input ready of the
    first op that takes what it writes, or brings out what the op before has written.
    """
    owners = [_path(node.names, paths) for node in nodes]
    consumer: dict[str, str] = {}  # of a value: the op that takes it first
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        if owners[place] is None:
            users = (consumer[name] for name in node.outputs if name in consumer)
            owners[place] = next(users, None)
        if (owner := owners[place]) is not None:
            consumer.update(dict.fromkeys(node.inputs, owner))
    parts: defaultdict[str, float] = defaultdict(float)
    producer: dict[str, str] = {}
    for node, owner in zip(nodes, owners, strict=True):
        if owner is None:
            owner = next((producer[name] for name in node.inputs if name in producer), "")
        producer.update(dict.fromkeys(node.outputs, owner))
        parts[owner] += node.seconds
    return dict(parts)


def _path(names: Iterable[str], paths: frozenset[str]) -> str | None:
    """The op that a node is named after: `PATH/part:number`, or `PATH` alone where it is one."""
    stems = (name.partition(":")[0] for name in names)
    both = (part for stem in stems for part in (stem, stem.partition("/")[0]))
    return next((part for part in both if part in paths), None)
