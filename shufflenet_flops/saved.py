"""Results as the JSON that every command writes, and read back from it as what they were."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from shufflenet_flops.errors import DataError

SCHEMA = 1
_GIVEN_WITH = "given with"

T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """The envelope of a command's JSON: its name, convention, environment and results.

    `notes` are sentences about the whole run that belong to no single result.
    """

    command: str
    convention: str | None
    environment: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()

    def typed(self, hint: type[T]) -> tuple[T, ...]:
        """The results as what the command found. Raises DataError where they do not fit."""
        again = f"run `{self.command}` again"
        return tuple(
            structured(hint, result, f"results[{i}]", again)
            for i, result in enumerate(self.results)
        )


def load(text: str, where: str) -> Saved:
    """The envelope in `text`, which comes from `where`. Raises DataError where it is none."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error}); write it with `-o FILE.json`") from None
    keys = ["command", "convention", "environment", "results"]
    if not isinstance(data, dict) or not {"schema", *keys} <= data.keys():
        raise DataError(f"{where}: no results of this program; write them with `-o FILE.json`")
    if data["schema"] != SCHEMA:
        raise DataError(
            f"{where}: schema {data['schema']!r}, and this version reads {SCHEMA}; run "
            f"`{data['command']}` again"
        )
    if not isinstance(data["results"], list) or not data["results"]:
        raise DataError(f"{where}: results is empty; run `{data['command']}` again")
    return Saved(**{key: data[key] for key in keys}, notes=tuple(data.get("notes", ())))


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
    if origin in (Union, types.UnionType):
        return _union(arguments, value, where)
    if origin is tuple:
        _check(isinstance(value, list | tuple), value, "a list", where)
        if arguments[-1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        _check(len(value) == len(arguments), value, f"a list of {len(arguments)}", where)
        return tuple(
            _structured(each, item, f"{where}[{i}]")
            for i, (each, item) in enumerate(zip(arguments, value, strict=True))
        )
    if origin is Literal:
        _check(value in arguments, value, f"one of {', '.join(map(str, arguments))}", where)
    elif origin is not None and issubclass(origin, Mapping):
        _check(isinstance(value, Mapping), value, "an object", where)
        return {
            _structured(arguments[0], key, where): _structured(arguments[1], item, f"{where}.{key}")
            for key, item in value.items()
        }
    elif is_dataclass(hint):
        return _dataclass(hint, value, where)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        known = [member.value for member in hint]
        _check(value in known, value, f"one of {', '.join(known)}", where)
        return hint(value)
    elif hint in (int, float, str, bool):
        fits = isinstance(value, int | float if hint is float else hint)
        _check(
            fits and isinstance(value, bool) == (hint is bool),
            value,
            f"of type {hint.__name__}",
            where,
        )
    return value


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
    hints = get_type_hints(hint)
    given = {}
    for field in fields(hint):
        if field.name in value:
            item = value[field.name]
            given[field.name] = _structured(hints[field.name], item, f"{where}.{field.name}")
        elif _GIVEN_WITH in field.metadata:
            given[field.name] = None
    try:
        return hint(**given)
    except TypeError as error:
        raise _MisfitError(f"{where}: {error}") from None


def _check(holds: bool, value: Any, what: str, where: str) -> None:
    if not holds:
        raise _MisfitError(f"{where}: {value!r} must be {what}")
