"""Ceilings as a budget file gives them: an amount of a metric, or a multiple of a model's time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shufflenet_flops.counting.amount import parse_amount, plain, short_form
from shufflenet_flops.counting.metric import (
    LATENCY,
    PEAK_DTYPES,
    TIME,
    TOTALS,
    TRAINING,
    WEIGHT_BYTES,
    find_metric,
)
from shufflenet_flops.errors import InputError, shown

# What a budget can limit, by the keys of a budget file.
LIMITED = tuple(
    find_metric(name).key
    for name in (*TOTALS, *WEIGHT_BYTES, *PEAK_DTYPES, TRAINING.name, LATENCY.name, TIME.name)
)
# Short keys, and the metrics that they are: a model is in fp32 unless it is said otherwise.
SHORT: Mapping[str, str] = MappingProxyType(
    {"weights": "weights_fp32", "peak_memory": "peak_memory_fp32"}
)

_RELATIVE = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,9})?) ?[x×] (?P<reference>\S+)")


@dataclass(frozen=True)
class Limit:
    """A ceiling for one metric: a whole number, seconds, or a multiple of `reference`'s time."""

    metric: str
    value: int | Decimal
    reference: str | None = None

    def __str__(self) -> str:
        """The limit in a form that can be written in the configuration again."""
        if self.reference is not None:
            return f"{plain(Decimal(self.value))} x {self.reference}"
        return short_form(self.metric, self.value)


def parse_limit(metric: str, value: Any) -> Limit:
    """The limit that a configuration gives. Raises InputError with the forms that work."""
    is_time = metric == LATENCY.key
    if is_time and isinstance(value, str) and (match := _RELATIVE.fullmatch(value)):
        number = Decimal(match["number"])
        if not number:
            raise InputError(f"{shown(value)}: must be more than 0")
        return Limit(metric, number, match["reference"])
    return Limit(metric, parse_amount(metric, value))


def ceiling_for(value: int) -> int:
    """The least limit of three digits that `value` keeps to: 137460672 gives 138000000."""
    step = int(10 ** max(0, len(str(value)) - 3))
    return -(-value // step) * step
