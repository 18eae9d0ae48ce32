"""Which tensors of a trace are parameters or buffers, or stand for one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from copy import copy

from torch import Tensor


class State:
    """The parameters and buffers of a model, and the views and stand-ins of them that appear.

    Tensors are known by their ids, so those that come and go in a trace are kept alive.
    """

    def __init__(self, params: Sequence[Tensor], buffers: Sequence[Tensor]) -> None:
        ids = list(map(id, params))
        self._origins: dict[int, Tensor] = dict(zip(map(id, buffers), buffers, strict=True))
        # By the same ids, whether it stands for a parameter, not a buffer.
        self.trained: dict[int, bool] = dict.fromkeys(self._origins, False)
        self._origins.update(zip(ids, params, strict=True))
        self.trained.update(dict.fromkeys(ids, True))
        self._unused = dict(zip(ids, map(Tensor.numel, params), strict=True))
        self._alive: list[Tensor] = []

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._origins

    def without_uses(self) -> State:
        """The same tensors, of which none is used for the first time."""
        twin = copy(self)
        twin._unused = {}
        return twin

    def held(self) -> list[Tensor]:
        """The parameters and buffers themselves."""
        return list(self._origins.values())

    def stand_in(self, origin: Tensor, other: Tensor) -> None:
        """From here on `other` stands for the parameter or buffer that `origin` stands for."""
        held = self._origins.get(id(origin))
        if held is not None:
            self._origins[id(other)] = held
            self.trained[id(other)] = self.trained[id(origin)]
            self.keep(other)

    def keep(self, tensor: Tensor) -> None:
        """Keep a tensor alive: an id is only unique among the living."""
        self._alive.append(tensor)

    def release(self, addresses: Container[int]) -> None:
        """Let go of what stands for a parameter or buffer in storages of these addresses."""
        for i in range(len(self._alive) - 1, -1, -1):
            tensor = self._alive[i]
            if tensor in self and tensor.untyped_storage()._cdata in addresses:
                del self._origins[id(tensor)], self.trained[id(tensor)], self._alive[i]

    def forget(self) -> None:
        """Let go of every tensor."""
        for kept in (self._origins, self.trained, self._alive):
            kept.clear()

    def first_uses(self, tensors: Iterable[Tensor]) -> int:
        """Elements of the parameters among `tensors` that no earlier op has used."""
        origins, params = self._origins, 0
        for tensor in tensors:
            held = origins.get(id(tensor))
            if held is not None:
                params += self._unused.pop(id(held), 0)
        return params
