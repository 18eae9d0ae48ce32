"""Where a key stands in a TOML file, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from shufflenet_flops.errors import DataError

KeyPath: TypeAlias = tuple[str | int, ...]

_KEY = r'(?:"[^"]*"|[\w-]+)'
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_ARRAY = re.compile(rf"\s*\[\[\s*({_KEYS})\s*\]\]")
_TABLE = re.compile(rf"\s*\[\s*({_KEYS})\s*\]")
_VALUE = re.compile(rf"\s*({_KEYS})\s*=")


class Document:
    """A parsed TOML file that can say where each key stands."""

    def __init__(self, file: str, text: str) -> None:
        """Raises DataError with the line where `text` is no TOML."""
        self.file = file
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"\(at line (\d+)", str(error))
            line = int(place[1]) if place else text.count("\n") + 1
            raise DataError(f"{file}:{line}: not valid TOML: {error}") from None
        self._lines = key_lines(text)

    def line(self, path: KeyPath) -> int:
        """The line of the key at `path`, or of the closest key around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def error(self, path: KeyPath, what: str) -> DataError:
        """The error to raise about the key at `path`."""
        where = path_text(path)
        return DataError(f"{self.file}:{self.line(path)}: {where + ': ' if where else ''}{what}")


def path_text(path: KeyPath) -> str:
    """`("rows", 3, "cells", "g=1")` as `rows[3].cells."g=1"`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            dot = "." if text else ""
            text += dot + (key if re.fullmatch(r"[\w-]+", key) else f'"{key}"')
    return text


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line of each key and table header; keys inside inline tables have none of their own."""
    lines: dict[KeyPath, int] = {}
    entries: Counter[KeyPath] = Counter()
    header: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _ARRAY.match(line):
            name = _split(match[1])
            header = (*name, entries[name])
            entries[name] += 1
            lines[header] = number
        elif match := _TABLE.match(line):
            header = _indexed(_split(match[1]), entries)
            lines[header] = number
        elif match := _VALUE.match(line):
            path = (*header, *_split(match[1]))
            # `a.b = 1` is also where `a` is.
            for length in range(len(header) + 1, len(path) + 1):
                lines.setdefault(path[:length], number)
    return lines


def _split(keys: str) -> tuple[str, ...]:
    return tuple(key.strip('"') for key in re.findall(_KEY, keys))


def _indexed(path: tuple[str, ...], entries: Counter[KeyPath]) -> KeyPath:
    """The path with the index of the latest entry after each array of tables on the way."""
    indexed: KeyPath = ()
    for i, key in enumerate(path):
        indexed = (*indexed, key)
        if count := entries[path[: i + 1]]:
            indexed = (*indexed, count - 1)
    return indexed
