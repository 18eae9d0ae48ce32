"""How much heavier than its base a model may become: `+2 %`, `+10 k`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shufflenet_flops.budget.limit import LIMITED
from shufflenet_flops.counting.amount import parse_amount, plain, short_form
from shufflenet_flops.counting.metric import LATENCY, PEAK_DTYPES, TIME, TRAINING
from shufflenet_flops.errors import InputError, shown

# What a lock has, or can be worked out from one.
GUARDED = tuple(
    metric
    for metric in LIMITED
    if metric not in (*PEAK_DTYPES, TRAINING.key, LATENCY.key, TIME.key)
)
_FORMS = 'write text such as "+2 %" or "+10 k", or an array of both'
_SHARE = re.compile(r"(?P<number>[0-9]{1,6}(\.[0-9]{1,6})?) ?%")
_MILLION = 10**6  # a share has no more decimals
_NONE = re.compile(r"0+")


@dataclass(frozen=True)
class Guard:
    """How much a metric may grow: by `share` percent of what it was, or by an `amount`."""

    metric: str
    share: Decimal | None = None
    amount: int = 0

    def most(self, before: int) -> int:
        """What the metric may be now."""
        if self.share is None:
            return before + self.amount
        return before + before * int(self.share * _MILLION) // (100 * _MILLION)

    def __str__(self) -> str:
        """The guard as a budget file has it."""
        if self.share is not None:
            return f"+{plain(self.share)} %"
        return f"+{short_form(self.metric, self.amount)}" if self.amount else "+0"


def parse_guards(metric: str, value: Any) -> tuple[Guard, ...]:
    """The guards that a configuration gives for a metric, each of which holds.

    Raises InputError with the forms that work.
    """
    texts = value if isinstance(value, list) else [value]
    if not texts:
        raise InputError(f"{shown(value)} is no guard: {_FORMS}")
    return tuple(_guard(metric, text) for text in texts)


def _guard(metric: str, value: Any) -> Guard:
    if not isinstance(value, str) or not value.startswith("+") or len(value) > 60:
        raise InputError(f"{shown(value)} is no guard: {_FORMS}")
    text = value[1:].strip()
    if match := _SHARE.fullmatch(text):
        return Guard(metric, Decimal(match["number"]))
    if _NONE.fullmatch(text):
        return Guard(metric)
    return Guard(metric, amount=int(parse_amount(metric, text)))


def default_guards(unit: str) -> tuple[Guard, ...]:
    """What holds where a budget file has no guard: 2 % of `unit`, `macs` or `flops`."""
    return (Guard(unit, Decimal(2)),)
