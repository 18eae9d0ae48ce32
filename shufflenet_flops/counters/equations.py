"""What counters make of the equations of `einsum`, for which torch calls products of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from string import ascii_letters

from torch import Tensor

from shufflenet_flops.counters.closer import FunctionCall
from shufflenet_flops.trace.arguments import tensors_of

EquationCost = Callable[[Mapping[str, int], str], int]


def summed_letters(
    calls: Iterable[FunctionCall], cost: EquationCost, *, with_dots: bool = True
) -> int:
    """What equations of one or two factors cost more than the products that torch makes of them.

    Of two factors torch first sums over the letters that one of them has alone, and takes none of
    size 1 for a sum; of one factor it makes no product. `cost` is what a counter makes of sizes by
    letter and the result's letters.
    """
    more = 0
    for equation in _equations(calls):
        if len(equation.factors) > 2 or (equation.has_dots and not with_dots):
            continue
        kept = {
            letter: size
            for letter, size in equation.sizes.items()
            if size > 1
            and (letter in equation.result or all(letter in factor for factor in equation.factors))
        }
        more += cost(equation.sizes, equation.result)
        more -= cost(kept, equation.result) if len(equation.factors) == 2 else 0
    return more


def index_products(calls: Iterable[FunctionCall]) -> int:
    """The product of all sizes in equations of three factors or more, but for those with dots."""
    return sum(
        prod(equation.sizes.values())
        for equation in _equations(calls)
        if len(equation.factors) > 2 and not equation.has_dots
    )


@dataclass(frozen=True)
class _Equation:
    """One for `einsum`, with letters in the place of dots, and the sizes of all letters."""

    factors: tuple[str, ...]
    result: str
    sizes: Mapping[str, int]
    has_dots: bool


def _equations(calls: Iterable[FunctionCall]) -> Iterator[_Equation]:
    for call in calls:
        if call.name == "einsum" and call.args and isinstance(call.args[0], str):
            yield _equation(call.args[0].replace(" ", ""), [*tensors_of(call.args[1:])])


def _equation(text: str, tensors: Sequence[Tensor]) -> _Equation:
    given, arrow, result = text.partition("->")
    factors = given.split(",")
    dotted = [
        tensor.dim() - len(factor.replace("...", "")) if "..." in factor else 0
        for factor, tensor in zip(factors, tensors, strict=True)
    ]
    free = [letter for letter in ascii_letters if letter not in text][: max(dotted)]
    whole = "".join(free)
    if not arrow:
        result = whole + "".join(letter for letter in given if given.count(letter) == 1)
    factors = [
        factor.replace("...", whole[len(whole) - axes :])
        for factor, axes in zip(factors, dotted, strict=True)
    ]
    sizes: dict[str, int] = {}
    for factor, tensor in zip(factors, tensors, strict=True):
        for letter, size in zip(factor, tensor.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return _Equation(tuple(factors), result.replace("...", whole), sizes, "..." in given)
