"""Amounts of a metric as people write them, `140 M` or `140 MMAC`, and figures as people read them.

One grammar for the command line, for TOML and for Python: a number, a prefix, a unit, and what it
is of; all but the number may be left out. Amounts are read exactly, and never through a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.counting.metric import (
    FLOPS,
    MACS,
    METRICS,
    PREFIXES,
    Metric,
    find_metric,
)
from shufflenet_flops.errors import InputError, UnknownNameError, shown

NUMBER = re.compile(
    r"(?P<whole>[0-9]{1,3}(,[0-9]{3})+|[0-9]+(_[0-9]+)*)(?P<rest>(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?)"
)
_UNIT = re.compile(r" ?[A-Za-zµμ]*( [a-z ]+)?")
_LONGEST = 60  # characters
_LARGEST = 10**30
_FARTHEST = 100  # places from the point, either way: what is beyond is refused before it is worked
_EXACT = Context(prec=4 * _FARTHEST)
_ROUNDED_FLOAT = 2**53  # from here on, a float may stand for its neighbour


def parse_amount(name: str, value: Any) -> int | Decimal:
    """An amount of the metric with this name: a whole number, or seconds for a time.

    `140M`, `140 M`, `140 MMAC`, `0.14G`, `1.4e8`, `140_000_000` and the number are the same.
    Raises InputError, with what would work, for what is no amount, for a unit of another metric,
    and for a count that is not whole or not from 1 to 10^30.
    """
    metric = find_metric(name)
    if isinstance(value, str):
        return _checked(metric, _from_text(metric, value), value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _ROUNDED_FLOAT:
        value = int(value)  # 1.4e8 in TOML
    if metric.is_time or isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{shown(value)} is not an amount: {metric.forms}")
    return _checked(metric, value, value)


@dataclass(frozen=True)
class Printed:
    """A count as somebody printed it: all counts within `half` of `value` are printed so.

    `unit` is None where only the number is there.
    """

    value: int
    half: int
    unit: Unit | None


def parse_printed(text: str) -> Printed:
    """`4.13G`, `4.1e9`, `4.134 GMAC` or all digits, with how far a count may be from it.

    Zeros at the end of a whole number may be digits that were not printed. Raises InputError for
    what is no count.
    """
    of_flops = re.search(r"FLOPs?\s*$", text.strip(), re.IGNORECASE) is not None
    metric = FLOPS if of_flops else MACS
    written = re.sub(r"(?i)\s*(mac|flop)s?\s*$", lambda sign: f"{sign[1].upper()}", text.strip())
    try:
        amount = _from_text(metric, re.sub(r"\s+", " ", written))
    except InputError:
        raise InputError(
            f"reported total {text}: write it as it was printed, as in 4.13G, 4.1e9, "
            "4.134 GMAC, 8.2 GFLOPs or 4089184256"
        ) from None
    match = NUMBER.match(written)
    assert match is not None
    value = int(amount)
    if value != amount:
        raise InputError(
            f"reported total {text}: a count is whole: write its prefix, as in {match[0]}G or "
            f"{match[0]}M"
        )
    if not 0 < value < _LARGEST:
        raise InputError(f"reported total {text}: must be more than 0 and less than {_LARGEST:.0e}")
    number = Decimal(re.sub("[_,]", "", match["whole"]) + match["rest"])
    size = Decimal(value) / number
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    last = size * Decimal(1).scaleb(exponent)
    if last == 1:
        digits = str(value)
        last = Decimal(10) ** (len(digits) - len(digits.rstrip("0")))
    has_unit = written.endswith(("MAC", "FLOP"))
    unit: Unit | None = ("FLOP" if of_flops else "MAC") if has_unit else None
    return Printed(value, int(last / 2), unit)


def _from_text(metric: Metric, text: str) -> Decimal:
    """The number times its unit, exactly."""
    written = text.strip()
    match = NUMBER.match(written)
    if len(text) > _LONGEST or not match or not _UNIT.fullmatch(written, match.end()):
        raise InputError(f"{shown(text)} is not an amount: {metric.forms}")
    sign = written[match.end() :].strip()
    for word in (metric.key, metric.noun):  # `2 M params`, as a title says it
        if sign not in metric.units:
            sign = sign.removesuffix(word).rstrip()
    if sign not in metric.units:
        raise InputError(f"{shown(text)}{_wrong_unit(metric, match[0], sign)}")
    number = Decimal(re.sub("[_,]", "", match["whole"]) + match["rest"])
    if number and abs(number.adjusted()) > _FARTHEST:
        raise InputError(f"{shown(text)}: must be more than 0 and less than {_LARGEST:.0e}")
    return _EXACT.multiply(number, Decimal(metric.units[sign]))


def _wrong_unit(metric: Metric, number: str, sign: str) -> str:
    """What is wrong with a unit that the metric does not have, and what to write."""
    if not sign:
        return f" has no unit: {metric.forms}"
    for other in METRICS:
        if (sign in other.units and sign not in PREFIXES) or sign.endswith(other.key):
            prefix = sign[0] if sign[0] in PREFIXES else ""
            right = f"{number} {prefix}{metric.unit}".strip()
            right = metric.forms if metric.is_time else f'write "{right}"'
            twice = (
                " (one MAC is two FLOPs)" if {metric.unit, other.unit} == {"MAC", "FLOP"} else ""
            )
            return f": {other.unit or other.key} is no unit of {metric.key}: {right}{twice}"
    known = [name for name in metric.units if name]
    return f": {UnknownNameError('unit', sign, known)}; {metric.forms}"


def _checked(metric: Metric, value: int | Decimal, written: Any) -> int | Decimal:
    if not 0 < value < _LARGEST:
        raise InputError(f"{shown(written)}: must be more than 0 and less than {_LARGEST:.0e}")
    if metric.is_time:
        return value
    if value != int(value):
        raise InputError(f"{shown(written)}: is {plain(Decimal(value))}, not a whole number")
    return int(value)


def plain(value: Decimal) -> str:
    """A decimal without exponent and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short_form(name: str, value: int | Decimal) -> str:
    """`140 M` where three decimals tell it exactly, else all digits: `137460673`; `12 ms`."""
    metric = find_metric(name)
    if metric.is_time:
        return f"{plain(_EXACT.multiply(Decimal(value), Decimal(1000)))} ms"
    value = int(value)
    unit = "B" if metric.unit == "B" else ""
    for prefix in ("G", "M", "k"):
        size = PREFIXES[prefix]
        if value >= size and value * 1000 % size == 0:
            return f"{plain(_EXACT.divide(Decimal(value), Decimal(size)))} {prefix}{unit}"
    return f"{value} {unit}".strip()


def figure(name: str, value: int) -> str:
    """A count to one decimal with its unit: `137.5 MMAC`, `1.9 M`, `104.6 MB`."""
    prefix = _prefix(abs(value))
    return _scaled(name, value, prefix, _digits(prefix))


def figures(name: str, first: int, second: int) -> tuple[str, str]:
    """Two counts in one unit prefix, the second without rounding if three decimals tell it.

    All digits are shown where rounding would make them look the same.
    """
    prefix = _prefix(max(abs(first), abs(second)))
    least = _digits(prefix)
    size = PREFIXES.get(prefix, 1)
    is_exact = [digits for digits in range(least, 4) if second * 10**digits % size == 0]
    texts = [_scaled(name, value, prefix, *is_exact[:1] or [least]) for value in (first, second)]
    if first != second and texts[0] == texts[1]:
        return exact(name, first), exact(name, second)
    return texts[0], texts[1]


def difference(name: str, actual: int, before: int) -> str:
    """How far `actual` is from `before`: `+12.3 MMAC (+8.8 %)`."""
    delta = actual - before
    if abs(delta) * 2000 < before or not before:  # would be shown as 0.0 %
        return signed(name, delta)
    return f"{signed(name, delta)} ({_sign(delta)}{100 * abs(delta) / before:.1f} %)"


def signed(name: str, value: int) -> str:
    """A change with its sign: `+12.3 MMAC`, `−1.1 M`, `±0 MAC`."""
    return _sign(value) + figure(name, abs(value))


def _sign(value: int) -> str:
    return "+" if value > 0 else "−" if value < 0 else "±"


def exact(name: str, value: int) -> str:
    """All digits: `137,460,672 MAC`."""
    return f"{value:,} {find_metric(name).unit}".rstrip()


def _prefix(largest: int) -> str:
    return next((prefix for prefix in ("G", "M", "k") if largest >= PREFIXES[prefix]), "")


def _digits(prefix: str) -> int:
    """Decimals that are always shown: thousands of millions are still told to the million."""
    return 3 if prefix == "G" else 1


def _scaled(name: str, value: int, prefix: str, digits: int) -> str:
    if not prefix:
        return exact(name, value)
    return f"{value / PREFIXES[prefix]:,.{digits}f} {prefix}{find_metric(name).unit}"
