"""Where a value stands in a JSON file, which `json` does not tell."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from shufflenet_flops.errors import ConfigError, Problem, shown
from shufflenet_flops.files.toml_lines import KeyPath, path_text

_BLANK = re.compile(r"[ \t\n\r]*")


class JsonError(ValueError):
    """What is no JSON, or no JSON that can be relied on; `line` is where, from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def parse_json(text: str) -> Any:
    """The value that JSON stands for. Raises JsonError.

    Beside what is no JSON, a key that is there twice, NaN and infinities are refused.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            times = Counter(key for key, _ in pairs)
            twice = max(times, key=times.__getitem__)
            raise JsonError(_last_line(json.dumps(twice), text), f"{shown(twice)} is there twice")
        return table

    def refused(name: str) -> Any:
        raise JsonError(_last_line(name, text), f"{name} is no number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refused)
    except json.JSONDecodeError as error:
        raise JsonError(error.lineno, error.msg) from None
    except JsonError:
        raise
    except RecursionError:
        raise JsonError(1, "nested too deeply") from None
    except ValueError:
        # Python reads no integer of thousands of digits.
        place = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, place.start()) + 1 if place else 1
        raise JsonError(line, "a number is too long") from None


_LONG_NUMBER = re.compile(r"[0-9]{4000}")


def _last_line(part: str, text: str) -> int:
    """The line on which a part of the text stands last."""
    return text.count("\n", 0, max(text.rfind(part), 0)) + 1


class JsonFile:
    """A parsed JSON file that can say where each value stands."""

    def __init__(self, file: str, text: str) -> None:
        """Raises ConfigError with the line where `text` is no JSON."""
        self.file = file
        self._text = text
        try:
            self.data: Any = parse_json(text)
        except JsonError as error:
            raise ConfigError(Problem(file, error.line, "", f"not valid JSON: {error}")) from None

    def line(self, path: KeyPath) -> int:
        """The line of the value at `path`, or of the closest value around it."""
        start = self._skip(0)
        for step in path:
            inner = self._child(start, step)
            if inner is None:
                break
            start = inner
        return self._text.count("\n", 0, start) + 1

    def error(self, path: KeyPath, what: str) -> ConfigError:
        """The error to raise about the value at `path`."""
        return ConfigError(Problem(self.file, self.line(path), path_text(path), what))

    def _skip(self, position: int) -> int:
        """The position of the next character that is not blank."""
        match = _BLANK.match(self._text, position)
        assert match is not None
        return match.end()

    def _child(self, start: int, step: str | int) -> int | None:
        """Where the value of a key or index begins, in the object or array that begins at `start`.

        Of a key that is there twice, the last counts, as it does for `json`.
        """
        decoder = json.JSONDecoder()
        is_object = self._text[start] == "{"
        if self._text[start] not in "{[" or self._text[self._skip(start + 1)] in "}]":
            return None
        start_of_value = None
        position, index = start, 0
        while self._text[position] not in "}]":
            position = self._skip(position + 1)
            key: str | int = index
            if is_object:
                key, position = decoder.raw_decode(self._text, position)
                position = self._skip(self._skip(position) + 1)
            if key == step:
                start_of_value = position
            _, position = decoder.raw_decode(self._text, position)
            position, index = self._skip(position), index + 1
        return start_of_value
