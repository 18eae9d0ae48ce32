"""MobileNet V2: published figures, and torchvision's rounding of widths."""

from __future__ import annotations

import pytest
from torch import nn

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.errors import InputError
from shufflenet_flops.zoo.mobilenet_v2 import mobilenet_v2
from tests.support.torchvision_ops import declare


def test_published() -> None:
    """Section 6.1 has 300 M multiply-adds and 3.4 M parameters; torchvision 3,504,872."""
    model = zoo.find("mobilenet_v2")
    table = layer_table(model.spec, model.input)

    assert (table.macs, table.params) == (300_774_272, 3_504_872)


@pytest.mark.parametrize("alpha", [0.1, 0.35, 0.5, 0.75, 0.9, 1.0, 1.3, 1.4, 2.0])
def test_widths_are_torchvisions(alpha: float) -> None:
    declare()
    from torchvision.models import mobilenet_v2 as published

    theirs = published(width_mult=alpha)
    convs = [module for module in theirs.modules() if isinstance(module, nn.Conv2d)]
    table = layer_table(mobilenet_v2(alpha=alpha).spec, (1, 3, 224, 224))
    ours = [row for row in table.rows if row.op == "conv2d"]

    assert [row.output[1] for row in ours] == [conv.out_channels for conv in convs]
    assert table.params == sum(parameter.numel() for parameter in theirs.parameters())


@pytest.mark.parametrize("options", ["alpha=0", "alpha=-1", "resolution=0"])
def test_what_makes_no_network_is_refused(options: str) -> None:
    with pytest.raises(InputError, match="must be"):
        zoo.find(f"mobilenet_v2@{options}")
