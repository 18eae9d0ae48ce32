"""The lineage of efficient networks: params of torchvision's and timm's networks, one by one."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.errors import InputError, SpecError
from tests.support.torchvision_ops import declare
from tests.support.zoo_names import by_speed


@cache
def torchvision_models() -> Any:
    declare()
    return pytest.importorskip("torchvision.models")


def count(name: str, side: int | None = None) -> tuple[int, int]:
    """MACs and params, on a square image of `side` or on the network's own."""
    model = zoo.find(name)
    table = layer_table(model.spec, (1, 3, side, side) if side else model.input)
    return table.macs, table.params


PUBLISHED_BY_TORCHVISION = [
    *("alexnet", "googlenet", "squeezenet1_0", "squeezenet1_1"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("wide_resnet50_2", "wide_resnet101_2"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
    *(f"efficientnet_b{i}" for i in range(8)),
    *(f"regnet_x_{size}" for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")),
    *(f"regnet_y_{size}" for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")),
    "regnet_y_128gf",
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    *("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32"),
    *("swin_t", "swin_s", "swin_b"),
]


def test_inception_v3_and_xception() -> None:
    """torchvision prints 5.713 G, and parameters with the auxiliary classifier of training."""
    theirs = torchvision_models()
    with torch.device("meta"):
        whole = theirs.inception_v3(aux_logits=True, init_weights=False)
    without = [
        parameter for name, parameter in whole.named_parameters() if not name.startswith("AuxL")
    ]
    weights = theirs.Inception_V3_Weights.IMAGENET1K_V1

    assert count("inception_v3")[1] == sum(parameter.numel() for parameter in without)
    assert round(count("inception_v3")[0] / 1e9, 3) == weights.meta["_ops"]
    # pytorchcv 0.0.74.
    assert count("xception")[1] == 22_855_952


@pytest.mark.parametrize("name", PUBLISHED_BY_TORCHVISION)
def test_figures_that_torchvision_publishes_with_its_weights(name: str) -> None:
    """Params to the last one, and cost as printed, on the image that it evaluates at."""
    (weights, *_) = torchvision_models().get_model_weights(name)
    side = weights.transforms.keywords["crop_size"]
    if name.startswith("regnet_y_128gf"):
        side = 384  # of its first weights, fine-tuned end to end
    macs, params = count(name, side)

    assert params == weights.meta["num_params"]
    assert round(macs / 1e9, 3) == weights.meta["_ops"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v3@size=large,alpha=0.75", {"width_mult": 0.75}),
        ("mobilenet_v3@size=small,alpha=0.35", {"width_mult": 0.35}),
        ("mnasnet@alpha=0.35", {"alpha": 0.35}),
        ("mnasnet@alpha=1.4", {"alpha": 1.4}),
        ("densenet@depth=121,growth=12", {"growth_rate": 12, "num_init_features": 24}),
        ("resnet@depth=18,classes=10", {"num_classes": 10}),
    ],
)
def test_options_give_what_torchvisions_options_give(name: str, options: dict[str, Any]) -> None:
    functions = {
        "mobilenet_v3@size=large": "mobilenet_v3_large",
        "mobilenet_v3@size=small": "mobilenet_v3_small",
        "mnasnet": "MNASNet",
        "densenet@depth=121": "DenseNet",
        "resnet@depth=18": "resnet18",
    }
    (function,) = (value for key, value in functions.items() if name.startswith(key))
    with torch.device("meta"):
        theirs = getattr(torchvision_models(), function)(**options)

    assert count(name)[1] == sum(parameter.numel() for parameter in theirs.parameters())


@pytest.mark.parametrize(
    ("name", "timm_name"),
    [
        ("mobilenet_v1_x1_0", "mobilenetv1_100"),
        ("mnasnet_a1", "semnasnet_100"),
        ("ghostnet_x0_5", "ghostnet_050"),
        ("ghostnet_x1_0", "ghostnet_100"),
        ("ghostnet_x1_3", "ghostnet_130"),
        ("se_resnet50", "seresnet50"),
        ("se_resnext50_32x4d", "seresnext50_32x4d"),
        *((f"se_resnet{depth}", f"seresnet{depth}") for depth in (101, 152)),
        ("se_resnext101_32x4d", "seresnext101_32x4d"),
        ("resnext101_32x4d", "resnext101_32x4d"),
        ("mobilenet_v2_x0_35", "mobilenetv2_035"),
        ("mobilenet_v2_x0_5", "mobilenetv2_050"),
        ("mobilenet_v2_x0_75", "mobilenetv2_075"),
        ("mobilenet_v2_x1_4", "mobilenetv2_140"),
        ("mobilenet_v3_large_x0_75", "mobilenetv3_large_075"),
        ("mobilenet_v3_small_x0_75", "mobilenetv3_small_075"),
        *((f"efficientnet_lite{i}", f"efficientnet_lite{i}") for i in range(5)),
        ("regnet_x_200mf", "regnetx_002"),
        ("regnet_x_400mf_pycls", "regnetx_004"),
        ("regnet_x_600mf", "regnetx_006"),
        ("regnet_x_4gf_pycls", "regnetx_040"),
        ("regnet_x_6_4gf", "regnetx_064"),
        ("regnet_x_12gf", "regnetx_120"),
        ("regnet_y_200mf", "regnety_002"),
        ("regnet_y_600mf", "regnety_006"),
        ("regnet_y_800mf_pycls", "regnety_008"),
        ("regnet_y_4gf_pycls", "regnety_040"),
        ("regnet_y_6_4gf", "regnety_064"),
        ("regnet_y_8gf_pycls", "regnety_080"),
        ("regnet_y_12gf", "regnety_120"),
        ("repvgg_a0", "repvgg_a0"),
        ("repvgg_a1", "repvgg_a1"),
        ("repvgg_a2", "repvgg_a2"),
        ("repvgg_b0", "repvgg_b0"),
        ("repvgg_b1", "repvgg_b1"),
        ("convnext_xlarge", "convnext_xlarge"),
        ("swin_l", "swin_large_patch4_window7_224"),
        ("swin_b_384", "swin_base_patch4_window12_384"),
        ("deit_tiny", "deit_tiny_patch16_224"),
        ("deit_small", "deit_small_patch16_224"),
        ("deit_base", "deit_base_patch16_224"),
    ],
)
def test_params_of_timms_networks(name: str, timm_name: str) -> None:
    torchvision_models()
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model(timm_name)

    assert count(name)[1] == sum(parameter.numel() for parameter in theirs.parameters())


@pytest.mark.parametrize(("depth", "units"), [(18, 2), (34, 3)])
def test_gates_that_timm_reduces_less(depth: int, units: int) -> None:
    """64 channels to 8, a multiple of 8, where SENet's ratio of 16 gives 4."""
    torchvision_models()
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model(f"seresnet{depth}")
    more = units * (2 * 64 * (8 - 4) + (8 - 4))

    assert count(f"se_resnet{depth}")[1] + more == sum(
        parameter.numel() for parameter in theirs.parameters()
    )


@pytest.mark.parametrize("name", [by_speed(f"repvgg_{size}") for size in "a0 a1 a2 b0 b1".split()])
def test_params_of_timms_networks_for_deployment(name: str) -> None:
    """Its own merging of the three branches into one."""
    torchvision_models()
    timm = pytest.importorskip("timm")
    theirs = timm.utils.reparameterize_model(timm.create_model(name))

    assert count(f"{name}_deploy")[1] == sum(parameter.numel() for parameter in theirs.parameters())


def test_networks_that_torchvision_builds_from_numbers() -> None:
    """Those that it has no weights of."""
    theirs = torchvision_models()
    numbers = {
        "regnet_x_4gf": (23, 96, 38.65, 2.43, 40, None),
        "regnet_y_4gf": (22, 96, 31.41, 2.24, 64, 0.25),
    }
    blocks = {
        name: theirs.regnet.BlockParams.from_init_params(*shape, se_ratio=se_ratio)
        for name, (*shape, se_ratio) in numbers.items()
    }
    with torch.device("meta"):
        built = {name: theirs.RegNet(parameters) for name, parameters in blocks.items()}
        built["resnext152_32x4d"] = theirs.ResNet(
            theirs.resnet.Bottleneck, [3, 8, 36, 3], groups=32, width_per_group=4
        )
        built["vit_h_14"] = theirs.vit_h_14()

    for name, module in built.items():
        assert count(name)[1] == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "macs", "params", "acts"),
    [
        ("cifar_resnet@depth=56,shortcut=B", 125_747_850, 855_770, 544_778),
        ("cifar_resnet@depth=110,shortcut=B", 253_149_834, 1_730_714, 1_060_874),
        ("cifar_resnet@depth=56", 125_485_706, 853_018, 532_490),
    ],
)
def test_networks_of_32x32_images(name: str, macs: int, params: int, acts: int) -> None:
    """facebookresearch/pycls, dev/model_complexity.json; its flops add the fc layer's 10 biases."""
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)

    assert (table.macs + 10, table.params, table.activations) == (macs, params, acts)


def test_the_deployed_form_is_its_3x3_with_a_bias() -> None:
    """RepVGG, Table 3: what is merged is the 1x1, the identity and all norms."""
    train, deploy = (count(f"repvgg@form={form}") for form in ("train", "deploy"))
    model = zoo.find("repvgg_a0")
    rows = layer_table(model.spec, model.input).rows
    pointwise = [row for row in rows if row.kernel == (1, 1)]
    norms = sum(row.params for row in rows if row.op == "batch_norm")
    biases = sum(row.output[1] for row in rows if row.kernel == (3, 3))

    assert train[0] - deploy[0] == sum(row.macs for row in pointwise)
    assert train[1] - deploy[1] == sum(row.params for row in pointwise) + norms - biases


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("efficientnet@width=0", "width=0.0: must be more than 0"),
        ("efficientnet@resolution=0", "resolution=0: must be at least 1"),
        ("mnasnet@alpha=-1", "must be more than 0"),
        ("regnet@w_m=1", "w_m more than 1"),
        ("regnet@w_0=4", "w_0 must be more than 4, as it is rounded to a multiple of 8"),
        ("resnet@depth=18,width=2", "has no bottlenecks"),
        ("cifar_resnet@depth=21", "nearest are 20 and 26"),
        ("cifar_resnet@depth=2", "nearest is 8"),
        ("wide_resnet@k=0", "must be at least 1"),
        ("cifar_resnext@width=0", "must be at least 1"),
        ("vgg@depth=11,pointwise=true", "configuration C"),
    ],
)
def test_what_makes_no_network_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        zoo.find(name)


def test_a_patch_that_does_not_divide_the_image_is_refused() -> None:
    with pytest.raises(SpecError, match="225 is not divisible by 16"):
        zoo.find("vit@resolution=225")
