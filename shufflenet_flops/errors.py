"""Errors a user can cause: one line that names the value, the rule and what would work."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# What a line of a workflow's log is a command to GitHub's runner by.
_COMMAND = re.compile(
    r":(?=:(?:add-mask|add-matcher|add-path|debug|echo|end-?group|error|group|notice|"
    r"remove-matcher|save-state|set-env|set-output|stop-commands|warning)(?::| |$))|#(?=#\[)",
    re.IGNORECASE | re.MULTILINE,
)


LONGEST = 1000  # characters of a message, whatever a user's name or value has


def printable(text: str, keep: str = "") -> str:
    """Text of strangers as it can be shown: nothing in it acts on a terminal, a log or a reader.

    Every control character and every sign that turns the direction of what follows is escaped as
    Python writes it, `\\x1b`, but for those of `keep`.
    """
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign.isprintable() or sign in keep or unicodedata.category(sign) == "Zs"
        else sign.encode("unicode_escape").decode()
        for sign in text
    )


def inert(text: str) -> str:
    """Text in a log in which a workflow on GitHub finds no command: `::error::` is escaped."""
    return _COMMAND.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


def one_line(text: str) -> str:
    """Text as it can be shown (see `printable`) on one line."""
    return printable(" ".join(text.split()))


def short(text: str) -> str:
    """A message of bounded length: what is wrong with a value stands before or after it."""
    half = LONGEST // 2
    return f"{text[:half]}…{text[-half:]}" if len(text) > LONGEST else text


def plural(number: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(value: Any) -> str:
    """A value as a message can hold it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        return "a number too long to write"
    return text if len(text) <= 60 else f"{text[:60]}…"


class ShufflenetFlopsError(Exception):
    """Base class: the command line prints each of its messages on one line and exits with 2."""

    @property
    def messages(self) -> tuple[str, ...]:
        """One for each thing that is wrong."""
        return (str(self),)


class SpecError(ShufflenetFlopsError, ValueError):
    """An op or network that cannot exist, such as groups that do not divide the channels.

    `invalid` is None for plain numbers; for a walk over arrays it is the boolean array of the
    configurations that break the rule, so that a sweep can drop exactly these.
    """

    def __init__(self, message: str, invalid: Any = None) -> None:
        super().__init__(message)
        self.invalid = invalid


def _listed(names: list[str]) -> str:
    """Names with commas between them; in quotes where a name has a comma itself."""
    return ", ".join(repr(name) if "," in name else name for name in names)


def close_names(name: str, known: Sequence[str]) -> list[str]:
    """At most three names that may be meant by one that is not known, the closest first.

    One that differs in its case and signs alone is meant.
    """

    def bare(text: str) -> str:
        return re.sub(r"[\W_]+", "", text).casefold()

    same = [one for one in known if bare(one) == bare(name)]
    close = same or difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    starting = [one for one in known if len(name) > 2 and one.startswith(name)]
    return (close or starting)[:3]


class UnknownNameError(ShufflenetFlopsError, LookupError):
    """A name that is in no table, answered with the closest names that are."""

    def __init__(self, what: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        known = list(dict.fromkeys(known))
        close = close_names(name, known)
        if close:
            advice = f"did you mean {' or '.join(close)}?"
        elif len(known) <= 12:
            advice = f"known: {_listed(known)}"
        else:
            advice = hint or f"known: {_listed(known[:12])}, …"
        super().__init__(f"unknown {what} {name!r}: {advice}")


class InputError(ShufflenetFlopsError, ValueError):
    """A value given on the command line or in the Python API that breaks a rule."""


class OutputError(ShufflenetFlopsError, OSError):
    """An output file that cannot be written; found before any work starts."""


class ClockError(ShufflenetFlopsError, RuntimeError):
    """A clock by which no time can be measured."""


class ModelError(ShufflenetFlopsError, RuntimeError):
    """A user's model that cannot be run on the given input."""


class DataError(ShufflenetFlopsError, ValueError):
    """A data or configuration file that breaks a rule: `file:line: key path: what is wrong`."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file; `where` is the key's path, empty for the file itself."""

    file: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{self.what}"


class ConfigError(DataError):
    """Everything that is wrong in a file, found in one go."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    @property
    def messages(self) -> tuple[str, ...]:
        return tuple(map(str, self.problems))
