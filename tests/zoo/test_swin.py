"""Swin Transformer against torchvision's: layer by layer, and what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counting import layer_table, walk_macs
from shufflenet_flops.errors import SpecError
from shufflenet_flops.trace import trace
from shufflenet_flops.zoo.swin import attention
from tests.support.torchvision_ops import declare

SIZES = [(224, 224), (97, 130), (28, 230)]


def theirs() -> nn.Module:
    declare()
    models = pytest.importorskip("torchvision.models")
    module: nn.Module = models.swin_t(weights=None)
    return module.eval()


@pytest.mark.parametrize("size", SIZES)
def test_macs_row_by_row(size: tuple[int, int]) -> None:
    """torchvision has two matrix products where the spec has one attention."""
    with torch.device("meta"):
        rows = trace(theirs(), torch.empty(1, 3, *size)).table.rows
    ours = layer_table(zoo.find("swin_t").spec, (1, 3, *size))
    macs = [row.macs for row in rows if row.macs]

    expected: list[int] = []
    for row in ours.rows:
        if row.op == "window_attention":
            expected += [row.macs // 2] * 2
        elif row.macs:
            expected.append(row.macs)
    assert expected == macs


@pytest.mark.parametrize("size", SIZES)
def test_the_built_module_computes_what_torchvisions_does(size: tuple[int, int]) -> None:
    """With the same parameters, on maps that windows fill and that they do not, in a batch."""
    torch.manual_seed(0)
    reference, module = theirs(), build(zoo.find("swin_t").spec).eval()
    ours = list(module.parameters())
    for i, parameter in enumerate(ours):
        # Two that torchvision declares before the layer that runs first: the table of positions,
        # and the layer that narrows four patches to the channels of two.
        if parameter.shape[0] == 13 * 13 or parameter.shape[1:] == (2 * parameter.shape[0],):
            ours[i - 2 : i + 1] = [parameter, *ours[i - 2 : i]]
    x = torch.randn(2, 3, *size)

    with torch.no_grad():
        for mine, given in zip(ours, reference.parameters(), strict=True):
            mine.copy_(given.copy_(torch.randn_like(given) * 0.1))
        torch.testing.assert_close(module(x), reference(x), rtol=1e-3, atol=1e-3)


def test_sizes_may_be_arrays() -> None:
    """As many multiply-accumulates as one by one; padded to windows of 7 where they are not."""
    sides = np.array([64, 224, 230])
    spec = zoo.find("swin_t").spec

    macs = walk_macs(spec, (1, 3, sides, sides))

    assert macs.tolist() == [walk_macs(spec, (1, 3, side, side)) for side in (64, 224, 230)]


def test_a_window_of_an_image_by_hand() -> None:
    """One window of 7x7 tokens of 96 channels: products of 49 x 49 x 96, twice."""
    model = zoo.find("swin_t")
    rows = {row.path: row for row in layer_table(model.spec, (1, 3, 28, 28)).rows}

    assert rows["stage1.0.attention.branch.attention.windows.attention"].macs == 2 * 49 * 49 * 96


def test_a_head_has_32_channels() -> None:
    with pytest.raises(SpecError, match="is not divisible by 32"):
        attention(100, 7, shifted=False)
