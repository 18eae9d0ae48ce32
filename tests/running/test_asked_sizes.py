"""Numbers that remember how they were made of sizes are numbers, and afterwards no more."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

from shufflenet_flops.running import asked_sizes
from shufflenet_flops.running.asked_sizes import AskedSizes


class Sized:
    """Stands for a tensor."""


SIZED = Sized()


def read(asked: AskedSizes, size: int) -> Any:
    return asked.read("stem", 1, 2, SIZED, (size,))[0]


@pytest.mark.parametrize(
    "expression",
    [
        "x + 3",
        "3 - x",
        "-x % 7",
        "x // 4 * 4 - x",
        "x / 2",
        "7 / x",
        "2.5 * x",
        "math.ceil(x / 4)",
        "round(x / 4)",
        "round(x / 7, 1)",
        "math.floor(x / 4 + 0.5)",
        "divmod(x, 5)",
        "x ** 2",
        "x >> 1",
        "x & 1",
        "x | 1",
        "1 << (x % 3)",
        "abs(-x)",
        "max(x, 8)",
        "int(x)",
        "float(x)",
        "x == 10",
        "x != 10.0",
        "x < 3",
        "not x % 5",
        "[0] * x",
        "'%d %s' % (x, x)",
        "f'{x:>4} {x / 4}'",
        "list(range(x))",
        "{10: 1}[x]",
        "x == 'text'",
        "(1, x) == (1, 10)",
        "x if x else 0",
    ],
)
def test_it_is_as_any_number(expression: str) -> None:
    """All of Python's arithmetic has the value that it has for a plain 10."""
    with asked_sizes.kept() as asked:
        followed = eval(expression, {"x": read(asked, 10), "math": math})
        assert followed == eval(expression, {"x": 10, "math": math})


def test_what_is_asked_is_kept() -> None:
    with asked_sizes.kept() as asked:
        x = read(asked, 10)
        assert -x % 7 != 0
        if math.ceil(x / 4) > 2:
            pass

    where = ("stem", 1, 2, 0, 0)
    assert asked.sizes == {where: 10}
    assert asked.questions == {
        ("ne", ("mod", ("neg", where), ("number", 7)), ("number", 0)): True,
        ("gt", ("ceil", ("truediv", where, ("number", 4))), ("number", 2)): True,
    }


def test_sizes_of_one_place_are_told_apart_by_their_time_and_axis() -> None:
    with asked_sizes.kept() as asked:
        asked.read("stem", 1, 2, SIZED, (3, 4))
        asked.read("stem", 1, 2, Sized(), (5, 6))

    assert list(asked.sizes.values()) == [3, 4, 5, 6]


def test_sizes_of_one_tensor_are_the_same_wherever_they_are_read() -> None:
    with asked_sizes.kept() as asked:
        (x,) = asked.read("stem", 1, 2, SIZED, (3,))
        (again,) = asked.read("head", 5, 6, SIZED, (3,))
        (changed,) = asked.read("head", 5, 6, SIZED, (4,))

    assert again is x
    assert asked.sizes == {("stem", 1, 2, 0, 0): 3, ("head", 5, 6, 0, 0): 4}
    assert asked.questions == {}
    assert changed == 4


def test_afterwards_nothing_is_kept() -> None:
    with asked_sizes.kept() as asked:
        x = read(asked, 10)
    assert x > 3
    assert type(x + 1) is int

    assert asked.questions == {}
    assert asked_sizes.current() is None


def test_copies_are_plain_numbers() -> None:
    with asked_sizes.kept() as asked:
        x = read(asked, 10)
        copies = [copy.copy(x), copy.deepcopy([x])[0], pickle.loads(pickle.dumps(x))]
        half = copy.copy(x / 4)

    assert {type(one) for one in copies} == {int}
    assert copies == [10, 10, 10]
    assert (type(half), half) == (float, 2.5)
    assert asked_sizes.plain([x, (x, 0.5), "x"]) == [10, (10, 0.5), "x"]
