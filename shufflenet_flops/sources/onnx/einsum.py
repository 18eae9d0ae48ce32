"""What an Einsum does: products where two operands have an index to sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def einsum(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Operands met one after another, as torch does: a product where two have an index to sum.

    What is summed in one operand alone is a sum before the product; where nothing is left to sum,
    the product is one of elements.
    """
    terms, out = equation_of(attributes["equation"], [len(at(xs, i).shape) for i in range(len(xs))])
    sizes: dict[str, int] = {}
    for i, term in enumerate(terms):
        for index, size in zip(term, at(xs, i).shape, strict=True):
            if size != 1 and sizes.setdefault(index, size) not in (1, size):
                raise ValueError(f"its index {index} is {sizes[index]} and {size} long")
            sizes[index] = sizes[index] if size == 1 and index in sizes else size
    weights = [at(xs, i).is_weight for i in range(len(xs))]
    counts: Counter[OpClass] = Counter()
    current = _summed(terms[0], "".join(terms[1:]) + out, sizes, counts)
    for position in range(1, len(terms)):
        later = "".join(terms[position + 1 :]) + out
        term = _summed(terms[position], current + later, sizes, counts)
        union = dict.fromkeys(current + term)
        met = prod(sizes[index] for index in union)
        current = "".join(index for index in union if index in later)
        if len(current) < len(union):
            linear = weights[position] or (position == 1 and weights[0])
            counts[OpClass.LINEAR_MACS if linear else OpClass.MATMUL_MACS] += met
        else:
            counts[OpClass.MUL_ELEMENTS] += met
    kinds = {
        OpClass.LINEAR_MACS: Kind.LINEAR,
        OpClass.MATMUL_MACS: Kind.MATMUL,
        OpClass.MUL_ELEMENTS: Kind.ELEMENTWISE,
        OpClass.REDUCTION_INPUTS: Kind.REDUCTION,
    }
    kind = next((kinds[op_class] for op_class in kinds if counts[op_class]), Kind.MOVE)
    return Work(
        "einsum", kind, {op_class: counts[op_class] for op_class in kinds if counts[op_class]}
    )


def _summed(term: str, later: str, sizes: Mapping[str, int], counts: Counter[OpClass]) -> str:
    """The indices of an operand that something after it asks for; the others are summed first."""
    kept = "".join(index for index in dict.fromkeys(term) if index in later)
    if len(kept) < len(set(term)):
        counts[OpClass.REDUCTION_INPUTS] += prod(sizes[index] for index in set(term))
    return kept


def check_equation(equation: str) -> None:
    """Raise ValueError for what is no equation: ONNX does not end on two ellipses in a term."""
    left, _, right = equation.replace(" ", "").partition("->")
    for term in (*left.split(","), right):
        letters = term.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise ValueError(f"{equation!r} is no equation: {term!r} is not of letters and one ...")


def equation_of(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The indices of each operand and of the result; an ellipsis becomes signs of its own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"{equation!r} is no equation of {len(ranks)} operands")
    # An ellipsis stands for axes counted from the last, here by signs that are no letters.
    widest = 0
    written = []
    for term, rank in zip(terms, ranks, strict=True):
        named = len(term.replace("...", ""))
        free = rank - named if "..." in term else 0
        widest = max(widest, free)
        written.append(term.replace("...", _SIGNS[len(_SIGNS) - free :]))
    if not arrow:
        once = [index for index in sorted(set(left) - set(",.")) if left.count(index) == 1]
        right = ("..." if "..." in left else "") + "".join(once)
    return written, right.replace("...", _SIGNS[len(_SIGNS) - widest :])


_SIGNS = "".join(chr(0x100 + i) for i in range(64))
