"""What kernels take beside their results, as torch's allocator of this machine has it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import trace
from shufflenet_flops.trace.workspace.cpu import (
    CHECKED,
    channel_block,
    is_checked,
    kernels,
    rounded,
)
from tests.support.allocator import allocations

on_checked_kernels = pytest.mark.skipif(
    not is_checked(), reason=f"what kernels take beside their results is that of {CHECKED}"
)


class Once(nn.Module):
    """A function of an input and a layer's own tensors."""

    def __init__(self, function: Any, *parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        self.parameters_ = nn.ParameterList(parameters)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.function(x, *self.parameters_)
        return y


def peaks(module: nn.Module, x: Tensor) -> tuple[int, int]:
    """The peak that is predicted, and that of a real run."""
    predicted = max(trace(module, x, memory=True).timeline.used_bytes)
    with torch.no_grad():
        return predicted, allocations(lambda: module(x)).peak_bytes


CASES = [
    pytest.param(images, groups, into, out_of, kernel, stride, last, id="-".join(map(str, case)))
    for case in itertools.product(
        (1, 2, 16),
        ((1, 16, 24), (1, 3, 8), (24, 1, 1), (2, 8, 8)),
        (1, 3, 5),
        (1, 2),
        (False, True),
    )
    for images, (groups, into, out_of), kernel, stride, last in [case]
]


@on_checked_kernels
@pytest.mark.parametrize(("images", "groups", "into", "out_of", "kernel", "stride", "last"), CASES)
def test_convolutions(
    images: int, groups: int, into: int, out_of: int, kernel: int, stride: int, last: bool
) -> None:
    x = torch.rand(images, groups * into, 20, 20)
    if last:
        x = x.to(memory_format=torch.channels_last)
    layer = nn.Conv2d(
        groups * into, groups * out_of, kernel, stride, kernel // 2, groups=groups, bias=False
    )
    predicted, real = peaks(layer, x)

    assert predicted == pytest.approx(real, rel=0.05)


@on_checked_kernels
def test_the_orders_of_a_convolution_by_hand() -> None:
    """32 channels of 20 x 20 to 40, 3 x 3: all in blocks of channels, the last of which is padded.

    The output in torch's order is there only when input and weights are gone.
    """
    conv = nn.Conv2d(32, 40, 3, padding=1, bias=False)
    (moment,) = trace(conv, torch.rand(2, 32, 20, 20), memory=True).timeline.moments
    terms = {term.name: term.bytes for term in moment.workspace}

    assert terms == {
        "reordered input": 4 * 2 * 32 * 400,
        "reordered weights": 4 * 32 * rounded(40) * 9,
        **(
            {"padding of the result": 4 * 2 * (rounded(40) - 40) * 400}
            if channel_block() == 16
            else {}
        ),
    }


LAYERS: dict[str, tuple[Any, Tensor, tuple[Tensor, ...]]] = {
    "batch norm": (
        lambda x, weight: F.batch_norm(x, weight, weight.abs(), weight, weight),
        torch.rand(2, 8, 6, 6),
        (torch.rand(8),),
    ),
    "layer norm of a transposed input": (
        lambda x: F.layer_norm(x.transpose(1, 2), (6,)),
        torch.rand(2, 6, 16),
        (),
    ),
    "softmax of a transposed input": (
        lambda x: x.transpose(1, 2).softmax(-1),
        torch.rand(2, 6, 16),
        (),
    ),
    "roll": (lambda x: torch.roll(x, (1, 2), (1, 2)), torch.rand(2, 6, 6), ()),
    "a larger picture": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        torch.rand(1, 8, 6, 6),
        (),
    ),
    "a repeated picture": (
        lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
        torch.rand(1, 8, 6, 6),
        (),
    ),
    "attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x),
        torch.rand(1, 2, 300, 16),
        (),
    ),
    "attention in blocks": (
        lambda x: F.scaled_dot_product_attention(x, x, x),
        torch.rand(1, 2, 3, 40, 16),
        (),
    ),
    "a number": (lambda x: (x * 2 + 1) / 3, torch.rand(8, 8), ()),
    "linear of mixed axes": (
        lambda x, weight: F.linear(x.transpose(1, 2), weight),
        torch.rand(3, 4, 5),
        (torch.rand(6, 4),),
    ),
}


@on_checked_kernels
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    """To the byte."""
    function, x, parameters = LAYERS[name]
    predicted, real = peaks(Once(function, *parameters), x)

    assert predicted == real


def test_what_is_an_estimate_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With kernels that the rules were not held to."""
    is_checked.cache_clear()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    try:
        assert not is_checked()
        assert "an estimate here" in kernels()
    finally:
        is_checked.cache_clear()


@on_checked_kernels
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("rows", "summed", "columns"),
    [(16, 32, 10), (100, 48, 64), (300, 100, 768), (64, 900, 70), (64, 2048, 300), (200, 64, 1)],
)
def test_products_in_bfloat16(rows: int, summed: int, columns: int, transposed: bool) -> None:
    """Blocks of the factors and of the sums, to the byte."""
    weight = torch.rand(summed, columns, dtype=torch.bfloat16)
    x = torch.rand(rows, summed, dtype=torch.bfloat16)
    if transposed:
        x = x.t().contiguous().t()
    predicted, real = peaks(Once(torch.mm, weight), x)

    assert predicted == real


RECURRENT = [
    {"kind": nn.LSTM, "into": 16, "units": 64},
    {"kind": nn.LSTM, "into": 100, "units": 128, "batch_first": True},
    {"kind": nn.LSTM, "into": 64, "units": 50, "bias": False},
    {"kind": nn.LSTM, "into": 48, "units": 64, "num_layers": 2},
    {
        "kind": nn.LSTM,
        "into": 40,
        "units": 96,
        "num_layers": 2,
        "bidirectional": True,
        "batch_first": True,
    },
    {"kind": nn.LSTM, "into": 16, "units": 16, "num_layers": 3},
    {"kind": nn.LSTM, "into": 32, "units": 24, "proj_size": 8, "batch_first": True},
    {"kind": nn.GRU, "into": 32, "units": 16},
    {"kind": nn.GRU, "into": 32, "units": 24, "bidirectional": True, "batch_first": True},
    {"kind": nn.GRU, "into": 32, "units": 24, "num_layers": 2, "bidirectional": True},
    {"kind": nn.RNN, "into": 32, "units": 16, "batch_first": True},
]


@on_checked_kernels
@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("case", RECURRENT, ids=lambda case: str(tuple(case.values())))
def test_recurrent_layers(case: dict[str, Any]) -> None:
    """An LSTM is a kernel for each layer and direction; others multiply all steps' input first.

    To the byte.
    """
    options = dict(case)
    kind, into, units = (options.pop(key) for key in ("kind", "into", "units"))
    predicted, real = peaks(kind(into, units, **options).eval(), torch.rand(6, 4, into))

    assert predicted == real


TRANSPOSED = [
    # images, input and output channels, kernel, stride, padding, groups, input size
    (1, 64, 32, 2, 2, 0, 1, 16),  # torch's own kernel
    (2, 64, 32, 2, 2, 0, 1, 16),
    (2, 512, 256, 2, 2, 0, 1, 8),
    (4, 48, 20, 4, 2, 1, 4, 16),
    (2, 64, 20, 3, 1, 1, 1, 16),
    (2, 32, 32, 4, 2, 1, 32, 16),
    (2, 64, 1, 4, 2, 1, 1, 32),
]


@on_checked_kernels
@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_convolutions(case: tuple[int, ...]) -> None:
    images, into, out_of, kernel, stride, padding, groups, size = case
    layer = nn.ConvTranspose2d(into, out_of, kernel, stride, padding, groups=groups)
    predicted, real = peaks(layer, torch.rand(images, into, size, size))

    assert predicted == pytest.approx(real, rel=0.05)


@on_checked_kernels
def test_a_transposed_convolution_with_channels_last() -> None:
    layer = nn.ConvTranspose2d(32, 16, 2, 2).to(memory_format=torch.channels_last)
    x = torch.rand(2, 32, 32, 32).to(memory_format=torch.channels_last)
    predicted, real = peaks(layer, x)

    assert predicted == pytest.approx(real, rel=0.05)
