"""Results as data: JSON with full integers in base units, and flat CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from shufflenet_flops.environment import environment

SCHEMA = 1


def as_json(command: str, convention: str | None, results: Sequence[Mapping[str, Any]]) -> str:
    """The envelope that every command's JSON has, with its results."""
    envelope = {
        "schema": SCHEMA,
        "command": command,
        "convention": convention,
        "environment": asdict(environment()),
        "results": list(results),
    }
    return json.dumps(envelope, indent=2, ensure_ascii=False) + "\n"


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """One line per record; nested keys joined by dots, shapes as `1x3x224x224`."""
    import pandas as pd

    frame = pd.json_normalize([_flat(record) for record in records], sep=".")
    # Nullable types keep a column of integers with gaps from turning into floats.
    return str(frame.convert_dtypes().to_csv(index=False, lineterminator="\n"))


def plain(value: Any) -> Any:
    """A dataclass as a dictionary; anything else as it is."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without lists: shapes become text, lists of records are left to JSON."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat[key] = _flat(value)
        elif isinstance(value, list | tuple):
            if not any(isinstance(item, Mapping) for item in value):
                flat[key] = "x".join(str(item) for item in value)
        else:
            flat[key] = value
    return flat
