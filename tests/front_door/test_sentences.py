"""Findings and notes are made of facts: whatever the figures are, no sentence says else."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.counting import CONVENTIONS, Row, Table
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.report.sections.compare import _cost, _memory, how_many
from shufflenet_flops.report.sections.count import _findings
from shufflenet_flops.report.view.compare import agreement, compare_grid
from shufflenet_flops.spec import OpClass

PAPER = CONVENTIONS["paper"]
COUNTS = st.integers(1, 10**12) | st.integers(1, 20)
MAYBE = st.none() | st.integers(1, 3)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Rows of any kind, in a few stages, with any work and parameters."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a.x", "a.y", "b.x", "c"]),
                st.sampled_from([Kind.DENSE_CONV, Kind.POINTWISE_CONV, Kind.LINEAR, Kind.NORM]),
                st.integers(0, 9),
                st.integers(0, 9),
                st.integers(0, 9),
            ),
            min_size=1,
            max_size=8,
        )
    )
    return Table(
        tuple(
            Row(
                path,
                "op",
                kind,
                ((1,),),
                (1,),
                {} if kind is Kind.NORM else {OpClass.CONV_MACS: macs},
                params=params,
                read_bytes=moved,
            )
            for path, kind, macs, params, moved in rows
        )
    )


def result_of(table: Table) -> CountResult:
    return CountResult(
        "net", "", (1,), ("1",), table.macs, "MAC", table.macs, table.flops, table.params,
        table.activations, table.memory_bytes, {}, (), (), False,
    )  # fmt: skip


@given(tables())
def test_findings_of_a_count(table: Table) -> None:
    """What has the most has it; most is more than half; shares are the shares."""
    stages, kinds = table.by("stage"), table.by("kind")
    findings = _findings(result_of(table), table, stages, kinds, PAPER)
    text = " ".join(findings)

    if not table.macs:
        assert findings == ["It does no work that `paper` counts."]
        return
    assert findings[0].startswith(f"{table.macs:,} MACs, {table.params:,} parameters")
    (named,) = re.findall(r"most MACs are in (.*?) \(", text)
    largest = max(part.macs for part in stages.values())
    assert {stages[name].macs for name in named.split(" and ")} == {largest}
    for heavy, share in re.findall(r"arameters (?:are|is) in (.*?): ([\d.]+) %", text):
        assert kinds[heavy].params == max(part.params for part in kinds.values())
        assert f"{100 * kinds[heavy].params / table.params:.1f}" == share
        assert ("Most parameters are" in text) == (2 * kinds[heavy].params > table.params)
    for moved in re.findall(r"still move ([\d.]+) %", text):
        idle = sum(part.memory_bytes for part in kinds.values() if not part.macs)
        assert f"{100 * idle / table.memory_bytes:.1f}" == moved


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Units and networks, with and without a spec and a formula, in agreement or not."""
    unit = draw(st.none() | st.sampled_from(["resnet", "shufflenet"]))
    sizes = {key: draw(st.integers(1, 2)) if unit else None for key in "cmghw"}
    with_form = unit is not None and draw(st.booleans())
    return Comparison(
        model=None if unit else draw(st.sampled_from(["net", "other"])),
        source="factory",
        unit=unit,
        **sizes,
        stride=1 if unit else None,
        input=(1, 3, 8, 8),
        inputs=("1x3x8x8",),
        formula="2cm" if with_form else None,
        formula_macs=draw(st.integers(1, 3)) if with_form else None,
        analytic_macs=draw(st.integers(1, 3)) if unit else draw(MAYBE),
        traced_macs=draw(COUNTS),
        params=draw(st.integers(0, 10**9)),
        activations=1,
        memory_bytes=draw(COUNTS),
        counters={},
        unknown_ops={},
        real_forward=False,
    )


@given(st.lists(comparisons(), min_size=1, max_size=4))
def test_sides_that_are_said_to_agree_are_there_and_agree(found: list[Comparison]) -> None:
    """No side is named that was not asked, and none is equal that is not."""
    for comparison in found:
        sides = {
            "formula": comparison.formula_macs,
            "analytic": comparison.analytic_macs,
            "traced": comparison.traced_macs,
        }
        said = agreement(comparison)
        named = re.findall("formula|analytic|traced", said)
        assert set(named) == {side for side, macs in sides.items() if macs is not None}
        assert ("NOT EQUAL" in said) == (len({sides[name] for name in named}) > 1)
    table = compare_grid(found)
    notes = " ".join(table.notes)
    for comparison in found:
        assert f"{comparison.name} {comparison.traced_macs:,}" in notes
    if table.title.startswith("units on"):
        first = found[0]
        assert all(comparison.unit for comparison in found)
        assert {(one.c, one.h, one.w) for one in found} == {(first.c, first.h, first.w)}
    assert (table.columns[0].heading == "unit") == all(one.unit for one in found)
    with_form = [one for one in found if one.formula]
    assert [column.heading for column in table.columns].count("formula") == bool(with_form)


@given(COUNTS, COUNTS)
def test_how_many(a: int, b: int) -> None:
    """The words hold for the figures that are shown."""
    macs, others = sorted((a, b))
    said = how_many(macs, others)

    assert (said == "as many as") == (macs == others)
    for times in re.findall(r"([\d.]+) times", said):
        assert float(times) >= 1.1
        assert abs(float(times) - others / macs) <= 0.05 + 1e-9 * others / macs
    for share in re.findall(r"([\d.]+) %", said):
        assert 0 < float(share) < 10


@given(st.lists(comparisons(), min_size=2, max_size=4))
def test_findings_of_a_comparison(found: list[Comparison]) -> None:
    found = [replace(one, model=f"m{i}", unit=None) for i, one in enumerate(found)]
    by_name = {one.name: one for one in found}
    macs = [one.traced_macs for one in found]
    memory = [one.memory_bytes for one in found]
    (cost,), (moved,) = _cost(found), _memory(found)

    assert by_name[cost.split()[0]].traced_macs == min(macs)
    work, bytes_ = max(macs) / min(macs), max(memory) / min(memory)
    if "varies" in moved:
        (how,) = re.findall("varies (less|more|as much)", moved)
        assert how == ("less" if bytes_ < work else "more" if bytes_ > work else "as much")
    else:
        assert len(set(memory)) == 1
