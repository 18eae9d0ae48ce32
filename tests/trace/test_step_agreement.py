"""A training step from the spec is the one that autograd runs, layer by layer, frozen or not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counting.backward import TrainingStep, step_of
from shufflenet_flops.counting.row import CONV_KINDS
from shufflenet_flops.counting.trained import ALL, Trained
from shufflenet_flops.spec import Node, Shape
from shufflenet_flops.trace import trace
from tests import strategies
from tests.support.zoo_names import by_speed


def built(node: Node) -> nn.Module:
    with torch.device("meta"):
        return build(node).train()


def by_layer(step: TrainingStep) -> Counter[Any]:
    sums: Counter[Any] = Counter()
    for row in step.backward:
        sums[row.path, row.kind, row.purpose] += row.macs
    return sums


def agree(node: Node, x: Shape, trained: Trained = ALL) -> TrainingStep:
    analytic = step_of(node, x, trained)
    traced = trace(built(node), torch.empty(x, device="meta"), training=True, step=trained)

    assert traced.step is not None
    assert by_layer(analytic) == by_layer(traced.step)
    assert analytic.forward.macs == traced.step.forward.macs
    assert analytic.params == traced.step.params
    assert not traced.real_forward
    assert not traced.step.unknown_ops
    return analytic


@pytest.mark.parametrize("name", list(map(by_speed, zoo.names())))
def test_the_zoo(name: str) -> None:
    """And torch's counter gives the same, but for grouped weights: once for each group too much."""
    model = zoo.find(name)
    step = agree(model.spec, (2, *model.input[1:]))
    net, image = built(model.spec), torch.empty(2, *model.input[1:], device="meta")
    with FlopCounterMode(display=False) as mode:
        y = net(image)
        y.backward(torch.empty_like(y))
    too_much = sum(
        row.macs * ((row.groups or 1) - 1) for row in step.forward.rows if row.kind in CONV_KINDS
    )

    assert mode.get_total_flops() == 2 * (step.macs + too_much)


@pytest.mark.parametrize(
    ("name", "freeze"),
    [
        ("shufflenet_v1_x1_0_g3", ("conv1", "stage[23]")),
        ("shufflenet_v2_x0_5", ("*.weight",)),
        ("resnet18", ("conv[123]*", "fc.bias")),
        ("googlenet", ("*.branch2.*", "conv?")),
    ],
)
def test_frozen_parts_of_the_zoo(name: str, freeze: tuple[str, ...]) -> None:
    model = zoo.find(name)
    agree(model.spec, (2, *model.input[1:]), Trained(freeze=freeze))


@given(strategies.units())
@settings(max_examples=40, deadline=None)
def test_any_unit(model: zoo.Model) -> None:
    """Units with random valid c, m, g, h, w and stride."""
    agree(model.spec, (2, *model.input[1:]))


@pytest.mark.parametrize("name", zoo.names("shufflenet_v1*"))
def test_shufflenet_goes_back_exactly_twice_less_the_first_layers_input(name: str) -> None:
    model = zoo.find(name)
    step = step_of(model.spec, model.input)

    assert step.backward_macs == 2 * step.forward.macs - step.forward.rows[0].macs
