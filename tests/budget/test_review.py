"""What a pull request shows: a change of one thing changes a handful of lines of the lock."""

from __future__ import annotations

import difflib
from dataclasses import replace

from shufflenet_flops import layer_table
from shufflenet_flops.budget import old_lock
from shufflenet_flops.budget.block import Block, block
from shufflenet_flops.budget.diff import LOCKED, compare, judge
from shufflenet_flops.budget.lock import parse, render
from shufflenet_flops.counting import find_convention
from shufflenet_flops.sources import Counted, parse_input
from shufflenet_flops.spec import Activation, BatchNorm, Conv2d, Node, seq
from shufflenet_flops.zoo.shufflenet_v1 import unit
from tests.budget_documents import old_form

SHAPE = "1x240x28x28"


def network(*units: Node, later: Node | None = None) -> Block:
    """Two stages of units on 240 channels, locked and read back."""
    spec = seq(stage2=seq(*units), stage3=later or seq(unit(240, 240, 3, m=24)))
    table = layer_table(spec, (1, 240, 28, 28))
    counted = Counted(table, table.params)
    fresh = block("net", (parse_input(SHAPE),), {}, find_convention("paper"), counted)
    (locked,) = parse("x.lock", render((fresh,)))
    return locked


def changed_lines(before: Block, after: Block) -> list[str]:
    """Lines that are new or other, as a pull request counts them."""
    lines = difflib.ndiff(render((before,)).splitlines(), render((after,)).splitlines())
    return [line for line in lines if line.startswith("+ ")]


PLAIN = network(*(unit(240, 240, 3) for _ in range(4)))


def test_a_wider_bottleneck() -> None:
    """Five layers have other figures; beside them stand the stage, the totals, the fingerprint."""
    units = [unit(240, 240, 3, m=72 if i == 2 else None) for i in range(4)]
    lines = changed_lines(PLAIN, network(*units))

    assert len(lines) == 5 + 3
    assert sum("conv2d" in line for line in lines) == 3
    assert [verdict.metric for verdict in judge(compare((PLAIN,), (network(*units),)))] == [
        "macs",
        "params",
        "activations",
        "memory",
    ]


def test_one_wider_layer() -> None:
    """The layer, its norm and the layer that reads it."""

    def two(width: int) -> Block:
        return network(
            seq(a=Conv2d(240, width), bn=BatchNorm(width), relu=Activation("relu")),
            seq(b=Conv2d(width, 240), bn=BatchNorm(240)),
        )

    assert len(changed_lines(two(60), two(61))) == 3 + 3


def test_a_shuffle_less() -> None:
    """Has neither MACs nor parameters: it is in the memory, and in the hash of its stage."""
    bare = network(*(unit(240, 240, 3, shuffle=i != 1) for i in range(4)))
    (verdict,) = judge(compare((PLAIN,), (bare,)), words=LOCKED)

    assert len(changed_lines(PLAIN, bare)) == 3
    assert (verdict.metric, verdict.status) == ("memory", "under")
    assert [(row.path, row.change, row.delta) for row in verdict.top_rows] == [
        ("stage2", "ops without MACs or parameters", -2 * 4 * 60 * 28 * 28)
    ]


def test_another_op_of_the_same_costs() -> None:
    """Only the hash tells of it, and the verdict says in which stage."""

    def ending(function: str) -> Block:
        return network(
            unit(240, 240, 3), later=seq(conv=Conv2d(240, 240), act=Activation(function))
        )

    before, after = ending("relu"), ending("sigmoid")
    (verdict,) = judge(compare((before,), (after,)), words=LOCKED)

    assert len(changed_lines(before, after)) == 2
    assert (verdict.metric, verdict.status) == ("structure", "changed")
    assert verdict.message == (
        "ops without MACs or parameters in stage3 are not as locked, though the totals are"
    )
    assert not verdict.passed


def test_a_unit_more() -> None:
    """Its layers, wherever it stands: the others keep their lines."""
    units = [unit(240, 240, 3) for _ in range(5)]
    lines = changed_lines(PLAIN, network(*units))

    assert len(lines) == 6 + 3
    changes = judge(compare((PLAIN,), (network(*units),)))
    assert {row.path.rsplit(".", 2)[0] for row in changes[0].top_rows} == {"stage2.4"}


def test_the_old_form_is_read_and_written_anew() -> None:
    """Equal to the new form of the same network, and different from any other."""
    table = layer_table(seq(stage2=unit(240, 240, 3)), (1, 240, 28, 28))
    counted = Counted(table, table.params, {"aten.fft": 2})
    fresh = block("net", (parse_input(SHAPE),), {"a": 1}, find_convention("flops"), counted)
    text = old_form((fresh,))
    (old,) = parse("x.lock", text)

    assert old == fresh
    assert old.all_layers == fresh.all_layers
    assert render((old,)) == render((fresh,))
    assert len(render((old,))) < 0.6 * len(text)
    assert text.split("\n")[(old.line or 0) - 1] == '"model": "net",'
    assert f'"schema": {old_lock.SCHEMA}' in text
    other = replace(fresh, params=fresh.params + 1)
    assert [diff.status for diff in compare((old,), (other,))] == ["changed"]
