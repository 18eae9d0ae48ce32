"""Rows become kernels as an engine fuses them."""

from __future__ import annotations

import numpy as np
import pytest

from shufflenet_flops.counting import Kind, Row, layer_table
from shufflenet_flops.latency.predict.features import NAMES, features, matrix
from shufflenet_flops.latency.predict.kernels import FIELDS, Fusion, Kernel
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.sources import resolve
from shufflenet_flops.spec import Conv2d, Linear, OpClass, ReLU, seq
from shufflenet_flops.zoo import resnet, shufflenet_v2

FUSED = Fusion(norm=True, activations=frozenset({"relu"}), addition=True)


def values(kernel: Kernel) -> dict[str, float]:
    """The features of one kernel by name."""
    line = features(kernel.kind, matrix([kernel]))[0]
    return dict(zip(NAMES, line.tolist(), strict=True))


def test_a_residual_unit_is_three_convolutions() -> None:
    """Norms, activations and the sum are within; unfused, each row is a kernel of its own."""
    rows = layer_table(resnet.basic(16, 16), (1, 16, 8, 8)).rows

    first, second = kernels_of(rows, FUSED)
    assert first.paths == ("branch.conv1", "branch.bn1", "branch.relu1")
    assert second.paths == ("branch.conv2", "branch.bn2", "", "relu")
    assert {first.kind, second.kind} == {"dense conv"}
    assert (first.activation, first.added) == (1, 0)
    assert (second.activation, second.added) == (1, 1)
    assert second.places == (3, 4, 5, 6)
    assert len(kernels_of(rows, Fusion())) == len(rows) == 7


def test_features_of_a_convolution_by_hand() -> None:
    """6 to 20 channels in 2 groups, 3x3, stride 2, on a map of 8x8."""
    spec = seq(conv=Conv2d(6, 20, 3, 2, 1, groups=2))
    (kernel,) = kernels_of(layer_table(spec, (1, 6, 8, 8)).rows, FUSED)

    assert kernel.numbers[:15] == (1, 6, 8, 8, 20, 4, 4, 3, 3, 2, 2, 1, 0, 0, 0)
    moved = 4 * (6 * 8 * 8 + 20 * 3 * 9 + 20 * 4 * 4)
    macs = 20 * 4 * 4 * 3 * 9
    assert kernel.numbers[15:] == (0, 4 * 20 * 3 * 9 // 1024, 0, (moved + macs // 8) // 1024)
    found = values(kernel)
    assert found["macs"] == 4 * 4 * 20 * 3 * 9
    assert found["bytes_in"] == 4 * 6 * 64
    assert found["bytes_weights"] == 4 * 20 * 3 * 9
    assert found["bytes_out"] == 4 * 20 * 16
    assert (found["c_out_rest"], found["c_out_of_group_rest"]) == (4, 10)


def test_attention_is_two_products_and_a_softmax() -> None:
    """ViT on 49 patches and a class token: 3 heads of 64; a fused engine runs one kernel."""
    rows = resolve("deit_tiny").table.rows
    row = next(row for row in rows if row.op == "scaled_dot_product_attention")

    scores, softmax, weighted = kernels_of([row], Fusion())
    assert scores.numbers[:7] == (3, 64, 197, 1, 197, 197, 1)
    assert softmax.numbers[:7] == (3, 197, 197, 1, 197, 197, 1)
    assert weighted.numbers[:7] == (3, 197, 197, 1, 64, 197, 1)
    assert values(scores)["macs"] + values(weighted)["macs"] == row.macs
    assert len(kernels_of([row], Fusion(attention=True))) == 1


@pytest.mark.parametrize(
    "name", ["shufflenet_v1_x1_0_g3", "shufflenet_v2_x1_0", "deit_tiny", "convnext_tiny"]
)
def test_no_mac_is_lost(name: str) -> None:
    """The kernels' MACs add up to the table's, however they are fused."""
    table = resolve(name).table
    for fusion in (Fusion(), FUSED):
        kernels = kernels_of(table.rows, fusion)
        assert sum(values(kernel)["macs"] for kernel in kernels) == table.macs
        covered = {place for kernel in kernels for place in kernel.places}
        assert covered == set(range(len(table.rows)))


def test_many_networks_at_once() -> None:
    """A walk over an array of widths gives the kernels of each, one by one."""
    widths = np.array([48, 96, 240])

    def rows(c: object) -> object:
        return layer_table(shufflenet_v2.unit(c), (1, c, 14, 14)).rows  # type: ignore[arg-type,operator,return-value]  # arrays are numbers too

    together = kernels_of(rows(widths), FUSED)  # type: ignore[arg-type]  # rows of arrays
    for i, width in enumerate(widths.tolist()):
        alone = kernels_of(rows(width), FUSED)  # type: ignore[arg-type]  # rows of ints
        assert [kernel.kind for kernel in together] == [kernel.kind for kernel in alone]
        for many, one in zip(together, alone, strict=True):
            sizes = [np.broadcast_to(np.asarray(size), 3)[i] for size in many.numbers]
            assert tuple(sizes) == one.numbers


def test_what_follows_and_what_stands_apart() -> None:
    """A linear layer on what was written before follows it; the same input again does not."""
    spec = seq(a=Linear(8, 8), relu=ReLU, b=Linear(8, 4))
    a, b = kernels_of(layer_table(spec, (1, 8)).rows, FUSED)
    assert (a.apart, b.apart) == (0, 0)

    unit = resnet.bottleneck(8, 32, 16, project=True)
    kernels = kernels_of(layer_table(unit, (1, 8, 8, 8)).rows, FUSED)
    assert [kernel.apart for kernel in kernels] == [0, 0, 0, 1]  # the last is the shortcut
    assert len(FIELDS) == len(kernels[0].numbers)


def test_silu_is_silu_however_it_is_written() -> None:
    """A graph's sigmoid and product are one kernel; a gate's, of other shapes, are two."""
    counts: dict[OpClass, int] = {}
    sigmoid = Row("a", "sigmoid", Kind.ACTIVATION, ((1, 8, 7, 7),), (1, 8, 7, 7), counts)
    product = Row("b", "mul", Kind.ELEMENTWISE, ((1, 8, 7, 7),) * 2, (1, 8, 7, 7), counts)

    (silu,) = kernels_of([sigmoid, product], FUSED)
    assert (silu.kind, silu.places) == ("silu", (0, 1))
    gate = sigmoid._replace(inputs=((1, 8, 1, 1),), output=(1, 8, 1, 1))
    scaled = product._replace(inputs=((1, 8, 7, 7), (1, 8, 1, 1)))
    kinds = [kernel.kind for kernel in kernels_of([gate, scaled], FUSED)]
    assert kinds == ["sigmoid", "mul broadcast"]
