"""Where a key stands in a TOML file, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from shufflenet_flops.errors import ConfigError, Problem

KeyPath: TypeAlias = tuple[str | int, ...]


class Document:
    """A parsed TOML file that can say where each key stands."""

    def __init__(self, file: str, text: str) -> None:
        """Raises ConfigError with the line where `text` is no TOML."""
        self.file = file
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            # Beside its own error, tomllib lets those of int() and of deep nesting through.
            place = re.search(r"\(at line (\d+)", str(error))
            line = int(place[1]) if place else _last_line(text)
            what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ConfigError(Problem(file, line, "", f"not valid TOML: {what}")) from None
        self._lines = key_lines(text)

    def line(self, path: KeyPath) -> int:
        """The line of the key at `path`, or of the closest key around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Something wrong with the key at `path`."""
        return Problem(self.file, self.line(path), path_text(path), what)

    def error(self, path: KeyPath, what: str) -> ConfigError:
        """The error to raise about the key at `path` alone."""
        return ConfigError(self.problem(path, what))


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
    """The line on which each key and table header of a valid document begins.

    A statement of TOML is the shortest run of whole lines that is a document by itself, so
    `tomllib` finds the statements; keys inside a value have the line on which the statement begins.
    """
    lines: dict[KeyPath, int] = {}
    entries: Counter[KeyPath] = Counter()
    header: KeyPath = ()
    for number, source, statement in _statements(text):
        if not source.lstrip().startswith("["):
            _note(lines, header, statement, number)
            continue
        name, is_array = _header_name(statement)
        header = _indexed(name[:-1], entries) + name[-1:]
        if is_array:
            lines.setdefault(header, number)
            entries[header] += 1
        header = _indexed(name, entries)
        for length in range(1, len(header) + 1):
            lines.setdefault(header[:length], number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The line, the text and the parsed form of each statement that is not blank."""
    run: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        run.append(line)
        source = "\n".join(run) + "\n"
        try:
            statement = tomllib.loads(source)
        except tomllib.TOMLDecodeError:
            continue
        if statement:
            yield number - len(run) + 1, source, statement
        run = []


def _header_name(statement: dict[str, Any]) -> tuple[tuple[str, ...], bool]:
    """The keys of `[a.b]` or `[[a.b]]`, and whether it is the latter."""
    name: tuple[str, ...] = ()
    value: Any = statement
    while value and isinstance(value, dict):
        ((key, value),) = value.items()
        name = (*name, key)
    return name, isinstance(value, list)


def _indexed(path: tuple[str, ...], entries: Mapping[KeyPath, int]) -> KeyPath:
    """The path with the index of the latest entry after each array of tables on the way."""
    indexed: KeyPath = ()
    for key in path:
        indexed = (*indexed, key)
        if count := entries.get(indexed):
            indexed = (*indexed, count - 1)
    return indexed


def _note(lines: dict[KeyPath, int], path: KeyPath, value: Any, number: int) -> None:
    """Set the line of everything in `value`, which stands at `path`."""
    if path:
        lines.setdefault(path, number)
    if isinstance(value, dict):
        for key, item in value.items():
            _note(lines, (*path, key), item, number)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _note(lines, (*path, i), item, number)


def _last_line(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1
