"""Files of results: the envelope around what a command found, and reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shufflenet_flops.environment import Environment
from shufflenet_flops.errors import DataError, shown
from shufflenet_flops.files.json_lines import JsonError, parse_json
from shufflenet_flops.saved import structured

SCHEMA = 1

T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """The envelope of a command's JSON: its name, convention, environment and results.

    `notes` are sentences about the whole run that belong to no single result; `where` is what the
    envelope was read from.
    """

    command: str
    convention: str | None
    environment: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    where: str = ""

    def typed(self, hint: type[T]) -> tuple[T, ...]:
        """The results as what the command found. Raises DataError where they do not fit."""
        return tuple(
            structured(hint, result, f"{self._place}results[{i}]", self._again)
            for i, result in enumerate(self.results)
        )

    def single(self, hint: type[T]) -> T:
        """The result of a command that has one. Raises DataError where there are several."""
        if len(self.results) != 1:
            raise DataError(f"{self._place}results: must be a list of one; {self._again}")
        return self.typed(hint)[0]

    def misfit(self, what: str) -> DataError:
        """The error to raise where results that fit one by one do not fit together."""
        return DataError(f"{self._place}{what}; {self._again}")

    @property
    def _place(self) -> str:
        return f"{self.where}: " if self.where else ""

    @property
    def _again(self) -> str:
        return f"run `{self.command}` again"


@dataclass(frozen=True)
class _Envelope:
    """What every file of results has, whatever the results are."""

    command: str
    convention: str | None
    environment: Environment
    results: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()


def load(text: str, where: str, command: str | None = None) -> Saved:
    """The envelope in `text`, which comes from `where`, of results of a command if one is named.

    Raises DataError where it is none.
    """
    try:
        data = parse_json(text)
    except JsonError as error:
        raise DataError(
            f"{where}: not JSON (line {error.line}: {error}); write it with `-o FILE.json`"
        ) from None
    keys = {"schema", "command", "convention", "environment", "results"}
    if not isinstance(data, dict) or not keys <= data.keys():
        raise DataError(f"{where}: not results of this program; write them with `-o FILE.json`")
    again = "write it again with `-o FILE.json`"
    if type(data["schema"]) is not int or data["schema"] != SCHEMA:
        raise DataError(
            f"{where}: schema {shown(data['schema'])}, and this version reads {SCHEMA}; {again}"
        )
    if command and data["command"] != command:
        raise DataError(
            f"{where}: holds results of {shown(data['command'])}, and no run of `{command}`"
        )
    if data["results"] == []:
        raise DataError(f"{where}: results is empty; {again}")
    try:
        envelope = structured(_Envelope, data, "", again)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    return Saved(
        envelope.command,
        envelope.convention,
        data["environment"],
        envelope.results,
        envelope.notes,
        where,
    )
