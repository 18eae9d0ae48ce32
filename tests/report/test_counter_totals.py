"""The picture of counters: what each adds to the MACs that ran, and what it misses."""

from __future__ import annotations

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.report.sections.counter_totals import counters_picture


def report(unit: str, residual: int = 0, **terms: int) -> CounterReport:
    total = sum(terms.values())
    return CounterReport(
        name="any",
        status="ok",
        unit="FLOP" if unit == "FLOP" else "MAC",
        distribution="any",
        version="1",
        reported=total + residual,
        predicted=total,
        residual=residual,
        terms=terms,
    )


def bars(macs: int, **reports: CounterReport) -> dict[str, list[float]]:
    """The widths of the bars, by what they stand for."""
    (picture,) = counters_picture("net", macs, reports)
    (axes,) = picture.figure.axes
    return {
        str(container.get_label()): [bar.get_width() for bar in container]
        for container in axes.containers
    }


def test_differences_and_no_totals() -> None:
    """One MAC in 100 million: 2 million norms are 2; half the MACs missed are 50 to the left."""
    found = bars(
        100_000_000,
        exact=report("MAC", conv_macs=100_000_000),
        norms=report("MAC", conv_macs=100_000_000, norm_elements=2_000_000),
        double=report("FLOP", conv_macs=200_000_000),
        misses=report("MAC", conv_macs=50_000_000),
        odd=report("MAC", residual=7_000_000, conv_macs=100_000_000),
    )

    assert found["MACs missed or counted twice"] == [0, 0, 0, -50, 0]
    assert found["unexplained"] == [0, 0, 0, 0, 7]
    assert [widths for name, widths in found.items() if "norm" in name] == [[0, 2, 0, 0, 0]]


def test_no_picture_of_no_difference() -> None:
    """Nor of counters that could not run."""
    assert counters_picture("net", 5, {"a": report("FLOP", conv_macs=10)}) == ()
    assert counters_picture("net", 5, {}) == ()
