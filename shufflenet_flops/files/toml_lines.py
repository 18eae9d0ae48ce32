"""Where a key stands in a TOML file, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from shufflenet_flops.errors import ConfigError, Problem

KeyPath: TypeAlias = tuple[str | int, ...]

_DEEPEST = 100  # keys within keys
_LARGEST = 2**128
# A text (of several lines, which may end with two more quotes, or of one), a comment, a sign.
_TOKEN = re.compile(
    r"(?P<string>"
    r'"""(?:[^\\]|\\.)*?"{3,5}|"(?:[^"\\\n]|\\.)*"|'
    r"'''.*?'{3,5}|'[^'\n]*'"
    r")|#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)
_DEEP_KEY = re.compile(rf"(?:\.[ \t]*+[\w-]++[ \t]*+){{{_DEEPEST}}}")


class TomlFile:
    """A parsed TOML file that can say where each key stands."""

    def __init__(self, file: str, text: str) -> None:
        """Raises ConfigError with the line where `text` is no TOML."""
        self.file = file
        _check_keys(file, text)
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            # Beside its own error, tomllib lets those of int() and of deep nesting through.
            place = re.search(r"\(at line (\d+)", str(error))
            line = int(place[1]) if place else _last_line(text)
            what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ConfigError(Problem(file, line, "", f"not valid TOML: {what}")) from None
        self._check_values()
        self._text = text

    def _check_values(self) -> None:
        """Raise ConfigError for what is deeper, or larger, than anything of use could be."""
        level: list[tuple[KeyPath, Any]] = [((), self.data)]
        for _ in range(_DEEPEST):
            below = []
            for path, value in level:
                if isinstance(value, dict):
                    below += [((*path, key), item) for key, item in value.items()]
                elif isinstance(value, list):
                    below += [((*path, i), item) for i, item in enumerate(value)]
                elif isinstance(value, int) and abs(value) >= _LARGEST:
                    what = f"{path_text(path)}: a number of more than 128 bits"
                    raise ConfigError(Problem(self.file, 1, "", what))
            level = below
        if level:
            raise ConfigError(Problem(self.file, 1, "", "not valid TOML: nested too deeply"))

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        return key_lines(self._text)

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


def _check_keys(file: str, text: str) -> None:
    """Raise ConfigError for a key of very many dots, for which `tomllib` takes very long."""

    def plain(token: re.Match[str]) -> str:
        return token[0] if token["string"] is None else "s" + "\n" * token[0].count("\n")

    without_texts = _TOKEN.sub(plain, text)
    if deep := _DEEP_KEY.search(without_texts):
        line = without_texts.count("\n", 0, deep.start()) + 1
        raise ConfigError(Problem(file, line, "", "not valid TOML: nested too deeply"))


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
    """The line on which each key and table header of a valid file begins.

    A statement of TOML ends with the line on which no text and no bracket is open. Keys inside a
    value have the line on which the statement begins.
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
    depth = start = 0
    number = next_number = 1
    for token in _TOKEN.finditer(text + "\n"):
        sign = token[0]
        if token["string"] is not None:
            next_number += sign.count("\n")
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "\n":
            next_number += 1
            if not depth:
                source = text[start : token.end()]
                if statement := tomllib.loads(source):
                    yield number, source, statement
                start, number = token.end(), next_number


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
