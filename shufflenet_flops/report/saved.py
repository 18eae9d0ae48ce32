"""Results read back from the JSON that every command writes."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from shufflenet_flops.errors import DataError
from shufflenet_flops.report.format.data import SCHEMA


@dataclass(frozen=True)
class Saved:
    """The envelope of a command's JSON: its name, convention, environment and results."""

    command: str
    convention: str | None
    environment: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]


def load(text: str, where: str) -> Saved:
    """The envelope in `text`, which comes from `where`. Raises DataError where it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error}); write it with `-o FILE.json`") from None
    keys = [field.name for field in fields(Saved)]
    if not isinstance(found, dict) or not {"schema", *keys} <= found.keys():
        raise DataError(f"{where}: no results of this program; write them with `-o FILE.json`")
    if found["schema"] != SCHEMA:
        raise DataError(
            f"{where}: schema {found['schema']!r}, and this version reads {SCHEMA}; run "
            f"`{found['command']}` again"
        )
    if not isinstance(found["results"], list) or not found["results"]:
        raise DataError(f"{where}: results is empty; run `{found['command']}` again")
    return Saved(**{key: found[key] for key in keys})


def structured(hint: Any, value: Any, where: str = "results") -> Any:
    """`value` from JSON as the type `hint`: a dataclass, enum, tuple, mapping or plain value.

    Raises DataError with the path of the first value that does not fit.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        plain = [one for one in arguments if one is not type(None)]
        return structured(plain[0], value, where) if len(plain) == 1 else value
    if origin is tuple:
        _check(isinstance(value, list), value, "a list", where)
        return tuple(structured(arguments[0], one, f"{where}[{i}]") for i, one in enumerate(value))
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        _check(isinstance(value, dict), value, "an object", where)
        return {key: structured(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    if is_dataclass(hint):
        return _dataclass(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = [member.value for member in hint]
        _check(value in known, value, f"one of {', '.join(known)}", where)
        return hint(value)
    if hint in (int, float, str):
        fits = isinstance(value, int | float if hint is float else hint)
        _check(fits and not isinstance(value, bool), value, f"of type {hint.__name__}", where)
    return value


def _dataclass(hint: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), value, "an object", where)
    hints = get_type_hints(hint)
    names = {field.name for field in fields(hint)} & value.keys()
    given = {name: structured(hints[name], value[name], f"{where}.{name}") for name in names}
    try:
        return hint(**given)
    except TypeError as error:
        raise DataError(f"{where}: {error}; write the results again") from None


def _check(holds: bool, value: Any, what: str, where: str) -> None:
    if not holds:
        raise DataError(f"{where}: {value!r} must be {what}; write the results again")
