"""What can be rendered, and the formats that render it, each of which registers itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from shufflenet_flops.errors import InputError
from shufflenet_flops.registry import Registry

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Document, Page, Verdicts

T = TypeVar("T")


@dataclass(frozen=True)
class Renderer(Generic[T]):
    """One format of one kind of thing; `suffix` is empty where it is for stdout alone.

    `command` is the only one whose results it can render, empty where it renders those of all.
    """

    name: str
    suffix: str
    rank: int
    render: Callable[[T], str]
    command: str = ""


_PACKAGE = "shufflenet_flops.report.format"
RESULTS: Registry[Renderer[Document]] = Registry("formats of results", _PACKAGE)
VERDICTS: Registry[Renderer[Verdicts]] = Registry("formats of verdicts", _PACKAGE)
PAGES: Registry[Renderer[Page]] = Registry("formats of reports", _PACKAGE)


def renders(
    kind: Registry[Renderer[T]], name: str, suffix: str = "", *, rank: int, command: str = ""
) -> Callable[[Callable[[T], str]], Callable[[T], str]]:
    """Register a function that renders RESULTS, VERDICTS or PAGES; the least rank comes first.

    Raises ValueError for a name that is taken.
    """

    def register(render: Callable[[T], str]) -> Callable[[T], str]:
        kind.add(name, Renderer(name, suffix, rank, render, command))
        return render

    return register


def formats(kind: Registry[Renderer[T]]) -> Mapping[str, Renderer[T]]:
    """The formats of one kind by name, by rank."""
    ordered = sorted(kind.entries().values(), key=lambda known: (known.rank, known.name))
    return {known.name: known for known in ordered}


def check_command(known: Renderer[T], command: str, asked: str) -> None:
    """Raise InputError where a format, asked for in these words, has no place in a command."""
    if known.command and known.command != command:
        raise InputError(f"{asked}: is a format of `{known.command}`, and not of `{command}`")


def suffixes(kind: Registry[Renderer[T]]) -> list[str]:
    """Those of the files that a format of this kind writes."""
    return [known.suffix for known in formats(kind).values() if known.suffix]


def check_suffixes(paths: Sequence[Path], known: Sequence[str]) -> None:
    """Raise InputError for a path whose suffix chooses no format."""
    for path in paths:
        if not any(_ends_in(path, suffix) for suffix in known):
            listed = " or ".join(known) if len(known) < 3 else f"one of {', '.join(known)}"
            chosen = ", which choose the format" if len(known) > 2 else ""
            raise InputError(f"-o {path}: the suffix must be {listed}{chosen}")


def format_of(kind: Registry[Renderer[T]], path: Path) -> Renderer[T]:
    """The format that a file's suffix chooses, among those of a kind: the longest that it has."""
    fitting = [known for known in formats(kind).values() if _ends_in(path, known.suffix)]
    return max(fitting, key=lambda known: len(known.suffix))


def _ends_in(path: Path, suffix: str) -> bool:
    """Whether a path has this suffix, which may have several dots, as `.card.md`."""
    return bool(suffix) and "".join(path.suffixes).endswith(suffix)


def format_for(kind: Registry[Renderer[T]], path: Path) -> Renderer[T]:
    """As `format_of`, for a path that nobody has checked. Raises InputError for its suffix."""
    check_suffixes([path], suffixes(kind))
    return format_of(kind, path)
