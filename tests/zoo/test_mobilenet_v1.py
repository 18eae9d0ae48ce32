"""MobileNet V1: multipliers, the full-convolution and the shallow version."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table, walk_macs
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo import mobilenet_v1


@pytest.mark.parametrize(
    ("name", "macs", "params"),
    [
        ("mobilenet_v1_x1_0", 568_740_352, 4_231_976),
        ("mobilenet_v1_x0_75", 325_400_448, 2_585_560),
        ("mobilenet_v1_x0_5", 149_497_088, 1_331_592),
        ("mobilenet_v1_x0_25", 41_030_272, 470_072),
        ("mobilenet_v1@resolution=192", 418_121_728, 4_231_976),
        ("mobilenet_v1@resolution=160", 290_675_200, 4_231_976),
        ("mobilenet_v1@resolution=128", 186_400_768, 4_231_976),
        ("mobilenet_v1@alpha=0.5,resolution=160", 76_524_800, 1_331_592),
        ("mobilenet_v1@separable=false", 4_867_293_184, 29_294_088),
        ("mobilenet_v1@shallow=true", 307_323_392, 2_887_976),
        ("mobilenet_v1@last_stride=2", 533_833_216, 4_231_976),
    ],
)
def test_golden(name: str, macs: int, params: int) -> None:
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)

    assert (table.macs, table.params) == (macs, params)


def test_it_has_the_28_layers_of_the_paper() -> None:
    """Section 3.2: depthwise and pointwise counted apart, with conv1 and the fc layer."""
    model = zoo.find("mobilenet_v1_x1_0")

    assert sum(row.macs > 0 for row in layer_table(model.spec, model.input).rows) == 28


def test_a_separable_layer_costs_the_paper_s_share_of_a_full_one() -> None:
    """Section 3.1: 1/N + 1/9 of the full 3x3 convolution."""
    m, n, size = sympy.symbols("m n size", integer=True, positive=True)
    x = (1, m, size, size)
    ratio = walk_macs(mobilenet_v1.unit(m, n), x) / walk_macs(
        mobilenet_v1.unit(m, n, separable=False), x
    )

    assert sympy.simplify(ratio - (1 / n + sympy.Rational(1, 9))) == 0


def test_widths_may_be_arrays() -> None:
    scale = np.array([1, 2, 4])
    widths = tuple(width // 4 * scale for width in mobilenet_v1.WIDTHS)

    macs = walk_macs(mobilenet_v1.network(widths), (1, 3, 224, 224))

    assert macs.tolist() == [41_030_272, 149_497_088, 568_740_352]


def test_a_multiplier_must_give_whole_channels() -> None:
    with pytest.raises(SpecError, match=r"alpha=0.3 .* 9.6 channels; nearest .* 0.28125 and 0.312"):
        zoo.find("mobilenet_v1@alpha=0.3")
    with pytest.raises(InputError, match="alpha=0"):
        zoo.find("mobilenet_v1@alpha=0")
    with pytest.raises(InputError, match="resolution=0"):
        zoo.find("mobilenet_v1@resolution=0")
