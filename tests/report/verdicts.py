"""Hypothesis strategies for verdicts with anything in them that a user can write."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from shufflenet_flops.budget.verdict import Report, Status, TopRow, Verdict

NASTY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "a\n::error::pwned",
            "::set-output name=x::y",
            "%0A::error::x",
            "a%b,c:d",
            "</testcase>]]>&",
            "\x00\x1b[31m\x7f",
            "| a | b |\n- [x](javascript:1) @team #1 <img src=x>",
            "`code` **bold** ~~gone~~",
            "\u2028::error::x\r\n::stop-commands::x",
        ]
    ),
)
rows = st.builds(
    TopRow,
    path=NASTY,
    change=NASTY,
    metric=st.sampled_from(["macs", "memory"]),
    amount=st.integers(0, 10**12),
    delta=st.one_of(st.none(), st.integers(-(10**12), 10**12)),
)
verdicts = st.builds(
    Verdict,
    model=NASTY,
    metric=st.sampled_from(["macs", "params", "lock", "budget[0].macs"]),
    status=st.sampled_from(get_args(Status)),
    message=NASTY,
    level=st.sampled_from(["error", "warn"]),
    actual=st.one_of(st.none(), st.integers(0, 10**12)),
    top_rows=st.lists(rows, max_size=3).map(tuple),
    more_rows=st.integers(0, 3),
    reason=NASTY,
    hint=NASTY,
    file=NASTY,
    line=st.one_of(st.none(), st.integers(1, 99)),
)
few = st.lists(verdicts, max_size=3)
# More than ten verdicts of the same kinds, for the limit of annotations.
reports = st.builds(
    lambda found, times: Report(tuple(found) * times), few, st.sampled_from([1, 1, 5])
)
