"""Tensors of a trace that have values: what the code writes down, and what follows from that alone.

They are computed for real, on the device that was asked for. So a table of positions or a mask
that a model keeps for its next call is a real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.draws import Draws
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.torch_private import Written, written_arguments

LIMIT = 2**20  # elements: larger results stay without values, as they would take too long


class Constants:
    """Which real tensors of a trace have values that are their own, and what is computed of them.

    One that is written to by a stand-in, or that somebody else owns, is written to in name only.
    From then on its values, and those of its views, are not its own.
    """

    def __init__(self, state: State, draws: Draws) -> None:
        self._state = state
        self._draws = draws
        self._made: dict[int, ref[Any]] = {}  # storages made in this trace, by their address
        self._overwritten: set[int] = set()
        self._origins: dict[int, ref[Tensor]] = {}  # by the ids of the stand-ins for them
        self.results: list[ref[Tensor]] = []

    def has_values(self, value: Any) -> bool:
        """Whether it is a real tensor, none of the model's state, whose values are its own."""
        if not isinstance(value, Tensor) or value.is_meta or value in self._state:
            return False
        if not is_dense(value):
            return False
        return not self._overwritten or _address(value) not in self._overwritten

    def all_have_values(self, *values: Any) -> bool:
        """Whether that is so of every tensor in the nested values, if there is any."""
        return all(map(self.has_values, tensors_of(values)))

    def stand_in(self, origin: Tensor, other: Tensor) -> None:
        """From here on `other` stands for the constant `origin`, as long as that is alive."""
        key = id(other)
        self._origins[key] = ref(origin, lambda _: self._origins.pop(key, None))

    def compute(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        sizes_of: Any = None,
        limit: int | None = LIMIT,
    ) -> Any:
        """The call's result with values, where it follows from constants alone; otherwise None.

        `sizes_of` is the result without values, where that is known before.
        """
        if not self._is_allowed(func, args, kwargs):
            return None
        operands = list(tensors_of((args, kwargs)))
        sizes = (tensor.numel() for tensor in (*operands, *tensors_of(sizes_of)))
        if limit is not None and any(size > limit for size in sizes):
            return None
        with torch_private.without_functions():
            result = self._draws.run(func, args, kwargs)
        given = {_address(operand) for operand in operands}
        for tensor in tensors_of(result):
            if _address(tensor) not in given:
                self.adopt(tensor)
            self.results.append(ref(tensor))
        return result

    def adopt(self, made: Tensor) -> None:
        """A constant that was made in this trace, so that it may be written to."""
        storage = made.untyped_storage()
        address = storage.data_ptr()
        self._made[address] = ref(storage, partial(self._gone, address))
        self.results.append(ref(made))

    def _gone(self, address: int, _: Any) -> None:
        """An address is unique among the living."""
        self._made.pop(address, None)
        self._overwritten.discard(address)

    def _is_allowed(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        device = kwargs.get("device")
        on_meta = device is not None and torch.device(device).type == "meta"
        if on_meta or kwargs.get("generator") is not None:
            return False
        if not self.all_have_values(args, kwargs):
            return False
        written = written_arguments(func)
        targets = [args[at] if at < len(args) else kwargs.get(name) for at, name in written]
        return all(_address(x) in self._made for x in tensors_of(targets))

    def note_writing(
        self, written: Written, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """The call writes to constants in name only, if it writes to any."""
        for position, name in written:
            target = args[position] if position < len(args) else kwargs.get(name)
            if target.__class__ is Tensor and target.is_meta and id(target) not in self._origins:
                continue  # it stands for no constant, as most do not
            for tensor in tensors_of(target):
                known = self._origins.get(id(tensor))
                origin = None if known is None else known()
                origin = tensor if origin is None else origin
                if not origin.is_meta and origin not in self._state and origin.numel():
                    self._overwritten.add(_address(origin))

    def overwritten(self) -> Iterator[ref[Tensor]]:
        """The constants made in this trace whose values are not their own any more."""
        for result in self.results:
            tensor = result()
            if tensor is not None and _address(tensor) in self._overwritten:
                yield result

    def forget(self) -> None:
        """Let go of every tensor."""
        for kept in (self._made, self._origins):
            kept.clear()


def _address(tensor: Tensor) -> int:
    with torch_private.without_functions():
        return tensor.untyped_storage().data_ptr()
