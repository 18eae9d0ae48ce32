"""What was found about one model and one metric; every report is made of these."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from shufflenet_flops.budget.config import Level
from shufflenet_flops.budget.layers import Change, amount
from shufflenet_flops.counting.amount import difference, figures
from shufflenet_flops.counting.metric import METRICS
from shufflenet_flops.errors import ConfigError, ShufflenetFlopsError, one_line
from shufflenet_flops.saved import Count

Status = Literal[
    "ok",
    "off",  # not looked at, because its level says so
    "over",  # above its limit, or above what is locked
    "under",  # below what is locked
    "lighter",  # below what it was, which is nothing to mend
    "changed",  # other layers, or other names of layers, for the same totals
    "missing",  # a model that the lock does not have
    "stale",  # locked, and no longer there
    "renamed",
    "unknown",  # some ops could not be counted, so nothing is sure
    "not-comparable",
    "error",
]
_METRICS = frozenset(metric.key for metric in METRICS)
PASSING = frozenset[Status]({"ok", "off"})
BROKEN = frozenset[Status]({"not-comparable", "error"})


@dataclass(frozen=True)
class TopRow:
    """A layer behind a figure. `delta` is how much it grew; None where there is nothing before.

    `amount` is what the layer has now, in the unit of `metric`.
    """

    path: str
    change: str
    metric: str
    amount: Count
    delta: int | None


@dataclass(frozen=True)
class Verdict:
    """One model and metric. Counts are whole numbers, bytes for `memory`; `latency` and `time`
    are in seconds, or a ratio where the limit is one.

    `delta` is `actual` less `limit`, or less `locked` where the lock is what it was held against.
    `top_rows` are the layers most behind it, `more_rows` how many others there are.
    """

    model: str
    metric: str
    status: Status
    message: str
    level: Level = "error"
    actual: int | float | None = None
    limit: int | float | None = None
    locked: Count | None = None
    delta: int | float | None = None
    convention: str | None = None
    top_rows: tuple[TopRow, ...] = ()
    more_rows: Count = 0
    reason: str = ""
    hint: str = ""
    file: str = ""
    line: Count | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is to be done about it: fine, or no more than a warning."""
        fine = self.status in PASSING or self.status == "lighter"
        return fine or (self.level == "warn" and self.status not in BROKEN)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file else ""
        return f"{place}{self.model} {self.metric}: {self.message}"


def beside_ceiling(name: str, metric: str, actual: int, ceiling: int) -> Verdict:
    """Whether a figure keeps to a ceiling, and by how much not, without what could be done."""
    is_over = actual > ceiling
    message = (" > " if is_over else " ≤ ").join(figures(metric, actual, ceiling))
    if is_over:
        message += f", {difference(metric, actual, ceiling)}"
    return Verdict(
        name,
        metric,
        "over" if is_over else "ok",
        message,
        actual=actual,
        limit=ceiling,
        delta=actual - ceiling,
    )


def unsure(verdict: Verdict, told: str, ops: str) -> Verdict:
    """The verdict on a figure that is the least that it may be: `ops` could not be counted."""
    return replace(
        verdict,
        status="unknown",
        message=f"{told}, with ops that are not counted: {ops}",
        hint="an unknown op may cost anything: give its formula with `--rules FILE`, or have "
        '`level = "warn"` to accept what is counted',
    )


def merged(verdicts: Sequence[Verdict], models: Collection[str]) -> list[Verdict]:
    """Each metric of a model once: what its limit, its lock and its base say about it, together.

    The first that failed is what it is reported by, or else the first that is not fine. Verdicts
    on others than `models`, as on one that is counted on several inputs, are left apart.
    """
    groups: dict[Hashable, list[Verdict]] = {}
    for i, verdict in enumerate(verdicts):
        is_one = verdict.model in models and verdict.metric in _METRICS
        key = (verdict.model, verdict.metric) if is_one else i
        groups.setdefault(key, []).append(verdict)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[Verdict]) -> Verdict:
    if len(group) == 1:
        return group[0]
    main = min(group, key=lambda one: 0 if not one.passed else 1 if one.status != "ok" else 2)
    others = [one for one in group if one is not main]
    messages = map(_from_where, (main, *others))
    hints = [one.hint for one in (main, *others) if one.status == main.status]
    return replace(
        main,
        message="; ".join(dict.fromkeys(messages)),
        hint="; ".join(filter(None, dict.fromkeys(hints))),
        limit=next((one.limit for one in group if one.limit is not None), None),
        locked=next((one.locked for one in group if one.locked is not None), None),
    )


def _from_where(verdict: Verdict) -> str:
    """The message, which beside others says that it is about the lock."""
    is_of_lock = verdict.limit is None and verdict.status in ("over", "under")
    is_told = not is_of_lock or " since " in verdict.message
    return verdict.message if is_told else f"since the lock {verdict.message}"


@dataclass(frozen=True)
class Report:
    """All verdicts of one run; `against` says in words which base models were held against."""

    verdicts: tuple[Verdict, ...]
    against: str = ""

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def ok(self) -> bool:
        """Whether every verdict passed."""
        return not self.failures

    @property
    def exit_code(self) -> int:
        """0 fine, 1 over budget or another figure than before, 2 nothing can be said."""
        if any(verdict.status in BROKEN for verdict in self.verdicts):
            return 2
        is_other = any(verdict.status == "lighter" for verdict in self.verdicts)
        return 1 if is_other or not self.ok else 0


def report_error(error: ShufflenetFlopsError) -> Report:
    """The report where nothing could be looked at: a verdict for each thing that is wrong."""
    if not isinstance(error, ConfigError):
        return Report((Verdict("flop-budget", "config", "error", one_line(str(error))),))
    return Report(
        tuple(
            Verdict(
                model=problem.file,
                metric=one_line(problem.where) or "file",
                status="error",
                message=one_line(problem.what),
                file=problem.file,
                line=problem.line,
            )
            for problem in error.problems
        )
    )


def top_rows(
    changes: Iterable[Change], metric: str, unit: str, top: int
) -> tuple[tuple[TopRow, ...], int]:
    """The `top` changes that moved a metric most, and how many others there are.

    Where none moved anything, the first. Layers are counted in `unit`, `macs` or `flops`.
    """
    rows = [
        TopRow(
            change.path,
            str(change),
            metric,
            amount(change.after, metric, unit) if change.after else 0,
            change.delta(metric, unit),
        )
        for change in changes
        if change.is_change or change.delta(metric, unit)
    ]
    return largest(rows, top)


def largest(rows: Iterable[TopRow], top: int) -> tuple[tuple[TopRow, ...], int]:
    """The `top` rows that grew or shrank most, and how many others did; if none did, the first."""
    ranked = sorted(rows, key=lambda row: -abs(row.delta or 0))
    moved = [row for row in ranked if row.delta] or ranked
    return tuple(moved[:top]), len(moved[top:])
