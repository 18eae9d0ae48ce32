"""Every counter's total is explained to the last MAC on networks of every kind."""

from __future__ import annotations

import pytest

from shufflenet_flops.counters import all_counters
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.trace import trace
from tests.support.networks import network

QUICK = [
    ("zoo:shufflenet_v1_x1_0_g3", 64),
    ("functional:shufflenet_v1", 64),
    ("torchvision:shufflenet_v2_x1_0", 64),
    ("torchvision:resnet18", 64),
    ("torchvision:mobilenet_v2", 64),
    ("torchvision:squeezenet1_0", 64),
    ("torchvision:alexnet", 64),
]
SLOW = [
    ("zoo:shufflenet_v1@se=true,scale=2", 64),
    ("zoo:mobilenet_v1_x1_0", 64),
    ("torchvision:resnet50", 64),
    ("torchvision:resnet152", 64),
    ("torchvision:resnext50_32x4d", 64),
    ("torchvision:vgg16", 64),
    ("torchvision:googlenet", 64),
    ("torchvision:densenet121", 64),
    ("torchvision:efficientnet_b0", 64),
    ("torchvision:convnext_tiny", 64),
    ("torchvision:vit_b_32", 224),
    ("torchvision:swin_t", 64),
    ("torchvision:mobilenet_v3_small", 64),
    ("torchvision:regnet_y_400mf", 64),
    ("torchvision:mnasnet0_5", 64),
    ("timm:tf_mobilenetv3_small_minimal_100", 64),
    ("timm:tf_efficientnet_b0", 64),
    ("timm:vit_tiny_patch16_224", 224),
    ("timm:cait_xxs24_224", 224),
    ("timm:pvt_v2_b0", 224),
    ("timm:xcit_nano_12_p16_224", 224),
    ("timm:coat_tiny", 224),
    ("timm:convit_tiny", 224),
    ("timm:levit_128s", 224),
    ("timm:mobilevit_xxs", 64),
    ("timm:convnext_atto", 64),
    ("timm:ghostnet_050", 64),
    ("timm:res2net50_26w_4s", 64),
    ("timm:skresnet18", 64),
    ("timm:poolformer_s12", 64),
    ("timm:hrnet_w18_small", 64),
]


def check(name: str, size: int) -> None:
    model, image = network(name, size)
    traced = trace(model, image)
    reports = {
        counter.name: run_counter(counter, model, [image], traced) for counter in all_counters()
    }

    assert traced.unknown_ops == {}
    assert {name: report.reason for name, report in reports.items()} == dict.fromkeys(reports, "")
    assert {name: report.residual for name, report in reports.items()} == dict.fromkeys(reports, 0)
    assert all(report.predicted == sum(report.terms.values()) for report in reports.values())
    assert min(report.reported or 0 for report in reports.values()) > 0


@pytest.mark.parametrize(("name", "size"), QUICK)
def test_small_networks(name: str, size: int) -> None:
    """Nine counters, one copy of the model each."""
    check(name, size)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), SLOW)
def test_more_networks(name: str, size: int) -> None:
    """With attention, squeeze and excitation, splits and layer norms."""
    check(name, size)
