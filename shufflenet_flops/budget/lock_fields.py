"""What a lock must have about a model, in either form, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shufflenet_flops.counting import CONVENTIONS
from shufflenet_flops.errors import UnknownNameError, shown
from shufflenet_flops.files.json_lines import JsonFile
from shufflenet_flops.files.toml_lines import KeyPath

AGAIN = "run `shufflenet-flops lock` to write it anew"
MOST = 10**30  # that a count may be
_MODEL: Mapping[str, type] = {
    "model": str,
    "args": dict,
    "input": list,
    "convention": str,
    "unknown_ops": dict,
}


def check_fields(json_file: JsonFile, where: KeyPath, data: Any, kinds: Mapping[str, type]) -> None:
    """Raise ConfigError unless `data` has each field, of its type; texts must be printable, for
    they reach terminals and logs."""
    if not isinstance(data, dict):
        raise json_file.error(where, f"must be an object: {AGAIN}")
    for key, kind in kinds.items():
        if key not in data:
            raise json_file.error(where, f"has no {key}: {AGAIN}")
        if type(data[key]) is not kind:
            raise json_file.error((*where, key), f"cannot be {shown(data[key])}: {AGAIN}")
        if kind is str:
            check_text(json_file, (*where, key), data[key])
        if kind is int and not 0 <= data[key] < MOST:
            raise json_file.error((*where, key), f"cannot be {shown(data[key])}: {AGAIN}")


def check_text(json_file: JsonFile, where: KeyPath, text: Any) -> None:
    """Raise ConfigError unless `text` is one, and printable."""
    if not isinstance(text, str) or not text.isprintable():
        raise json_file.error(where, f"cannot be {shown(text)}: {AGAIN}")


def check_model(json_file: JsonFile, where: KeyPath, data: Any, more: Mapping[str, type]) -> None:
    """Raise ConfigError unless `data` has what is said of every model, and the fields of `more`."""
    check_fields(json_file, where, data, {**_MODEL, **more})
    for key in ("input", "unknown_ops"):
        for text in data[key]:
            check_text(json_file, (*where, key), text)
    if "reason" in data:
        check_text(json_file, (*where, "reason"), data["reason"])
    versions = {"traced_with": data.get("traced_with", {})}
    check_fields(json_file, where, versions, {"traced_with": dict})
    for version in versions["traced_with"].values():
        check_text(json_file, (*where, "traced_with"), version)
    for calls in data["unknown_ops"].values():
        if type(calls) is not int or not 0 <= calls < MOST:
            raise json_file.error((*where, "unknown_ops"), f"cannot be {shown(calls)}: {AGAIN}")
    if data["convention"] not in CONVENTIONS:
        unknown = UnknownNameError("convention", data["convention"], CONVENTIONS)
        raise json_file.error((*where, "convention"), f"not comparable: {unknown}")
