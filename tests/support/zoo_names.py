"""The zoo's networks as parameters: a small one of each family at once, the others slowly."""

from __future__ import annotations

from typing import Any

import pytest

from shufflenet_flops import zoo

QUICK = frozenset(
    name
    for pattern in """
    alexnet* cifar_resnet20 cifar_resnext29_8x64d cifar_wide_resnet* convnext_tiny deit_tiny
    densenet121 efficientnet_b0 efficientnet_lite0 ghostnet_x0_5 googlenet* inception_v3
    mnasnet0_5 mnasnet_a1 mobilenet_v1_x0_25 mobilenet_v2 mobilenet_v3_small regnet_x_200mf
    regnet_y_200mf repvgg_a0* resnet18 resnet50 resnext50* se_resnet50 se_resnext50*
    shufflenet_v1_x1_0* shufflenet_v2_x0_5 shufflenet_v2_official_x0_5 shufflenet_v2_plus_small
    shufflenet_v2_50 shufflenet_v2_large squeezenet* swin_t table4_* vgg11* vit_b_32 xception
    """.split()
    for name in zoo.names(pattern)
)


def by_speed(*case: Any) -> Any:
    """The parameters of a test, of which the first is a network's name."""
    return pytest.param(*case, marks=() if case[0] in QUICK else pytest.mark.slow)
