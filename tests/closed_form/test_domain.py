"""Which sizes several formulas are for at once."""

from __future__ import annotations

from shufflenet_flops.closed_form.domain import Domain, Range, met, met_domain
from shufflenet_flops.closed_form.expression import Residue


def test_the_larger_bound_counts() -> None:
    assert met([Range(3), Range(7, most=90), Range(5, most=80)]) == Range(7, most=80)


def test_the_coarser_step_counts_from_the_larger_bound_on() -> None:
    """33 is the first from 26 on that leaves 1 by 8."""
    assert met([Range(1, 8), Range(25, 4), Range(20)]) == Range(25, 8)
    assert met([Range(1, 8), Range(26)]) == Range(33, 8)


def test_ranges_without_a_common_size() -> None:
    assert met([Range(8, most=9), Range(12)]).count == 0


def test_each_bound_is_told_once() -> None:
    one = Domain({"h": Range(3), "n": Range(1)})
    other = Domain({"h": Range(6), "n": Range(2)})

    assert list(met_domain([one, other]).texts) == ["h ≥ 6", "n ≥ 2"]


def test_the_first_size_that_is_there() -> None:
    even = Residue(2, 0)

    assert Range(64, without=(even,)).first == 65
    assert Range(64, 2, without=(even,)).first is None
    assert Range(64, most=64, without=(even,)).first is None
    assert Range(12, 3, without=(Residue(3, 0), even)).first is None
    assert Range(9, most=8).first is None
