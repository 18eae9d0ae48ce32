"""A backward pass is stated from the forward rows; torch's own counter errs where it is grouped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.counting import backward_macs
from shufflenet_flops.trace import trace


def torch_backward(module: nn.Module, x: Tensor) -> int:
    """MACs of the backward pass alone by torch's counter."""
    with FlopCounterMode(display=False) as mode:
        y = module(x)
        forward = mode.get_total_flops()
        y.sum().backward()
    return (mode.get_total_flops() - forward) // 2


def ours(module: nn.Module, x: Tensor) -> int:
    rows = trace(module, x).table.rows
    return sum(backward_macs(row, input_grad=x.requires_grad) for row in rows)


DENSE = {
    "conv1d": (nn.Conv1d(3, 4, 3, padding=1), (2, 3, 9)),
    "strided conv2d": (nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False), (1, 3, 9, 9)),
    "dilated conv2d": (nn.Conv2d(3, 6, 3, dilation=2), (2, 3, 9, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 6)),
    "transposed conv2d": (nn.ConvTranspose2d(3, 5, 3, stride=2), (1, 3, 5, 5)),
    "linear": (nn.Linear(7, 5), (4, 7)),
}


@pytest.mark.parametrize("input_grad", [True, False])
@pytest.mark.parametrize("name", DENSE)
def test_dense_layers_are_as_torch_counts_them(name: str, input_grad: bool) -> None:
    """Twice the forward pass, or once where the input needs no gradient."""
    module, shape = DENSE[name]
    x = torch.randn(shape, requires_grad=input_grad)

    assert ours(module, x) == torch_backward(module, x) > 0


def test_a_product_of_two_activations_has_two_gradients() -> None:
    """One per factor."""

    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.bmm(x, x.transpose(1, 2))

    x = torch.randn(2, 3, 5, requires_grad=True)

    assert ours(Square(), x) == torch_backward(Square(), x) == 2 * 2 * 3 * 3 * 5


def hand_counted(conv: nn.Conv2d, x: Tensor) -> int:
    """Gradients of input and weight of a grouped convolution as the dense ones of its parts."""
    total = 0
    for part in x.detach().chunk(conv.groups, dim=1):
        dense = nn.Conv2d(
            conv.in_channels // conv.groups,
            conv.out_channels // conv.groups,
            conv.kernel_size,
            padding=conv.padding,
        )
        total += torch_backward(dense, part.clone().requires_grad_())
    return total


@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_convolutions(groups: int) -> None:
    """A grouped convolution is its groups' dense ones, side by side."""
    conv = nn.Conv2d(4, 8, 3, padding=1, groups=groups)
    x = torch.randn(1, 4, 6, 6, requires_grad=True)

    assert ours(conv, x) == hand_counted(conv, x)


def test_torch_overcounts_the_backward_pass_of_grouped_convolutions() -> None:
    """Its weight gradient forgets the groups; when this fails, torch has been mended."""
    groups = 4
    conv = nn.Conv2d(4, 8, 3, padding=1, groups=groups)
    x = torch.randn(1, 4, 6, 6, requires_grad=True)
    half = trace(conv, x).table.macs

    assert ours(conv, x) == 2 * half
    assert torch_backward(conv, x) == half + groups * half
