"""Results as the JSON that every command writes, and read back from it as what they were."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from shufflenet_flops.errors import DataError, InputError, shown

_GIVEN_WITH = "given with"

T = TypeVar("T")


# What a saved number may be: beyond it, arithmetic on it leaves what a float holds.
_LARGEST = 10**30


@dataclass(frozen=True)
class AtLeast:
    """The least that a saved number may be, as the annotation of its type."""

    least: int


# A count or a size, which is never negative.
Count: TypeAlias = Annotated[int, AtLeast(0)]


def given_with(name: str) -> dict[str, str]:
    """Metadata of a field that JSON leaves out where the field called `name` is None.

    Read back, it is None.
    """
    return {_GIVEN_WITH: name}


def record(value: Any) -> Any:
    """A result as JSON types: a dataclass as a dictionary, with all that it holds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: record(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.metadata.get(_GIVEN_WITH, ""), value) is not None
        }
    if isinstance(value, Mapping):
        return {key: record(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [record(item) for item in value]
    return value


class _MisfitError(ValueError):
    """What does not fit, and where."""


def structured(
    hint: type[T], value: Any, where: str = "results", again: str = "write the results again"
) -> T:
    """`value` from JSON as the type `hint`: a dataclass, enum, tuple, mapping or plain value.

    Raises DataError with the path of the first value that does not fit, and what to do: `again`.
    """
    try:
        return cast("T", _structured(hint, value, where))
    except _MisfitError as error:
        raise DataError(f"{error}; {again}") from None


def _structured(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        number = _structured(arguments[0], value, where)
        least = arguments[1].least
        _check(number >= least, value, f"at least {least}", where)
        return number
    if origin in (Union, types.UnionType):
        return _union(arguments, value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is Literal:
        fits = any(value == known and type(value) is type(known) for known in arguments)
        _check(fits, value, f"one of {', '.join(map(str, arguments))}", where)
    elif origin is not None and issubclass(origin, Mapping):
        _check(isinstance(value, Mapping), value, "an object", where)
        return {
            _structured(arguments[0], key, where): _structured(
                arguments[1], item, _inside(where, key)
            )
            for key, item in value.items()
        }
    elif is_dataclass(hint):
        return _dataclass(hint, value, where)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        known = [member.value for member in hint]
        _check(value in known, value, f"one of {', '.join(known)}", where)
        return hint(value)
    elif hint in (int, float, str, bool):
        _check_plain(hint, value, where)
    return value


def _tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _check(isinstance(value, list | tuple), value, "a list", where)
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(value)
    _check(len(value) == len(hints), value, f"a list of {len(hints)}", where)
    return tuple(
        _structured(hint, item, f"{where}[{i}]")
        for i, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


def _check_plain(hint: Any, value: Any, where: str) -> None:
    """Raise unless it is a bool, a text in Unicode, or a number that can be worked with."""
    fits = isinstance(value, int | float if hint is float else hint)
    _check(
        fits and isinstance(value, bool) == (hint is bool),
        value,
        f"of type {hint.__name__}",
        where,
    )
    if isinstance(value, int | float):
        _check(abs(value) < _LARGEST, value, f"less than {_LARGEST:.0e}", where)
    elif isinstance(value, str):
        is_unicode = not any("\ud800" <= sign <= "\udfff" for sign in value)
        _check(is_unicode, value, "Unicode, without lone surrogates", where)


def _union(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    """The first of the types that fits; None where it is among them."""
    if value is None and type(None) in hints:
        return None
    *others, last = (hint for hint in hints if hint is not type(None))
    for hint in others:
        try:
            return _structured(hint, value, where)
        except _MisfitError:
            continue
    return _structured(last, value, where)


def _dataclass(hint: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, Mapping), value, "an object", where)
    hints = get_type_hints(hint, include_extras=True)
    given = {}
    for field in fields(hint):
        if field.name in value:
            place = _inside(where, field.name)
            given[field.name] = _structured(hints[field.name], value[field.name], place)
        elif _GIVEN_WITH in field.metadata:
            given[field.name] = None
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _MisfitError(f"{where or 'the file'}: has no {field.name}")
    try:
        return hint(**given)
    except InputError as error:  # a rule of the dataclass itself
        raise _MisfitError(f"{where}: {error}") from None


def _inside(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _check(holds: bool, value: Any, what: str, where: str) -> None:
    if not holds:
        raise _MisfitError(f"{where}: {shown(value)} must be {what}")
