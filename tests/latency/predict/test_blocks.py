"""Which maps an engine holds in blocks of channels, and where it changes them."""

from __future__ import annotations

import pytest

from shufflenet_flops.counting import Kind, Row, layer_table
from shufflenet_flops.latency.predict.kernels import LAYOUTS, Fusion
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.spec import BatchNorm, Conv2d, GlobalAvgPool, MaxPool2d, Node, ReLU, seq
from shufflenet_flops.zoo import blocks

BLOCKED = Fusion(norm=True, activations=frozenset({"relu"}), addition=True, blocks=True)


def layouts(spec: Node, c: int, size: int = 8) -> list[str]:
    """How each kernel of a network works."""
    rows = layer_table(spec, (1, c, size, size)).rows
    return [LAYOUTS[int(kernel.blocks)] for kernel in kernels_of(rows, BLOCKED)]


@pytest.mark.parametrize(
    ("spec", "c", "expected"),
    [
        # An image of 3 channels is read as it is, and 32 channels are in blocks from then on.
        (seq(a=Conv2d(3, 32, 3), b=Conv2d(32, 64)), 3, ["blocked", "blocked"]),
        (seq(a=Conv2d(32, 64), b=Conv2d(64, 8)), 32, ["put into blocks", "blocked"]),
        # 18 channels are no whole quarters of a vector: what reads them works on the plain map.
        (seq(a=Conv2d(3, 18, 3), b=Conv2d(18, 64)), 3, ["blocked", "taken out of blocks"]),
        (seq(a=Conv2d(32, 18), b=Conv2d(18, 18, 3, 1, 1, groups=18)), 32, None),
        # A mean takes the map out of blocks.
        (seq(a=Conv2d(32, 32), b=GlobalAvgPool()), 32, ["put into blocks", "taken out of blocks"]),
        # A pool of 24 channels does too, one of 32 does not.
        (seq(a=Conv2d(3, 24), b=MaxPool2d(2, 2)), 3, ["blocked", "taken out of blocks"]),
        (seq(a=Conv2d(3, 32), b=MaxPool2d(2, 2)), 3, ["blocked", "blocked"]),
        # Groups of 8 channels are less than a block.
        (seq(a=Conv2d(3, 32), b=Conv2d(32, 32, 3, 1, 1, groups=4)), 3, None),
    ],
)
def test_layouts_by_hand(spec: Node, c: int, expected: list[str] | None) -> None:
    if expected is None:
        first = "put into blocks" if c == 32 else "blocked"
        expected = [first, "taken out of blocks"]
    assert layouts(spec, c) == expected


def test_a_change_is_made_once() -> None:
    """Squeeze-and-excitation reads a map twice, for its mean and to scale it; then its gate."""
    spec = seq(conv=Conv2d(3, 32), gate=blocks.gated(32, 16))
    rows = list(layer_table(spec, (1, 3, 8, 8)).rows)
    taken, mean = "taken out of blocks", rows[1]
    assert mean.op == "adaptive_avg_pool2d"
    of_gate = ["put into blocks", "blocked", "blocked", taken]
    assert layouts(spec, 3) == ["blocked", taken, *of_gate]

    twice = kernels_of([rows[0], mean, mean], BLOCKED)
    assert [LAYOUTS[int(kernel.blocks)] for kernel in twice] == ["blocked", taken, "plain"]


def test_sums_of_several_branches_are_within_them() -> None:
    """A norm and two convolutions, as of a network whose branches can be merged: no sum is left."""
    shape, counts = (1, 32, 8, 8), {}  # type: tuple[tuple[int, ...], dict[object, int]]

    def conv(path: str) -> Row:
        sizes = {"kernel": (1, 1), "stride": (1, 1), "groups": 1}
        return Row(path, "conv2d", Kind.POINTWISE_CONV, (shape,), shape, counts, **sizes)  # type: ignore[arg-type]  # rows of nothing but shapes

    def join() -> Row:
        return Row("unit", "add", Kind.ELEMENTWISE, (shape, shape), shape, counts)  # type: ignore[arg-type]  # as above

    norm = Row("unit.identity", "batch_norm", Kind.NORM, (shape,), shape, counts)  # type: ignore[arg-type]  # as above
    relu = Row("unit.act", "relu", Kind.ACTIVATION, (shape,), shape, counts)  # type: ignore[arg-type]  # as above
    rows = [conv("stem"), norm._replace(path="stem.bn"), relu._replace(path="stem.act")]
    rows += [norm, conv("unit.a"), conv("unit.b"), join(), join(), relu]

    stem, identity, a, b = kernels_of(rows, BLOCKED)
    assert (stem.activation, stem.added) == (1, 0)
    assert [kernel.kind for kernel in (identity, a, b)] == ["batch_norm", *["pointwise conv"] * 2]
    assert (b.added, b.activation) == (1, 0)
    assert (a.added, a.activation) == (1, 1)
    assert (identity.added, identity.activation) == (0, 0)


def test_engines_without_blocks_have_none() -> None:
    rows = layer_table(seq(a=Conv2d(3, 32), b=BatchNorm(32), c=ReLU), (1, 3, 8, 8)).rows
    assert all(kernel.blocks == 0 for kernel in kernels_of(rows, Fusion()))
