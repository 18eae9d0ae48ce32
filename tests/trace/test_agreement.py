"""Analytic = traced = torch's own counter / 2, and params = numel: two sides that never met."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counting import Kind, Row, layer_table
from shufflenet_flops.spec import Node, Shape, output_shape
from shufflenet_flops.trace import trace
from tests import strategies
from tests.support.zoo_names import by_speed


def facts(row: Row) -> tuple[object, ...]:
    """All that both sides must agree on.

    A tensor that is broadcast or moved has other axes on the way: of the first the sizes are
    compared, of the second the bytes, which say the same.
    """
    shapes: object = (row.inputs, row.output)
    if row.kind is Kind.MATMUL:  # the heads are an axis of their own, or not
        shapes = (sum(prod(x) for x in row.inputs), prod(row.output))
    if row.kind is Kind.ELEMENTWISE:
        shapes = ([prod(x) for x in row.inputs], row.output)
    elif row.kind is Kind.MOVE:
        shapes = prod(row.output)
    return (
        row.path,
        row.kind,
        dict(row.counts),
        row.params,
        row.read_bytes,
        row.write_bytes,
        row.kernel,
        row.stride,
        row.groups,
        shapes,
    )


def built_on_meta(node: Node) -> nn.Module:
    with torch.device("meta"):
        return build(node).eval()


def torch_macs(module: nn.Module, x: torch.Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as mode:
        module(x)
    flops = mode.get_total_flops()

    assert flops % 2 == 0
    return flops // 2


def check_agreement(node: Node, shape: Shape) -> None:
    module = built_on_meta(node)
    x = torch.empty(shape, device="meta")
    analytic = layer_table(node, shape)
    traced = trace(module, x)

    assert [facts(row) for row in analytic.rows if any(row.counts.values())] == [
        facts(row) for row in traced.table.rows
    ]
    assert traced.unknown_ops == {}
    assert analytic.macs == torch_macs(module, x)
    assert analytic.params == traced.params == sum(p.numel() for p in module.parameters())
    assert tuple(module(x).shape) == output_shape(node, shape)


@given(strategies.ops)
@settings(max_examples=300, deadline=None)
def test_any_op(case: tuple[Node, Shape]) -> None:
    """Random convolutions, linears, pools and the rest."""
    check_agreement(*case)


@given(strategies.units())
@settings(max_examples=60, deadline=None)
def test_any_unit(model: zoo.Model) -> None:
    """Units with random valid c, m, g, h, w and stride."""
    check_agreement(model.spec, model.input)


SIZES = ((224, 224), (97, 130), (480, 640))
# Fully connected layers that follow no adaptive pool take the map of few sizes, and position
# embeddings the one that they were learned at.
OTHER_SIZES = {
    "alexnet_grouped": ((227, 227), (230, 235), (242, 242)),
    **dict.fromkeys(zoo.names("vit_*"), ((224, 224),)),
    **dict.fromkeys(zoo.names("deit_*"), ((224, 224),)),
}


@pytest.mark.parametrize(
    ("name", "size"),
    [by_speed(name, size) for name in zoo.names() for size in OTHER_SIZES.get(name, SIZES)],
)
def test_any_network(name: str, size: tuple[int, int]) -> None:
    """Every network of the zoo, row by row, at three input sizes."""
    model = zoo.find(name)
    check_agreement(model.spec, (1, *model.input[1:2], *size))


@pytest.mark.parametrize(
    "name",
    [
        "shufflenet_v1@layout=official",
        "shufflenet_v1@layout=article",
        "shufflenet_v1@layout=article,g=1,slip=true",
        "shufflenet_v1@shallow=true,scale=0.5",
        "shufflenet_v1@shuffle=false",
        "shufflenet_v1@se=true,scale=2",
        "shufflenet_v1@se=true,se_on=branch",
        "resnet@depth=18,shortcut=A",
        "resnet@depth=50,stride_in=1x1,shortcut=A",
        "resnext@depth=50,cardinality=8,width=14",
        "mobilenet_v1@resolution=160,alpha=0.5",
        "mobilenet_v1@separable=false",
        "mobilenet_v1@shallow=true",
        "mobilenet_v1@last_stride=2",
        "mobilenet_v1@se=true,alpha=0.25",
        "mobilenet_v1@se=true,separable=false",
        "vgg@depth=11,norm=true,se=true",
        "mobilenet_layer",
        "mobilenet_v3@alpha=0.5",
        "mobilenet_v2@alpha=0.75,resolution=160",
        "mnasnet@version=A1,alpha=0.5",
        "efficientnet@width=1.1,depth=1.4,resolution=160",
        "regnet@depth=13,w_0=24,w_a=36.44,w_m=2.49,group_width=8,se=true,layout=pycls",
        "resnet@depth=50,width=2,resolution=128",
        "cifar_resnet@depth=8,shortcut=B",
        "cifar_resnext@depth=11,cardinality=4,width=32",
        "wide_resnet@depth=10,k=2",
        "densenet@growth=12,resolution=64",
        "vit@size=tiny,patch=8,resolution=64",
        "swin@window=4,resolution=60",
        "squeezenet@ceil=false",
        "squeezenet@conv10_padding=1",
    ],
)
def test_options(name: str) -> None:
    """Options of the families that no published variant has."""
    model = zoo.find(name)
    check_agreement(model.spec, model.input)
