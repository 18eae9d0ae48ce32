"""What a model asks of sizes: numbers that remember how they were made of sizes that were read.

A model that does one thing at some sizes and another at others compares a size, or a number that it
made of sizes, with something. Such a question tells at which other sizes its answer is another.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import ref

# Where a size was read: the module, the code, the place in it, the how-many-eth time, the axis.
Read: TypeAlias = tuple[str, int, int, int, int]
# A read, a number, or the name of an operation with what it is of.
Tree: TypeAlias = Any


@dataclass
class AskedSizes:
    """What was asked in one run: sizes by where they were read, and answers by the question."""

    sizes: dict[Read, int] = field(default_factory=dict)
    questions: dict[Tree, bool] = field(default_factory=dict)
    is_over: bool = False
    _times: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    _read: dict[int, tuple[ref[Any], Any, Any]] = field(default_factory=dict)

    def read(self, path: str, code: int, place: int, tensor: Any, sizes: Any) -> Any:
        """The sizes of a tensor that a module reads at a place of its code, to be followed.

        Those of a tensor of which they were read before are the same.
        """
        of, then, followed = self._read.get(id(tensor), (None, None, None))
        if of is not None and of() is tensor and then == sizes:
            return followed
        where = path, code, place
        time = self._times[where]
        self._times[where] += 1
        followed = type(sizes)(
            [self._size((*where, time, axis), size) for axis, size in enumerate(sizes)]
        )
        self._read[id(tensor)] = ref(tensor), sizes, followed
        return followed

    def _size(self, read: Read, size: int) -> int:
        self.sizes[read] = size
        followed: int = _followed(size, read, self)
        return followed

    def answer(self, question: Tree, answer: bool) -> bool:
        """Remember what a question came to."""
        if not self.is_over:
            self.questions[question] = answer
        return answer


_CURRENT: ContextVar[AskedSizes | None] = ContextVar("asked_sizes", default=None)


def current() -> AskedSizes | None:
    """Where what is asked of sizes is to be kept; None where nobody wants to know."""
    return _CURRENT.get()


@contextmanager
def kept() -> Iterator[AskedSizes]:
    """Keeps what is asked within it."""
    asked = AskedSizes()
    token = _CURRENT.set(asked)
    try:
        yield asked
    finally:
        _CURRENT.reset(token)
        asked.is_over = True


class Followed:
    """A number that was made of sizes, and how."""

    tree: Tree
    asked: AskedSizes

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        return type(self).__mro__[2], (plain(self),)  # a copy is a plain number


class FollowedInt(Followed, int):
    """A whole number."""


class FollowedFloat(Followed, float):
    """Any other, as of a division."""


def _followed(number: Any, tree: Tree, asked: AskedSizes) -> Any:
    kind = {int: FollowedInt, float: FollowedFloat}.get(type(number))
    if kind is None or asked.is_over:
        return number
    followed = kind(number)
    followed.tree, followed.asked = tree, asked
    return followed


def plain(value: Any) -> Any:
    """A number as Python has it, and those in tuples and lists; anything else as it is."""
    if isinstance(value, FollowedInt):
        return int.__int__(value)
    if isinstance(value, FollowedFloat):
        return float.__float__(value)
    if value.__class__ in _SEVERAL:
        return value.__class__(map(plain, value))
    return value


_SEVERAL = frozenset({tuple, list})
_MAY_BE_FOLLOWED = _SEVERAL | {FollowedInt, FollowedFloat}


def plain_arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a call, of which most have no number that is followed."""
    for value in args:
        if value.__class__ in _MAY_BE_FOLLOWED:
            return tuple(map(plain, args))
    return args


def _tree(value: Any) -> Tree:
    return value.tree if isinstance(value, Followed) else ("number", value)


_BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in "add sub mul floordiv truediv mod pow lshift rshift and_ or_ xor".split()
}
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in "eq ne lt le gt ge".split()
}
_UNARY: Mapping[str, Callable[[Any], Any]] = {
    "neg": operator.neg,
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "trunc": math.trunc,
    "round": round,
}
OPERATIONS: Mapping[str, Callable[..., Any]] = {**_BINARY, **_COMPARED, **_UNARY, "bool": bool}


def _binary(name: str, work: Callable[[Any, Any], Any], *, swapped: bool) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        number = work(plain(left), plain(right))
        return _followed(number, (name, _tree(left), _tree(right)), self.asked)

    return method


def _compared(name: str, work: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        question = name, _tree(self), _tree(other)
        return self.asked.answer(question, work(plain(self), plain(other)))

    return method


def _unary(name: str, work: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Any, *places: Any) -> Any:
        number = work(plain(self), *places)
        return number if places else _followed(number, (name, self.tree), self.asked)

    return method


def _divmod(self: Any, other: Any) -> Any:
    if not isinstance(other, int | float):
        return NotImplemented
    return self // other, self % other


def _bool(self: Any) -> bool:
    answer: bool = self.asked.answer(("bool", self.tree), bool(plain(self)))
    return answer


def _follow(kind: Any) -> None:
    for name, work in _BINARY.items():
        bare = name.rstrip("_")
        if hasattr(kind, f"__{bare}__"):
            setattr(kind, f"__{bare}__", _binary(name, work, swapped=False))
            setattr(kind, f"__r{bare}__", _binary(name, work, swapped=True))
    for name, compare in _COMPARED.items():
        setattr(kind, f"__{name}__", _compared(name, compare))
    for name, change in _UNARY.items():
        setattr(kind, f"__{name}__", _unary(name, change))
    kind.__divmod__, kind.__bool__ = _divmod, _bool
    kind.__hash__ = kind.__mro__[2].__hash__


_follow(FollowedInt)
_follow(FollowedFloat)
