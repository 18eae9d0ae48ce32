"""One walk for ints, symbols and arrays; errors that say where and what would work."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.counting import CLOSED_FORMS, layer_table, walk_macs
from shufflenet_flops.counting.closed_forms import symbols
from shufflenet_flops.errors import SpecError
from shufflenet_flops.spec import (
    Add,
    AvgPool2d,
    ChannelShuffle,
    Concat,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Shape,
    output_shape,
    seq,
    total_stride,
    walk,
)
from shufflenet_flops.spec.numbers import check_divisible, exact_div
from shufflenet_flops.zoo import find, resnet, shufflenet_v1


def unit_specs(c: object, m: object, g: object) -> dict[str, Node]:
    return {
        "resnet": resnet.bottleneck(c, c, m),
        "resnext": resnet.bottleneck(c, c, m, g),
        "shufflenet": shufflenet_v1.unit(c, c, g, m=m),
    }


@pytest.mark.parametrize("unit", CLOSED_FORMS)
def test_symbols_give_exactly_the_papers_formula(unit: str) -> None:
    """ShuffleNet V1, section 3.2: the walk over symbols simplifies to what is typed in."""
    c, m, g, h, w = symbols()
    walked = walk_macs(unit_specs(c, m, g)[unit], (1, c, h, w))

    assert sympy.simplify(walked - CLOSED_FORMS[unit].macs(c, m, g, h, w)) == 0


def test_the_symbolic_comparison_can_fail() -> None:
    """A formula that is off by one kernel position is told apart."""
    c, m, g, h, w = symbols()
    walked = walk_macs(unit_specs(c, m, g)["resnet"], (1, c, h, w))

    assert sympy.simplify(walked - h * w * (2 * c * m + 8 * m**2)) != 0


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8), st.integers(1, 30))
def test_ints_give_what_the_formula_gives(a: int, b: int, g: int, h: int) -> None:
    """The typed formulas at random numbers."""
    c, m = 4 * g * a, g * b
    for unit, node in unit_specs(c, m, g).items():
        assert walk_macs(node, (1, c, h, 7)) == CLOSED_FORMS[unit].macs(c, m, g, h, 7)


def test_arrays_give_what_ints_give() -> None:
    """A million networks are one walk; here three."""
    widths = [(240, 480, 960), (120, 240, 480), (480, 960, 1920)]
    stems = [24, 12, 48]
    columns = tuple(np.array(column) for column in zip(*widths, strict=True))
    walked = walk_macs(shufflenet_v1.network(columns, np.array(stems), 3), (1, 3, 224, 224))
    one_by_one = [
        walk_macs(shufflenet_v1.network(width, stem, 3), (1, 3, 224, 224))
        for width, stem in zip(widths, stems, strict=True)
    ]

    assert walked.tolist() == one_by_one


def test_arrays_name_the_invalid_configurations() -> None:
    """A sweep drops exactly these."""
    with pytest.raises(SpecError, match="1 of 3 configurations are not") as caught:
        Conv2d(np.array([6, 8, 9]), 12, groups=3)

    assert caught.value.invalid.tolist() == [False, True, False]


def test_symbols_pass_where_nothing_can_be_decided() -> None:
    """c / g stays a fraction; 7 / 2 is refused even among symbols."""
    c, _, g, _, _ = symbols()

    assert exact_div(c, g) == c / g
    with pytest.raises(SpecError, match="not divisible"):
        exact_div(7, 2)
    with pytest.raises(SpecError, match="must be divisible"):
        check_divisible("c", 2 * c + 1, "two", 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Conv2d(250, 8, groups=3),
            "c_in=250 must be divisible by groups=3; nearest are 249",
        ),
        (lambda: Conv2d(3, 8, groups=0), "groups=0 is too small: it must be at least 1"),
        (lambda: Conv2d(0, 8), "c_in=0 is too small"),
        (lambda: Conv2d(2.5, 8), "c_in=2.5 must be a whole number"),
        (lambda: Conv2d(3, 8, kernel=0), "kernel=0 is too small"),
        (lambda: Conv2d(3, 8, padding=-1), "padding=-1 is too small"),
        (lambda: Linear(0, 3), "features_in=0 is too small"),
        (lambda: MaxPool2d(2, 2, 2), "kernel - 2*padding of a pool=-2 is too small"),
        (lambda: ChannelShuffle(0), "groups=0 is too small"),
        (lambda: seq(**{"a.b": ReLU}), "'a.b' cannot name a module"),
        (lambda: Add((("a", ReLU), ("a", ReLU))), "two children are named 'a'"),
    ],
)
def test_bad_ops_are_refused_when_made(make: object, message: str) -> None:
    """The value, the rule, and the nearest values that work."""
    with pytest.raises(SpecError, match=re.escape(message)):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("node", "shape", "message"),
    [
        (
            seq(a=seq(conv=Conv2d(3, 8, 5))),
            (1, 3, 4, 9),
            "a.conv on input 1x3x4x9: input height 4 is smaller than the 5-wide window less its "
            "padding; the smallest that works is 5",
        ),
        (seq(conv=Conv2d(4, 8)), (1, 3, 4, 4), "1x3x4x4: input channels=3 must equal c_in=4"),
        (seq(pool=AvgPool2d(7, 1)), (1, 3, 4, 4), "pool on input 1x3x4x4: input height 4 is"),
        (seq(fc=Linear(4, 8)), (1, 4, 1, 1), "Linear takes a (n, features) input"),
        (seq(a=ChannelShuffle(3)), (1, 4, 2, 2), "channels=4 must be divisible by groups=3"),
        (
            Add((("a", Identity()), ("b", Conv2d(3, 4)))),
            (1, 3, 2, 2),
            "cannot add branches of shapes 1x3x2x2 and 1x4x2x2",
        ),
        (
            Concat((("a", Identity()), ("b", AvgPool2d(2, 2)))),
            (1, 3, 4, 4),
            "cannot concatenate branches of shapes 1x3x4x4 and 1x3x2x2",
        ),
        (Add((("a", Identity()), ("b", Flatten()))), (1, 3, 2, 2), "cannot add branches"),
    ],
)
def test_bad_inputs_are_refused_on_the_walk(node: Node, shape: Shape, message: str) -> None:
    """With the path of the op that cannot run and the shape it met."""
    with pytest.raises(SpecError, match=re.escape(message)):
        walk(node, shape)


def test_rows_add_up() -> None:
    """Every grouping of a table holds all of it, and memory traffic is what rows move."""
    model = find("shufflenet_v1_x1_0_g3")
    table = layer_table(model.spec, model.input)
    for grouping in ("layer", "unit", "stage", "kind"):
        parts = table.by(grouping).values()  # type: ignore[arg-type]

        assert sum(part.macs for part in parts) == table.macs
        assert sum(part.params for part in parts) == table.params
        assert sum(part.memory_bytes for part in parts) == table.memory_bytes
        assert sum(part.activations for part in parts) == table.activations
    assert list(table.by("stage")) == [
        "conv1", "maxpool", "stage2", "stage3", "stage4", "globalpool", "fc",
    ]  # fmt: skip
    assert sum(name.startswith("stage") for name in table.by("unit")) == 16


def test_total_stride() -> None:
    """All the papers' networks divide the map by 32; branches of a join divide it alike."""
    assert total_stride(find("shufflenet_v1").spec) == (32, 32)
    assert total_stride(find("resnet50").spec) == (32, 32)
    assert total_stride(seq(a=Conv2d(3, 3, 1, (2, 1)), b=MaxPool2d(2, 2))) == (4, 2)


def test_output_shape_needs_no_rows() -> None:
    """Symbols go through the whole network too."""
    _, _, g, h, w = symbols()
    network = shufflenet_v1.network((240, 480, 960), 24, g)

    assert output_shape(network, (1, 3, 32 * h, 32 * w)) == (1, 1000)
