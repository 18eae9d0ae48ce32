"""ShuffleNet V2: both readings of the down-sampling unit, at every published scale."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table, walk_macs
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo import shufflenet_v2


@pytest.mark.parametrize(
    ("name", "macs", "params"),
    [
        ("shufflenet_v2_official_x0_5", 40_476_448, 1_365_792),
        ("shufflenet_v2_official_x1_0", 145_814_296, 2_278_760),
        ("shufflenet_v2_official_x1_5", 298_970_656, 3_506_720),
        ("shufflenet_v2_official_x2_0", 590_783_000, 7_402_600),
        ("shufflenet_v2_x0_5", 40_476_448, 1_366_792),
        ("shufflenet_v2_x1_0", 144_907_992, 2_278_604),
        ("shufflenet_v2_x1_5", 295_759_392, 3_503_624),
        ("shufflenet_v2_x2_0", 583_253_464, 7_393_996),
    ],
)
def test_golden(name: str, macs: int, params: int) -> None:
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)

    assert (table.macs, table.params) == (macs, params)


@pytest.mark.parametrize("block", ["torchvision", "official"])
def test_widths_may_be_symbols_or_arrays(block: shufflenet_v2.Block) -> None:
    """The same network function gives ints, an expression and an array that agree."""
    widths, conv5 = shufflenet_v2.WIDTHS[1.0]
    x = (1, 3, 224, 224)
    expected = walk_macs(shufflenet_v2.network(widths, conv5, block=block), x)

    c = sympy.Symbol("c", integer=True, positive=True)
    expression = walk_macs(shufflenet_v2.network((c, 2 * c, 4 * c), conv5, block=block), x)
    array = np.array([48, 116])
    values = walk_macs(shufflenet_v2.network((array, 2 * array, 4 * array), conv5, block=block), x)

    assert expression.subs(c, 116) == expected
    assert values[1] == expected


def test_the_two_blocks_differ_by_one_formula_at_a_down_sampling_unit() -> None:
    """torchvision's shortcut emits c_out/2 where the release keeps c_in; the branch, the rest."""
    c_in, c_out = sympy.symbols("c_in c_out", integer=True, positive=True)
    x = (1, c_in, 56, 56)
    difference = walk_macs(shufflenet_v2.down_unit(c_in, c_out, block="official"), x) - walk_macs(
        shufflenet_v2.down_unit(c_in, c_out), x
    )
    half = c_out / 2

    assert sympy.expand(difference - 28 * 28 * (half - c_in) * (half - c_in)) == 0


def test_an_odd_width_cannot_be_split() -> None:
    with pytest.raises(SpecError, match="c=117 must be divisible by the channel split=2"):
        shufflenet_v2.unit(117)


def test_an_unpublished_scale_is_refused() -> None:
    with pytest.raises(InputError, match=r"scale=0.75: Table 5 has 0.5, 1.0, 1.5, 2.0"):
        zoo.find("shufflenet_v2@scale=0.75")
