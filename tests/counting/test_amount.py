"""Amounts are read exactly, in every writing, and figures never look equal when they are not."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shufflenet_flops.counting.amount import (
    difference,
    exact,
    figure,
    figures,
    parse_amount,
    short_form,
)
from shufflenet_flops.counting.metric import FORMED, METRICS, PREFIXES, TOTALS, find_metric
from shufflenet_flops.errors import InputError, UnknownNameError

COUNTED = [metric.key for metric in METRICS if not metric.is_time]
counted = st.sampled_from(COUNTED)
counts = st.integers(0, 10**13)
amounts = st.integers(1, 10**24)


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [
        ("macs", "140 M", 140_000_000),
        ("macs", "140M", 140_000_000),
        ("macs", "140 MMAC", 140_000_000),
        ("macs", "140MMAC", 140_000_000),
        ("macs", "140 MMACs", 140_000_000),
        ("macs", "0.14G", 140_000_000),
        ("macs", "1.4e8", 140_000_000),
        ("macs", "1.4E+8 MAC", 140_000_000),
        ("macs", "140_000_000", 140_000_000),
        ("macs", " 140,000,000 MAC ", 140_000_000),
        ("macs", 1.4e8, 140_000_000),
        ("macs", 140_000_000, 140_000_000),
        ("macs", "1.000001 G", 1_000_001_000),
        ("flops", "38 MFLOPs", 38_000_000),
        ("params", "25_557_032", 25_557_032),
        ("params", "2 M", 2_000_000),
        ("params", "2 M params", 2_000_000),
        ("params", "2 M parameters", 2_000_000),
        ("activations", "3 k activations", 3_000),
        ("memory", "100 MB", 100_000_000),
        ("memory", "100 MB memory", 100_000_000),
        ("memory_bytes", "1 kB", 1_000),
        ("memory", "1.5 MiB", 1_572_864),
        ("memory", "2GiB", 2 * 2**30),
        ("memory", "12 B", 12),
        ("latency", "12 ms", Decimal("0.012")),
        ("latency", "12ms latency", Decimal("0.012")),
        ("latency", "250 us", Decimal("0.00025")),
        ("latency", "250 µs", Decimal("0.00025")),
        ("latency_s", "250 \N{GREEK SMALL LETTER MU}s", Decimal("0.00025")),
        ("latency", "1.5 s", Decimal("1.5")),
        ("time", "5 ms", Decimal("0.005")),
        ("time", "5ms", Decimal("0.005")),
        ("time_s", "0.005 s", Decimal("0.005")),
    ],
)
def test_amounts(metric: str, text: object, value: int | Decimal) -> None:
    """Prefixes are of a thousand, and bytes have those of 1024 too."""
    assert parse_amount(metric, text) == value


@pytest.mark.parametrize(
    ("metric", "value", "message"),
    [
        ("macs", "140 m", "unknown unit 'm'"),
        ("macs", "140 MB", "'140 MB': B is no unit of macs: write \"140 MMAC\""),
        (
            "macs",
            "140 MFLOP",
            "'140 MFLOP': FLOP is no unit of macs: write \"140 MMAC\" (one MAC is two FLOPs)",
        ),
        ("flops", "140 MMACs", 'MAC is no unit of flops: write "140 MFLOP"'),
        ("params", "5 MB", "'5 MB': B is no unit of params: write \"5 M\""),
        ("params", "5 MMAC", "MAC is no unit of params"),
        ("params", "5 ms", "s is no unit of params"),
        ("macs", "5 M params", "params is no unit of macs"),
        ("memory", "5 MMAC", 'MAC is no unit of memory: write "5 MB"'),
        ("latency", "5 MB", 'B is no unit of latency: write text such as "12 ms"'),
        ("macs", "1,4 M", 'write a whole number such as 1_900_000, or text such as "140 M"'),
        ("macs", "1e", "unknown unit 'e'"),
        ("macs", "1_", "is not an amount"),
        ("macs", "M", "is not an amount"),
        ("macs", "", "is not an amount"),
        ("macs", "-3", "is not an amount"),
        ("macs", "1 M; rm", "is not an amount"),
        ("macs", "٣ M", "is not an amount"),
        ("macs", 1.5, "1.5 is not an amount"),
        ("macs", 1e20, "1e+20 is not an amount"),
        ("macs", float("nan"), "nan is not an amount"),
        ("macs", float("inf"), "inf is not an amount"),
        ("macs", True, "True is not an amount"),
        ("flops", 0, "must be more than 0"),
        ("macs", "0", "must be more than 0"),
        ("macs", "0e999999999", "must be more than 0"),
        ("macs", -3, "must be more than 0"),
        ("macs", "0.0001 k", "is 0.1, not a whole number"),
        ("macs", "1e999999999", "must be more than 0 and less than 1e+30"),
        ("macs", "1e-999999999", "must be more than 0 and less than 1e+30"),
        ("macs", "1e99999999999999999999999", "is not an amount"),
        ("macs", "1e31", "less than 1e+30"),
        ("macs", 10**30, "must be more than 0 and less than 1e+30"),
        pytest.param("macs", 16**5000, "a number too long to write", id="long"),
        pytest.param("macs", "9" * 5000, "is not an amount", id="long text"),
        ("macs", None, "None is not an amount"),
        ("latency", "12", "has no unit"),
        ("time", "5", 'has no unit: write text such as "5 ms" or "0.005 s"'),
        ("time", "5 MMAC", 'MAC is no unit of time: write text such as "5 ms"'),
        ("latency", 12, 'write text such as "12 ms"'),
        ("memory", "1 mb", "did you mean MB?"),
    ],
)
def test_what_is_no_amount(metric: str, value: object, message: str) -> None:
    """One line that names the value and what would work."""
    with pytest.raises(InputError) as caught:
        parse_amount(metric, value)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(counted, amounts, st.sampled_from(["", *PREFIXES]), st.booleans())
def test_all_writings_of_an_amount_are_equal(
    metric: str, value: int, prefix: str, spaced: bool
) -> None:
    """With and without unit, prefix, blank, exponent, separators; in TOML, and as a number."""
    sign = find_metric(metric).unit
    scaled = Decimal(value).scaleb(-len(str(PREFIXES.get(prefix, 1))) + 1)
    assume(len(f"{scaled:f}") < 40)
    blank = " " if spaced else ""
    texts = [f"{scaled:f}{blank}{prefix}{unit}" for unit in {"", sign}]
    texts += [f"{scaled:E}{blank}{prefix}{sign}", f"{value:_}", f"{value:,}", str(value)]

    assert {parse_amount(metric, text) for text in texts} == {value}
    for text in texts:
        assert parse_amount(metric, tomllib.loads(f'a = "{text}"')["a"]) == value
    assert parse_amount(metric, tomllib.loads(f"a = {value:_}")["a"]) == value


@given(counted, amounts)
def test_what_is_printed_is_read_back(metric: str, value: int) -> None:
    """Exactly where it is exact, and else to the digits that are shown."""
    assert parse_amount(metric, short_form(metric, value)) == value
    assert parse_amount(metric, exact(metric, value)) == value
    read = parse_amount(metric, figure(metric, value))
    assert abs(read - value) <= value / 20
    assert parse_amount(metric, figures(metric, value, value + 1)[1]) >= value * 0.99


@given(st.decimals("0.001", "99999", places=3))
def test_a_time_is_read_back(value: Decimal) -> None:
    """In milliseconds, without loss."""
    assert parse_amount("latency", short_form("latency", value)) == value


@given(counted, st.text(max_size=30))
def test_any_text_is_an_amount_or_refused(metric: str, text: str) -> None:
    """With an error of ours, whatever it is."""
    with suppress(InputError):
        assert 0 < parse_amount(metric, text) < 10**30


@given(counted, counts, counts)
def test_different_figures_look_different(metric: str, first: int, second: int) -> None:
    """Rounding never hides which is larger."""
    texts = figures(metric, first, second)
    assert (texts[0] == texts[1]) == (first == second)


def test_full_digits_where_rounding_ties() -> None:
    """One multiply-accumulate over."""
    assert figures("macs", 140_000_001, 140_000_000) == ("140,000,001 MAC", "140,000,000 MAC")
    assert figures("macs", 152_300_000, 140_000_000) == ("152.3 MMAC", "140.0 MMAC")
    assert figures("macs", 3_350_976, 3_420_000) == ("3.35 MMAC", "3.42 MMAC")
    assert figure("memory", 104_586_240) == "104.6 MB"


def test_differences() -> None:
    """With a share, unless it would be shown as nothing."""
    assert difference("macs", 152_300_000, 140_000_000) == "+12.3 MMAC (+8.8 %)"
    assert difference("params", 90, 100) == "−10 (−10.0 %)"
    assert difference("macs", 140_000_001, 140_000_000) == "+1 MAC"


def test_every_metric_is_found_by_its_name_and_its_key() -> None:
    """And each name is one metric's."""
    for metric in METRICS:
        assert find_metric(metric.name) is find_metric(metric.key) is metric
    names = {name for metric in METRICS for name in {metric.name, metric.key}}
    assert len(names) == sum(len({metric.name, metric.key}) for metric in METRICS)
    assert set(TOTALS) <= {metric.name for metric in METRICS}
    with pytest.raises(UnknownNameError, match="did you mean macs"):
        find_metric("mac")


def test_a_metric_says_what_its_figures_are_of() -> None:
    """With any prefix, and on an axis."""
    assert [find_metric(name).scaled("M") for name in TOTALS] == [
        "MMAC",
        "MFLOP",
        "M params",
        "M activations",
        "MB memory",
    ]
    assert [metric.axis("k") for metric in FORMED] == [
        "kMAC",
        "thousand parameters",
        "thousand weights",
        "thousand activations",
        "memory access, kB (fp32)",
    ]
