"""Every network over any kind of number: arrays and symbols give what ints do, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from shufflenet_flops import zoo
from shufflenet_flops.counting.totals import totals
from tests.support.zoo_names import by_speed
from tests.trace.test_agreement import OTHER_SIZES

SIZES = ((224, 224), (256, 320), (480, 288))


def sizes_of(name: str) -> tuple[tuple[int, int], ...]:
    """Multiples of 32 but for the networks that take few sizes."""
    return OTHER_SIZES.get(name, SIZES)


@pytest.mark.parametrize("name", list(map(by_speed, zoo.names())))
def test_sizes_as_arrays(name: str) -> None:
    spec = zoo.find(name).spec
    heights, widths = map(np.array, zip(*sizes_of(name), strict=True))

    found = totals(spec, (1, 3, heights, widths))

    for i, (height, width) in enumerate(sizes_of(name)):
        of_ints = totals(spec, (1, 3, height, width))
        assert {
            metric: int(np.broadcast_to(values, heights.shape)[i])
            for metric, values in found.items()
        } == of_ints


@pytest.mark.parametrize(
    "name", [by_speed(name) for name in zoo.names() if name not in OTHER_SIZES]
)
def test_sizes_as_symbols(name: str) -> None:
    """Height and width are 32 times a symbol, as in the closed forms."""
    spec = zoo.find(name).spec
    u, v = sympy.symbols("u v", integer=True, positive=True)

    found = totals(spec, (1, 3, 32 * u, 32 * v))

    for height, width in SIZES:
        numbers = {u: height // 32, v: width // 32}
        assert {
            metric: int(sympy.sympify(value).subs(numbers)) for metric, value in found.items()
        } == totals(spec, (1, 3, height, width))
