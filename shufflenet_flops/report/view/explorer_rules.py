"""What a unit asks of its sizes, with its sentences, read off the unit's own checks as data.

The unit is built from whole numbers that know how they were made. Each time a remainder is asked
for, that is a rule; where the remainder is not 0, the error that follows is its sentence. So no
rule is written here a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shufflenet_flops.errors import SpecError

# A number, a variable, or an operation: ["*", 4, "g"]; * // + and - of two expressions.
Expression: TypeAlias = int | str | list[Any]

# Sizes to build with: large ones, which have multiples on both sides of them, and small ones, which
# have none below, with and without a whole quarter.
_SIZES: tuple[Mapping[str, int], ...] = (
    {"c": 240, "m": 60, "g": 3, "h": 28, "w": 28},
    {"c": 3, "m": 1, "g": 7, "h": 28, "w": 28},
    {"c": 5, "m": 4, "g": 7, "h": 28, "w": 28},
)


class _Rules:
    """The rules that have been asked for, of which the one at `broken` is not kept."""

    def __init__(self, broken: int) -> None:
        self._broken = broken
        self._known: list[tuple[Expression, Expression]] = []
        self.reached: tuple[_Size, int] | None = None

    def remainder(self, size: _Size, by: int) -> int:
        """1 where this is the rule that is to be broken; a rule asked for again is kept again."""
        rule = size.expression, _expression(by)
        if by == 1 or rule in self._known:
            return 0
        self._known.append(rule)
        if len(self._known) - 1 != self._broken:
            return 0
        self.reached = size, by
        return 1


class _Size(int):
    """A whole number with the expression that it is the value of, which stands for it in texts."""

    expression: Expression
    rules: _Rules

    @classmethod
    def of(cls, value: int, expression: Expression, rules: _Rules) -> _Size:
        made = cls(value)
        made.expression, made.rules = expression, rules
        return made

    def _made(self, operation: str, value: int, a: int, b: int) -> _Size:
        return _Size.of(value, [operation, _expression(a), _expression(b)], self.rules)

    def __add__(self, other: int) -> _Size:
        return self._made("+", int(self) + int(other), self, other)

    def __radd__(self, other: int) -> _Size:
        return self._made("+", int(other) + int(self), other, self)

    def __sub__(self, other: int) -> _Size:
        return self._made("-", int(self) - int(other), self, other)

    def __mul__(self, other: int) -> _Size:
        if other == 1 and not isinstance(other, _Size):
            return self
        return self._made("*", int(self) * int(other), self, other)

    def __rmul__(self, other: int) -> _Size:
        return self if other == 1 else self._made("*", int(other) * int(self), other, self)

    def __floordiv__(self, other: int) -> _Size:
        return self._made("//", int(self) // int(other), self, other)

    def __mod__(self, other: int) -> int:
        return self.rules.remainder(self, other)

    def __divmod__(self, other: int) -> tuple[_Size, int]:
        return self // other, self % other

    def __format__(self, spec: str) -> str:
        return f"\0{json.dumps(self.expression)}\0"

    def __str__(self) -> str:
        return format(self)


def _expression(number: int) -> Expression:
    return number.expression if isinstance(number, _Size) else number


def rules_of(build: Callable[..., object], variables: list[str]) -> list[dict[str, Any]]:
    """The rules of `build`, a function of these variables, in the order in which it asks.

    Each has a `size`, which must be divisible by `by`, and two sentences, of texts and expressions
    in turn: for a size `above` the divisor, and for one `below`.
    """
    rules: list[dict[str, Any]] = []
    while rule := _rule(build, variables, len(rules)):
        rules.append(rule)
    return rules


def _rule(build: Callable[..., object], variables: list[str], number: int) -> dict[str, Any]:
    """The rule of this number with its sentences; empty where there are no more."""
    rule: dict[str, Any] = {}
    for sizes in _SIZES:
        rules = _Rules(number)
        try:
            build(**{name: _Size.of(sizes[name], name, rules) for name in variables})
        except SpecError as error:
            if rules.reached is None:  # another rule, which such small sizes break
                continue
            size, by = rules.reached
            pieces = re.split("\0(.*?)\0", str(error))
            rule |= {
                "size": size.expression,
                "by": _expression(by),
                "below" if size < by else "above": [
                    json.loads(piece) if i % 2 else piece for i, piece in enumerate(pieces)
                ],
            }
    return rule


def expression_of(build: Callable[..., Any], variables: list[str]) -> Expression:
    """What a function of these variables gives, as an expression in them."""
    rules = _Rules(-1)
    return _expression(
        build(**{name: _Size.of(_SIZES[0][name], name, rules) for name in variables})
    )
