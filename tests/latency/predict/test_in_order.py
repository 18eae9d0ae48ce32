"""Whose time is what an engine runs under names of its own."""

from __future__ import annotations

import pytest

from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.predict.kernels import Fusion
from shufflenet_flops.latency.predict.networks import random_network
from shufflenet_flops.latency.predict.profilers.in_order import (
    Expected,
    ops_of,
    seconds_in_order,
)

CONV_A, CONV_B = ("weights", 9), ("weights", 16)


def test_alike_ops_are_told_by_their_order() -> None:
    expected = [Expected("a", [CONV_A]), Expected("b", [CONV_A]), Expected("c", [CONV_B])]
    run = [(CONV_A, 1.0), (CONV_B, 20.0), (CONV_A, 300.0)]

    assert seconds_in_order(run, expected) == {"a": 1.0, "c": 20.0, "b": 300.0}


def test_an_op_may_run_as_several_kernels() -> None:
    expected = [Expected("silu", ["sigmoid", "mul"]), Expected("gate", ["mul"])]
    run = [("sigmoid", 1.0), ("mul", 20.0), ("mul", 300.0)]

    assert seconds_in_order(run, expected) == {"silu": 21.0, "gate": 300.0}


@pytest.mark.parametrize(
    ("between", "seconds"),
    [(["shuffle"], {"a": 1.0, "shuffle": 320.0, "b": 54000.0}), ([], {"a": 1.0, "b": 54320.0})],
    ids=["of the op between that has nothing else", "of the next op"],
)
def test_what_is_not_known_by_itself(between: list[str], seconds: dict[str, float]) -> None:
    """A change of layout serves the op that stands between its neighbours, else the next one."""
    shuffles = [Expected(name, ["channel_shuffle"]) for name in between]
    expected = [Expected("a", [CONV_A]), *shuffles, Expected("b", [CONV_B])]
    run = [(CONV_A, 1.0), (None, 20.0), (None, 300.0), (CONV_B, 4000.0), (None, 50000.0)]

    assert seconds_in_order(run, expected) == seconds


def test_what_stands_first_in_a_kernel_is_run_for_certain() -> None:
    """One activation ran: not the one within a convolution."""
    expected = [
        Expected("conv", [CONV_A]),
        Expected("within", ["relu"], is_first=False),
        Expected("sum", ["add"]),
        Expected("after", ["relu"]),
    ]
    run = [(CONV_A, 1.0), ("add", 20.0), ("relu", 300.0)]

    assert seconds_in_order(run, expected) == {"conv": 1.0, "sum": 20.0, "after": 300.0}


def test_branches_in_another_order() -> None:
    """What comes between ops that were put in another order is of the next one."""
    expected = [Expected("a", ["x"]), Expected("b", ["y"]), Expected("c", ["z"])]
    run = [("z", 1.0), (None, 20.0), ("x", 300.0), (None, 4000.0), ("y", 50000.0)]

    assert seconds_in_order(run, expected) == {"c": 1.0, "a": 320.0, "b": 54000.0}


def test_nothing_is_known() -> None:
    assert seconds_in_order([(None, 1.0)], [Expected("a", ["x"])]) == {"a": 1.0}
    assert seconds_in_order([], [Expected("a", ["x"])]) == {}


@pytest.mark.parametrize("number", range(6))
def test_the_ops_of_a_network(number: int) -> None:
    """Each row is an op, and as many stand first as there are kernels."""
    network = random_network(number)
    fusion = Fusion(norm=True, activations=frozenset({"relu"}), attention=True)
    ops = ops_of(network, fusion)

    assert [op.row for op in ops] == list(layer_table(network.spec, network.input).rows)
    assert len({op.kernel for op in ops}) == sum(op.is_first for op in ops)
    assert all(op.row.path in op.kernel.paths for op in ops)
