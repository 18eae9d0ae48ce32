"""What a budget file says: the entries, each a model and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shufflenet_flops.budget.guard import Guard
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.counting import CONVENTIONS, Convention
from shufflenet_flops.sources import Input

Level = Literal["error", "warn", "off"]


@dataclass(frozen=True)
class Entry:
    """One `[[budget]]`: a model or a glob of the zoo, and its limits.

    `inputs` are batch first, empty for the model's own; `level` is None where none is given.
    `guards` are those of the entry and, for other metrics, those of the file.
    `lines` are those of the keys, `""` for the entry itself.
    """

    model: str
    limits: tuple[Limit, ...]
    inputs: tuple[Input, ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    convention: Convention = CONVENTIONS["paper"]
    level: Level | None = None
    reason: str = ""
    guards: tuple[Guard, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    def line(self, key: str) -> int:
        """The line of a key, or else of the entry."""
        return self.lines.get(key, self.lines.get("", 1))

    def level_of(self, limit: Limit) -> Level:
        """What exceeding a limit means: a time in seconds only warns unless the entry says more."""
        is_time = limit.metric == "latency" and limit.reference is None
        return self.level or ("warn" if is_time else "error")


@dataclass(frozen=True)
class Config:
    """All budgets of a repository. `path` are directories to import models from.

    Times are predicted on `engine` by the file `calibration`, None for the one of the package.
    """

    file: str
    entries: tuple[Entry, ...]
    path: tuple[Path, ...] = ()
    directory: Path = Path()
    engine: str = ""
    calibration: Path | None = None

    @property
    def lock_file(self) -> Path:
        """Where the lock is: beside the configuration."""
        return self.directory / "flop-budget.lock"
