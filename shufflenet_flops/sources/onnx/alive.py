"""When each value of an ONNX graph is made, and the last node that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from shufflenet_flops.counting import Row
from shufflenet_flops.peak.timeline import Moment, Storage, Timeline
from shufflenet_flops.sources.onnx.inference import Inference

if TYPE_CHECKING:
    from onnx import NodeProto


class Alive:
    """Follows the nodes in the order of the file: each is a moment at which its results are made.

    A value is alive to the last node that reads it, or a view of it; what the graph gives, to the
    end. No node writes over what it reads.
    """

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._moments: list[Moment] = []
        self._made: list[Storage] = []
        self._storage: dict[str, int] = {}  # the place of a value's storage among those made
        self._last: list[int] = []  # the moment that last needs it
        self._not_known: dict[str, None] = {}

    def ran(self, node: NodeProto, row: Row | None, path: str, made: Iterable[str]) -> None:
        """A node has run, with the row that it has, and `made` these values; none of a view."""
        now = len(self._moments)
        read = [self._storage[name] for name in node.input if name in self._storage]
        made = list(made)
        if not made:
            self._storage.update(dict.fromkeys(node.output, read[0]) if read else {})
            return
        op = row.op if row is not None else node.op_type
        for place in read:
            self._last[place] = now
        for name in made:
            operand = self._inference.operands.get(name)
            if operand is None:
                self._not_known[f"{name} of {op}, whose shape is not known"] = None
                continue
            dtype = self._inference.dtype(name)
            self._storage[name] = len(self._made)
            self._made.append(Storage(operand.size_bytes, now, now, operand.shape, dtype, path, op))
            self._last.append(now)
        self._moments.append(Moment(path, op))

    def timeline(self, held: Mapping[str, int], outputs: Iterable[str]) -> Timeline:
        """What is alive when, beside what is `held` all the time."""
        end = len(self._moments) - 1
        for name in outputs:
            if name in self._storage:
                self._last[self._storage[name]] = end
        storages = (
            storage._replace(died=last + 1)
            for storage, last in zip(self._made, self._last, strict=True)
            if storage.bytes
        )
        return Timeline(
            held, tuple(self._moments), tuple(storages), not_known_for=tuple(self._not_known)
        )
