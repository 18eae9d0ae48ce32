"""Layers are aligned so that every change is told once, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops import find, layer_table
from shufflenet_flops.budget.layers import Layer, align, amount, fingerprint, layer_of_row
from shufflenet_flops.counting import CONVENTIONS
from tests.budget_documents import layers

lists = st.lists(layers, max_size=8)


def layers_of(name: str) -> list[Layer]:
    model = find(name)
    return [
        layer_of_row(row, CONVENTIONS["paper"]) for row in layer_table(model.spec, model.input).rows
    ]


@given(lists, lists)
def test_every_layer_is_in_one_change(before: list[Layer], after: list[Layer]) -> None:
    """So the changes add up to the difference of the totals."""
    changes = align(before, after)

    assert [one.after for one in changes if one.after] == after
    assert sorted(repr(one.before) for one in changes if one.before) == sorted(map(repr, before))
    for metric in ("macs", "params", "activations", "memory"):
        total = sum(amount(one, metric, "macs") for one in after) - sum(
            amount(one, metric, "macs") for one in before
        )
        assert sum(one.delta(metric, "macs") for one in changes) == total


@given(lists)
def test_the_same_layers_have_no_change(one: list[Layer]) -> None:
    """Nor another fingerprint, whatever they are called."""
    assert not [change for change in align(one, one) if change.is_change]
    assert fingerprint(one) == fingerprint([replace(layer, path="x") for layer in one])


@given(st.lists(layers, min_size=1, max_size=8), layers, st.data())
def test_an_inserted_layer_is_all_that_is_new(
    before: list[Layer], inserted: Layer, data: st.DataObject
) -> None:
    """Wherever it stands, even if names after it are others."""
    where = data.draw(st.integers(0, len(before)))
    shifted = [replace(one, path=f"{one.path}.x") for one in before[where:]]
    changes = align(before, [*before[:where], inserted, *shifted])

    assert sum(change.before is None for change in changes) == 1
    assert not [change for change in changes if change.after is None]


def test_a_convolution_that_loses_its_groups() -> None:
    """Named, with the groups, and the layers around it are not."""
    before = layers_of("shufflenet_v1_x1_0_g3")
    (at,) = [i for i, one in enumerate(before) if one.path == "stage3.1.branch.pw2"]
    after = [*before]
    after[at] = replace(after[at], groups=1, count=3 * after[at].count)
    (change,) = [one for one in align(before, after) if one.is_change]

    assert change.path == "stage3.1.branch.pw2"
    assert str(change) == "groups 3 → 1"
    assert change.delta("macs", "macs") == 2 * before[at].count


def test_a_unit_more() -> None:
    """Of 4: the others keep their names, their neighbours and their figures."""
    before = layers_of("shufflenet_v1_x1_0_g3")
    unit = [one for one in before if one.path.startswith("stage2.1.")]
    at = before.index(unit[-1]) + 1
    renumbered = [replace(one, path=one.path.replace("2.2", "2.3")) for one in before[at:]]
    changes = [
        one
        for one in align(
            before,
            [
                *before[:at],
                *(replace(one, path=one.path.replace("2.1", "2.2")) for one in unit),
                *renumbered,
            ],
        )
        if one.is_change
    ]

    assert sum(one.delta("macs", "macs") for one in changes) == sum(one.count for one in unit)
    assert len([one for one in changes if one.before is None]) == len(unit)
    assert not [one for one in changes if one.after is None]


def test_wider_layers_are_matched_by_name() -> None:
    """Though one width's convolution may look like another's at another place."""
    for narrow, wide in (
        ("shufflenet_v1_x1_0_g3", "shufflenet_v1_x2_0_g3"),
        ("resnext@width=4", "resnext@width=8"),
    ):
        changes = align(layers_of(narrow), layers_of(wide))
        assert [one.path for one in changes] == [one.path for one in layers_of(wide)]
        assert all(one.before and one.before.path == one.path for one in changes)
