"""Filters such as `macs < 40M and g > 1`: parsed into array operations, never run as Python.

A metric may be compared with an amount, `40M` or `95.5 MiB`, as options and budgets have it.
Comparisons of columns with each other and with numbers are exact. `//`, `%` and negation stay in
whole numbers; `+ - * /` are done in double precision, where they cannot overflow.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from shufflenet_flops.counting.amount import NUMBER, parse_amount
from shufflenet_flops.counting.metric import METRICS, TIME
from shufflenet_flops.errors import InputError, UnknownNameError, shown

Columns = Mapping[str, npt.NDArray[np.int64]]
Mask = npt.NDArray[np.bool_]

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_IN_DOUBLES: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_WHOLE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_KEYWORD = rf"(?:{'|'.join(keyword.kwlist)})\b"
_AMOUNT = re.compile(rf"(?<![\w.]){NUMBER.pattern}(?P<unit> ?(?!{_KEYWORD})[A-Za-zµμ]+)?(?!\w)")
_METRICS = frozenset(metric.name for metric in METRICS)
_LONGEST = 2000
_DEEPEST = 100  # parts within parts: `1 + 1 + 1` is two
_LARGEST = 1e100
_HELP = "write comparisons of columns and numbers joined by and, or, not: macs < 40M and g > 1"


@dataclass(frozen=True)
class Filter:
    """A parsed filter over named columns."""

    text: str
    _tree: ast.expr

    def mask(self, columns: Columns) -> Mask:
        """Which rows of `columns`, all of one length, it lets through."""
        with np.errstate(all="ignore"):  # infinities compare like numbers
            return np.asarray(_logical(self._tree, columns), dtype=np.bool_)


# Each thread of a sweep parses, and Python 3.11 counts how deep with one counter for all of them.
_ONE_AT_A_TIME = Lock()


def parse_filter(text: str, columns: Collection[str]) -> Filter:
    """The filter that `text` describes.

    Raises UnknownNameError for a name that is no column, InputError for anything but comparisons.
    """
    if len(text) > _LONGEST:
        raise InputError(f"--where: {len(text)} characters are too many; {_LONGEST} are allowed")
    # An amount stands as text in the tree until it is known of what; no other text can be there.
    written = text if {"'", '"'} & set(text) else _AMOUNT.sub(_as_text, text)
    try:
        with _ONE_AT_A_TIME:
            tree = ast.parse(written.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise InputError(f"--where {text!r} cannot be read: {_HELP}") from None
    if _depth(tree) > _DEEPEST:
        raise InputError(
            f"--where {shown(text)}: nested more than {_DEEPEST} deep: write it shorter"
        )
    if written != text:
        tree = _Amounts(text).visit(tree)
    _check(tree, text, columns, want_logical=True)
    return Filter(text, tree)


def _as_text(number: re.Match[str]) -> str:
    """An amount in quotes; a number that Python reads, as it is."""
    return repr(number[0]) if number["unit"] or "," in number[0] else number[0]


class _Amounts(ast.NodeTransformer):
    """Puts the number for each amount in a comparison with one metric."""

    def __init__(self, text: str) -> None:
        self._text = text

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        metrics = names & _METRICS
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                if len(metrics) != 1:
                    raise InputError(
                        f"--where {self._text!r}: {part.value} must be compared with one metric, "
                        "as in macs < 40M; write a whole number here"
                    )
                try:
                    amount = parse_amount(next(iter(metrics)), part.value)
                    part.value = int(amount) if amount == int(amount) else float(amount)
                except InputError as error:
                    raise InputError(f"--where {self._text!r}: {error}") from None
        return node


def _depth(tree: ast.expr) -> int:
    """How many expressions stand within each other, counted without recursion."""
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [
            part
            for node in level
            for part in ast.iter_child_nodes(node)
            if isinstance(part, ast.expr)
        ]
    return deepest


def _check(node: ast.expr, text: str, columns: Collection[str], *, want_logical: bool) -> None:
    """Refuse every kind of node that is not listed here."""
    match node:
        case ast.BoolOp(values=parts) if want_logical:
            for part in parts:
                _check(part, text, columns, want_logical=True)
        case ast.UnaryOp(op=ast.Not(), operand=part) if want_logical:
            _check(part, text, columns, want_logical=True)
        case ast.Compare(left=left, ops=ops, comparators=others) if want_logical and all(
            type(op) in _COMPARE for op in ops
        ):
            for part in (left, *others):
                _check(part, text, columns, want_logical=False)
        case ast.BinOp(left=left, op=op, right=right) if not want_logical and (
            type(op) in _IN_DOUBLES or type(op) in _WHOLE
        ):
            _check(left, text, columns, want_logical=False)
            _check(right, text, columns, want_logical=False)
            divides = isinstance(op, ast.Div | ast.FloorDiv | ast.Mod)
            if divides and not any(isinstance(part, ast.Name) for part in ast.walk(right)):
                with np.errstate(all="ignore"):
                    if not np.all(_number(right, {})):
                        raise InputError(f"--where {text!r}: {ast.unparse(node)!r} divides by zero")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=part) if not want_logical:
            _check(part, text, columns, want_logical=False)
        case ast.Constant(value=int() | float() as value) if not want_logical and not isinstance(
            value, bool
        ):
            if not abs(value) <= _LARGEST:
                raise InputError(f"--where {text!r}: numbers go up to {_LARGEST:.0e}")
        case ast.Name(id=name) if not want_logical:
            check_column(name, columns)
        case _:
            raise InputError(f"--where {text!r}: {ast.unparse(node)!r} is not allowed; {_HELP}")


def check_column(name: str, columns: Collection[str]) -> None:
    """Raise UnknownNameError for what is no column, InputError for a time without an engine."""
    if name in columns:
        return
    if name == TIME.name:
        raise InputError("time is predicted for an engine: name it, as in --engine onnxruntime")
    raise UnknownNameError("column", name, columns)


def _logical(node: ast.expr, columns: Columns) -> Any:
    match node:
        case ast.BoolOp(op=joiner, values=parts):
            combine = operator.and_ if isinstance(joiner, ast.And) else operator.or_
            result = _logical(parts[0], columns)
            for part in parts[1:]:
                result = combine(result, _logical(part, columns))
            return result
        case ast.UnaryOp(operand=part):
            return ~_logical(part, columns)
        case ast.Compare(left=left, ops=ops, comparators=others):
            result = np.ones(len(next(iter(columns.values()))), np.bool_)
            before = _number(left, columns)
            for op, other in zip(ops, others, strict=True):
                after = _number(other, columns)
                result &= _COMPARE[type(op)](before, after)
                before = after
            return result
    raise AssertionError(f"{type(node).__name__} passed the check")


def _number(node: ast.expr, columns: Columns) -> Any:
    match node:
        case ast.Name(id=name):
            return columns[name]
        case ast.Constant(value=int() | float() as value):
            # A whole number compares exactly with int64; 40e6 is one.
            return int(value) if value == int(value) else value
        case ast.UnaryOp(op=op, operand=part):
            value = _number(part, columns)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _number(left, columns), _number(right, columns)
            if type(op) in _IN_DOUBLES:
                return _IN_DOUBLES[type(op)](np.asarray(a, np.float64), np.asarray(b, np.float64))
            if not np.all(b):
                # There is no whole number that stands for it, as infinity does among doubles.
                raise InputError(f"--where: {ast.unparse(right)!r} is 0 in some rows, and divides")
            return _WHOLE[type(op)](np.asarray(a), np.asarray(b))
    raise AssertionError(f"{type(node).__name__} passed the check")
