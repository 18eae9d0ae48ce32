"""Limits as people write them, `140 M`, `12 ms`, `0.4 x resnet18`, and figures as read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shufflenet_flops.errors import InputError, UnknownNameError

_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_COUNT = {"": 1} | _DECIMAL
_BYTES = (
    _COUNT
    | {"B": 1}
    | {f"{prefix}B": size for prefix, size in _DECIMAL.items()}
    | {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
)
_SECONDS = {"us": Decimal("1e-6"), "ms": Decimal("1e-3"), "s": Decimal(1)}

METRICS: Mapping[str, Mapping[str, int | Decimal]] = MappingProxyType(
    {
        "macs": _COUNT,
        "flops": _COUNT,
        "params": _COUNT,
        "activations": _COUNT,
        "memory": _BYTES,
        "latency": _SECONDS,
    }
)
COUNTED = tuple(name for name in METRICS if name != "latency")

_UNITS = {"macs": "MAC", "flops": "FLOP", "memory": "B"}
_FORMS = {
    "memory": 'write bytes as a whole number, or text such as "100 MB" or "95.5 MiB"',
    "latency": 'write text such as "12 ms", or "0.4 x resnet18" for a share of a reference\'s time',
}
_NUMBER = re.compile(r"(?P<number>[0-9][0-9_]{0,17}(\.[0-9]{1,9})?) ?(?P<unit>[A-Za-z]*)")
_RELATIVE = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,9})?) ?[x×] (?P<reference>\S+)")
_LARGEST = 10**18


@dataclass(frozen=True)
class Limit:
    """A ceiling for one metric: a whole number, seconds, or a multiple of `reference`'s time."""

    metric: str
    value: int | Decimal
    reference: str | None = None

    def __str__(self) -> str:
        """The limit in a form that can be written in the configuration again."""
        if self.reference is not None:
            return f"{_plain(Decimal(self.value))} x {self.reference}"
        if self.metric == "latency":
            return f"{_plain(self.value / _SECONDS['ms'])} ms"
        return short_form(self.metric, int(self.value))


def parse_limit(metric: str, value: Any) -> Limit:
    """The limit that a configuration gives. Raises InputError with the forms that work."""
    advice = _FORMS.get(metric, 'write a whole number such as 1_900_000, or text such as "140 M"')
    if isinstance(value, str):
        return _parse_text(metric, value, advice)
    if metric == "latency" or isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{shown(value)} is no limit: {advice}")
    return _checked(metric, value, shown(value))


def shown(value: Any) -> str:
    """A value as a message can hold it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        return "a number too long to write"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _parse_text(metric: str, text: str, advice: str) -> Limit:
    if metric == "latency" and (match := _RELATIVE.fullmatch(text)):
        number = Decimal(match["number"])
        if not number:
            raise InputError(f"{shown(text)}: must be more than 0")
        return Limit(metric, number, match["reference"])
    match = _NUMBER.fullmatch(text)
    if not match:
        raise InputError(f"{shown(text)} is no limit: {advice}")
    units = METRICS[metric]
    if match["unit"] not in units:
        if not match["unit"]:
            raise InputError(f"{shown(text)} has no unit: {advice}")
        known = [name for name in units if name]
        error = UnknownNameError("unit", match["unit"], known)
        raise InputError(f"{shown(text)}: {error}; {advice}")
    return _checked(metric, Decimal(match["number"]) * units[match["unit"]], shown(text))


def _checked(metric: str, value: int | Decimal, text: str) -> Limit:
    if not 0 < value < _LARGEST:
        raise InputError(f"{text}: must be more than 0 and less than {_LARGEST:.0e}")
    if metric == "latency":
        return Limit(metric, value)
    if value != int(value):
        raise InputError(f"{text}: is {_plain(Decimal(value))}, not a whole number")
    return Limit(metric, int(value))


def short_form(metric: str, value: int) -> str:
    """`140 M` where three decimals tell it exactly, else all digits: `137460673`."""
    unit = "B" if metric == "memory" else ""
    for prefix in ("G", "M", "k"):
        size = _DECIMAL[prefix]
        if value >= size and value * 1000 % size == 0:
            return f"{_plain(Decimal(value) / size)} {prefix}{unit}"
    return f"{value} {unit}".strip()


def figure(metric: str, value: int) -> str:
    """A count to one decimal with its unit: `137.5 MMAC`, `1.9 M`, `104.6 MB`."""
    prefix = _prefix(abs(value))
    return _scaled(metric, value, prefix, _digits(prefix))


def figures(metric: str, first: int, second: int) -> tuple[str, str]:
    """Two counts in one unit prefix, the second without rounding if three decimals tell it.

    All digits are shown where rounding would make them look the same.
    """
    prefix = _prefix(max(abs(first), abs(second)))
    least = _digits(prefix)
    size = _DECIMAL.get(prefix, 1)
    is_exact = [digits for digits in range(least, 4) if second * 10**digits % size == 0]
    texts = [_scaled(metric, value, prefix, *is_exact[:1] or [least]) for value in (first, second)]
    if first != second and texts[0] == texts[1]:
        return exact(metric, first), exact(metric, second)
    return texts[0], texts[1]


def difference(metric: str, actual: int, before: int) -> str:
    """How far `actual` is from `before`: `+12.3 MMAC (+8.8 %)`."""
    delta = actual - before
    if abs(delta) * 2000 < before or not before:  # would be shown as 0.0 %
        return signed(metric, delta)
    return f"{signed(metric, delta)} ({_sign(delta)}{100 * abs(delta) / before:.1f} %)"


def signed(metric: str, value: int) -> str:
    """A change with its sign: `+12.3 MMAC`, `−1.1 M`, `±0 MAC`."""
    return _sign(value) + figure(metric, abs(value))


def _sign(value: int) -> str:
    return "+" if value > 0 else "−" if value < 0 else "±"


def exact(metric: str, value: int) -> str:
    """All digits: `137,460,672 MAC`."""
    return f"{value:,} {_UNITS.get(metric, '')}".rstrip()


def ceiling_for(value: int) -> int:
    """The least limit of three digits that `value` keeps to: 137460672 gives 138000000."""
    step = int(10 ** max(0, len(str(value)) - 3))
    return -(-value // step) * step


def _prefix(largest: int) -> str:
    return next((prefix for prefix in ("G", "M", "k") if largest >= _DECIMAL[prefix]), "")


def _digits(prefix: str) -> int:
    """Decimals that are always shown: thousands of millions are still told to the million."""
    return 3 if prefix == "G" else 1


def _scaled(metric: str, value: int, prefix: str, digits: int) -> str:
    if not prefix:
        return exact(metric, value)
    return f"{value / _DECIMAL[prefix]:,.{digits}f} {prefix}{_UNITS.get(metric, '')}"


def _plain(value: Decimal) -> str:
    """A decimal without exponent and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
