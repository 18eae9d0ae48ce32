"""What stands for which real tensor."""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import ref

from torch import Tensor


class StandIns:
    """Stand-ins of real tensors, each for as long as its tensor is alive.

    A tensor is known by its id, which is unique among the living.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[ref[Tensor], Tensor]] = {}

    def get(self, x: Tensor) -> Tensor | None:
        """The stand-in of `x`, if it has one."""
        known = self._by_id.get(id(x))
        return None if known is None else known[1]

    def add(self, x: Tensor, stand_in: Tensor) -> None:
        """From here on `stand_in` stands for `x`."""
        self._by_id[id(x)] = ref(x, partial(self._forget, id(x))), stand_in

    def _forget(self, key: int, _: Any) -> None:
        self._by_id.pop(key, None)

    def clear(self) -> None:
        """Let go of every stand-in."""
        self._by_id.clear()
