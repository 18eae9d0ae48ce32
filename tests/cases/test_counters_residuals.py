"""What counters take apart in ways of their own: every total is explained, to the last one.

Each module has its MACs worked out by hand. C(o, i, k, n) stands for a convolution with o outputs,
i inputs and a window of k, at n positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from shufflenet_flops.counters import all_counters
from shufflenet_flops.counters.explain import explain
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.counters.torch_flops import unfused_attention
from shufflenet_flops.trace import trace

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        "Using padding='same'",
        ".*torch.jit",
        ".*weight_norm",
        # torch.jit.script of one torch warns of what another has taken away.
        ".*TorchScript",
    )
]

Forward = Callable[[nn.ModuleList, Tensor], Any]


class Calls(nn.Module):
    """A function of some modules and one input."""

    def __init__(self, forward: Forward, *modules: nn.Module) -> None:
        super().__init__()
        self.function = forward
        self.parts = nn.ModuleList(modules)

    def forward(self, x: Any) -> Any:
        return self.function(self.parts, x)


class Hooked(nn.Module):
    """Its second layer is called by a hook on the first, which sees it in a closure."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.first.register_forward_hook(lambda layer, given, y: self.second(y))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(x)
        return y


class Standardised(nn.Conv2d):
    """A convolution whose weight is normalised by a batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0)
        return F.conv2d(x, weight.reshape_as(self.weight), self.bias)


def _conv(outputs: int, inputs: int, window: int, positions: int) -> int:
    return outputs * inputs * window * positions


def _unused(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = parts[0](x)
    parts[1](y)
    return y


def _tokens(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y = parts[0](x).flatten(2).transpose(1, 2)
    out: Tensor = parts[1](y, y, y)[0]
    return out


def _norm_with_statistics(parts: nn.ModuleList, x: Tensor) -> Tensor:
    norm = parts[1]
    return F.batch_norm(
        parts[0](x), norm.running_mean, norm.running_var, norm.weight, norm.bias, training=True
    )


def _kept_whole(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """Products and means within losses and their like, which torch has as one function each."""
    a, b, sign = x[0], x[0] + 1, torch.ones(5)
    return (
        F.cosine_similarity(a, b).sum()
        + F.kl_div(a, b, reduction="batchmean")
        + F.poisson_nll_loss(a, b)
        + F.cosine_embedding_loss(a, b, sign)
        + F.triplet_margin_loss(a, b, x[0] - 1)
        + F.margin_ranking_loss(a, b, sign[:, None])
        + F.hinge_embedding_loss(a, sign[:, None])
        + F.cross_entropy(a, torch.full((5, 8), 0.125))
        + torch.trapezoid(a).sum()
        + F.dropout(a, 0.5, True).sum()
        + F.dropout1d(a, 0.5, True).sum()
    )


def _grouped(parts: nn.ModuleList, q: Tensor) -> Tensor:
    k = torch.ones(1, 2, 7, 8)
    return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)


def _pruned() -> nn.Module:
    conv = nn.Conv2d(3, 4, 3)
    prune.l1_unstructured(conv, "weight", 0.5)
    return nn.Sequential(conv)


def _without_gaps(**options: Any) -> nn.Module:
    return Calls(
        lambda parts, x: parts[0](x, x, x)[0],
        nn.MultiheadAttention(8, 2, batch_first=True, **options),
    )


IMAGE, TOKENS = (1, 3, 10, 10), (1, 5, 8)
CONV = _conv(4, 3, 9, 64)  # 3x3 without padding on the image
# 5 tokens of 8: four projections of 8 x 8, scores and sums over all pairs.
ATTENTION = 4 * 5 * 64 + 2 * 5 * 5 * 8

CASES: dict[str, tuple[int, Callable[[], nn.Module], tuple[int, ...]]] = {
    "same": (_conv(4, 3, 9, 100), lambda: nn.Conv2d(3, 4, 3, padding="same"), IMAGE),
    "valid": (CONV, lambda: nn.Conv2d(3, 4, 3, padding="valid"), IMAGE),
    "same in one dimension, dilated": (
        _conv(4, 3, 4, 12), lambda: nn.Conv1d(3, 4, 4, padding="same", dilation=2), (1, 3, 12)
    ),
    "valid in three dimensions": (
        _conv(4, 3, 6, 4 * 5 * 6), lambda: nn.Conv3d(3, 4, (3, 2, 1), padding="valid"),
        (1, 3, 6, 6, 6),
    ),
    "same, even window, groups, no bias": (
        _conv(4, 2, 16, 81),
        lambda: nn.Conv2d(4, 4, 4, padding="same", groups=2, bias=False),
        (1, 4, 9, 9),
    ),
    "same as a function": (
        _conv(4, 3, 9, 100),
        lambda: Calls(
            lambda parts, x: F.conv2d(x, parts[0].weight, padding="same"), nn.Conv2d(3, 4, 3)
        ),
        IMAGE,
    ),
    "batch norm without statistics": (
        CONV,
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        IMAGE,
    ),
    "batch norm without statistics and parameters": (
        CONV,
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False, track_running_stats=False)
        ),
        IMAGE,
    ),
    "batch norm without parameters": (
        CONV, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)), IMAGE
    ),
    "batch norm told to train": (
        CONV, lambda: Calls(_norm_with_statistics, nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), IMAGE
    ),
    "weight standardised": (_conv(8, 3, 9, 64), lambda: Standardised(3, 8, 3), IMAGE),
    "weight standardised, and an unused layer": (
        _conv(8, 3, 9, 64) + _conv(8, 8, 9, 36),
        lambda: Calls(_unused, Standardised(3, 8, 3), nn.Conv2d(8, 8, 3)),
        IMAGE,
    ),
    "unused layers": (
        CONV + _conv(8, 4, 9, 36),
        lambda: Calls(
            _unused,
            nn.Conv2d(3, 4, 3),
            nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1)),
        ),
        IMAGE,
    ),
    "unused product": (
        CONV + 3 * 1000,
        lambda: Calls(lambda parts, x: (parts[0](x), x @ x)[0], nn.Conv2d(3, 4, 3)),
        IMAGE,
    ),
    "tensordot with a weight": (
        5 * 64,
        lambda: Calls(
            lambda parts, x: torch.tensordot(x, parts[0].weight, dims=([2], [0])), nn.Linear(8, 8)
        ),
        TOKENS,
    ),
    "inner": (5 * 5 * 8, lambda: Calls(lambda parts, x: torch.inner(x[0], x[0])), TOKENS),
    "outer": (0, lambda: Calls(lambda parts, x: torch.outer(x[0, 0], x[0, 1])), TOKENS),
    "power of a matrix": (  # to the fourth, squared, and times the first
        3 * 5 * 5 * 5,
        lambda: Calls(lambda parts, x: torch.matrix_power(x[0, :, :5], 5)),
        TOKENS,
    ),
    "grid of places": (
        0,
        lambda: Calls(
            lambda parts, x: F.affine_grid(x[:, :2, :3], [1, 3, 6, 7], align_corners=False)
        ),
        TOKENS,
    ),
    "grid of places, corners aligned": (
        0,
        lambda: Calls(
            lambda parts, x: F.affine_grid(x[:, :2, :3], [1, 3, 6, 7], align_corners=True)
        ),
        TOKENS,
    ),
    "grid of places in three dimensions": (
        0,
        lambda: Calls(
            lambda parts, x: F.affine_grid(x[:, :3, :4], [1, 3, 6, 7, 1], align_corners=False)
        ),
        TOKENS,
    ),
    **{
        f"sampling by a grid, {mode}": (
            0,
            lambda mode=mode: Calls(  # type: ignore[misc] # mypy does not see defaults of lambdas
                lambda parts, x: F.grid_sample(x, x[:, :2].movedim(1, 3), mode, align_corners=False)
            ),
            IMAGE,
        )
        for mode in ("bilinear", "nearest", "bicubic")
    },
    "sampling by a grid in three dimensions": (
        0,
        lambda: Calls(
            lambda parts, x: F.grid_sample(
                x[:, :, None], x[:, :, None].movedim(1, 4), align_corners=False
            )
        ),
        IMAGE,
    ),
    "layer called in a hook": (2 * 5 * 64, lambda: Hooked(), TOKENS),
    "chain of products": (
        2 * 5 * 64,
        lambda: Calls(
            lambda parts, x: torch.linalg.multi_dot([x[0], parts[0].weight, parts[0].weight]),
            nn.Linear(8, 8),
        ),
        TOKENS,
    ),
    "product broadcast": (
        3 * 5 * 8 * 2, lambda: Calls(lambda parts, x: torch.matmul(x, torch.ones(3, 8, 2))), TOKENS
    ),
    "product of a matrix and a vector": (
        8 * 8 + 8,
        lambda: Calls(
            lambda parts, x: torch.mv(parts[0].weight, x[0, 0]) + torch.dot(x[0, 0], x[0, 0]),
            nn.Linear(8, 8),
        ),
        TOKENS,
    ),
    "mm": (
        5 * 64, lambda: Calls(lambda parts, x: torch.mm(x[0], parts[0].weight), nn.Linear(8, 8)),
        TOKENS,
    ),
    "equation of three factors": (
        2 * 5 * 5 * 8,
        lambda: Calls(lambda parts, x: torch.einsum("bij,bkj,bkl->bil", x, x, x)),
        TOKENS,
    ),
    "covariance": (5 * 5 * 8, lambda: Calls(lambda parts, x: torch.cov(x[0])), TOKENS),
    "what TorchScript keeps whole": (0, lambda: Calls(_kept_whole), TOKENS),
    "equations of one factor": (
        0,
        lambda: Calls(
            lambda parts, x: torch.einsum("bij->bi", x).sum() + torch.einsum("bij->jib", x)
        ),
        TOKENS,
    ),
    # torch first sums over i, which stands in one factor alone.
    "equation with a letter of one factor": (
        5 * 8, lambda: Calls(lambda parts, x: torch.einsum("bij,bkj->bk", x, x)), TOKENS
    ),
    "equation whose letters are all of one factor": (
        0, lambda: Calls(lambda parts, x: torch.einsum("bij, bk", x, x[:, 0]).sum()), TOKENS
    ),
    "GRU on an input with gaps": (
        8 * 3 * 4 * (5 + 4),
        lambda: Calls(
            lambda parts, x: parts[0](x.transpose(1, 2))[0], nn.GRU(5, 4, batch_first=True)
        ),
        TOKENS,
    ),
    "projected LSTM both ways on an input with gaps": (
        2 * 8 * (4 * 4 * (5 + 2) + 2 * 4),
        lambda: Calls(
            lambda parts, x: parts[0](x.transpose(1, 2))[0],
            nn.LSTM(5, 4, batch_first=True, proj_size=2, bidirectional=True),
        ),
        TOKENS,
    ),
    "RMS norm": (5 * 64, lambda: nn.Sequential(nn.Linear(8, 8), nn.RMSNorm(8)), TOKENS),
    "RMS norm without parameters": (
        5 * 64,
        lambda: nn.Sequential(nn.Linear(8, 8), nn.RMSNorm(8, elementwise_affine=False)),
        TOKENS,
    ),
    "power-average pool": (
        CONV, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.LPPool2d(3, 3, stride=2)), IMAGE
    ),
    "power-average pool in one dimension": (
        _conv(4, 3, 3, 10), lambda: nn.Sequential(nn.Conv1d(3, 4, 3), nn.LPPool1d(2, 2)), (1, 3, 12)
    ),
    "max pool with indices": (
        CONV,
        lambda: Calls(
            lambda parts, x: parts[1](parts[0](x))[0],
            nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, return_indices=True),
        ),
        IMAGE,
    ),
    "adaptive max pool with indices": (
        CONV,
        lambda: Calls(
            lambda parts, x: F.adaptive_max_pool2d(parts[0](x), 2, return_indices=True)[0],
            nn.Conv2d(3, 4, 3),
        ),
        IMAGE,
    ),
    "convolution and attention": (
        # 100 tokens of 16.
        _conv(16, 3, 9, 100) + 4 * 100 * 256 + 2 * 100 * 100 * 16,
        lambda: Calls(
            _tokens,
            nn.Conv2d(3, 16, 3, padding=1), nn.MultiheadAttention(16, 2, batch_first=True),
        ),
        IMAGE,
    ),
    "attention with its weights": (ATTENTION, _without_gaps, TOKENS),
    "attention to added keys": (
        ATTENTION + 2 * 2 * 5 * 8,
        lambda: _without_gaps(add_bias_kv=True, add_zero_attn=True),
        TOKENS,
    ),
    "attention to keys and values of other widths": (
        5 * 8 * (8 + 6 + 4 + 8) + 2 * 5 * 5 * 8,
        lambda: Calls(
            lambda parts, x: parts[0](x, x[:, :, :6], x[:, :, :4])[0],
            nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=True),
        ),
        TOKENS,
    ),
    "grouped-query attention": (2 * 8 * 5 * 7 * 8, lambda: Calls(_grouped), (1, 8, 5, 8)),
    "attention without heads": (
        2 * 5 * 5 * 8, lambda: Calls(lambda parts, x: F.scaled_dot_product_attention(x, x, x)),
        TOKENS,
    ),
    # Every gate multiplies 8 inputs and a state of 6, at 5 positions.
    "LSTM": (5 * 24 * 14, lambda: nn.LSTM(8, 6), TOKENS),
    "LSTM, batch first": (5 * 24 * 14, lambda: nn.LSTM(8, 6, batch_first=True), TOKENS),
    "LSTM, two layers, both directions, no bias": (
        5 * 2 * 24 * (14 + 18),
        lambda: nn.LSTM(8, 6, 2, bidirectional=True, bias=False),
        TOKENS,
    ),
    "LSTM with a projection": (
        5 * (24 * (8 + 3) + 3 * 6), lambda: nn.LSTM(8, 6, proj_size=3), TOKENS
    ),
    "GRU": (5 * 18 * 14, lambda: nn.Sequential(nn.GRU(8, 6)), TOKENS),
    "GRU, three layers": (5 * 18 * (14 + 12 + 12), lambda: nn.GRU(8, 6, 3), TOKENS),
    "RNN, both directions": (
        5 * 2 * 6 * 14, lambda: nn.RNN(8, 6, bidirectional=True, batch_first=True), TOKENS
    ),
    "LSTM cell": (24 * 14, lambda: nn.LSTMCell(8, 6), (1, 8)),
    "GRU cell without bias": (18 * 14, lambda: nn.GRUCell(8, 6, bias=False), (1, 8)),
    "RNN cell": (6 * 14, lambda: nn.RNNCell(8, 6), (1, 8)),
    "bilinear": (
        4 * (8 * 8 + 8),
        lambda: Calls(lambda parts, x: parts[0](x, x), nn.Bilinear(8, 8, 4)),
        (1, 8),
    ),
    "weight norm": (CONV, lambda: nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), IMAGE),
    "weight norm by parametrization": (
        CONV, lambda: parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), IMAGE
    ),
    # With a weight of 4 x 27: it times a vector, and that times another of 4.
    "spectral norm": (CONV + 108 + 4, lambda: nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), IMAGE),
    "pruned": (CONV, _pruned, IMAGE),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_residual(case: str) -> None:
    """Our MACs are those worked out by hand, and every total is the one predicted."""
    macs, build, shape = CASES[case]
    module, x = build().eval(), torch.randn(shape)
    traced = trace(module, x)
    reports = [run_counter(counter, module, [x], traced) for counter in all_counters()]
    available = [report for report in reports if report.status == "ok"]

    assert traced.table.macs == macs
    assert {report.name: report.residual for report in available} == {
        report.name: 0 for report in available
    }
    # It refuses heads of keys that queries share.
    refused = {"torchprofile"} if case == "grouped-query attention" else set()
    assert {report.name for report in reports if report.status != "ok"} == refused


SCRIPTED = {
    "scripted": lambda module, x: torch.jit.script(module),
    "traced": lambda module, x: torch.jit.trace(module, x),
    "in part": lambda module, x: nn.Sequential(torch.jit.script(module), nn.Identity()),
}


@pytest.mark.parametrize("how", SCRIPTED)
def test_what_cannot_be_looked_into_is_said(how: str) -> None:
    """torch's counter takes a scripted module; those that hook modules say what would help."""
    x = torch.randn(IMAGE)
    module = SCRIPTED[how](nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), x)
    traced = trace(module, x)
    reports = {each.name: run_counter(each, module, [x], traced) for each in all_counters()}

    assert reports["torch"].reported == 2 * CONV
    assert not any(report.residual for report in reports.values())
    for name in ("fvcore", "thop", "torchprofile"):
        assert reports[name].status == "unavailable"
        assert "give it the module as it was before torch.jit" in reports[name].reason


class Named(nn.Module):
    """A model that takes a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        out: Tensor = self.linear(batch["x"])
        return out


def test_inputs_in_a_dictionary() -> None:
    """They are explained, and nobody reads a shape off the dictionary."""
    found = explain("named", Named().eval(), [{"x": torch.randn(1, 8)}])

    assert (found.macs, found.input) == (8 * 4, (1, 8))
    assert {name: (report.status, report.residual) for name, report in found.counters.items()} == {
        counter.name: ("ok", 0) for counter in all_counters()
    }


@pytest.mark.parametrize(
    ("version", "macs"), [((2, 9), 2 * 5 * 5 * 8), ((2, 13), 2 * 5 * 5 * 8), ((2, 14), 0)]
)
def test_attention_without_heads_goes_by_the_version(version: tuple[int, ...], macs: int) -> None:
    """torch 2.14 runs it as one kernel that its counter has no formula for."""
    attention = Calls(lambda parts, x: F.scaled_dot_product_attention(x, x, x))
    (row,) = trace(attention, torch.randn(TOKENS)).table.rows

    assert (row.macs if unfused_attention(row, version) else 0) == macs


def test_versions_that_count_otherwise_are_named() -> None:
    """An average pool: 4 outputs, which look at 16 elements each where pools count in full."""
    module = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AvgPool2d(4))
    found = explain("pool", module.eval(), [torch.randn(1, 3, 8, 8)])
    torch_models = explain(
        "attention",
        Calls(lambda parts, x: F.scaled_dot_product_attention(x, x, x)),
        [torch.randn(TOKENS)],
    ).other_versions["torch"]

    assert found.other_versions["thop"] == dict.fromkeys(
        ("ultralytics-thop 2.1.6", "ultralytics-thop 2.2"), 3 * 64 + 4 + 4 * 16
    )
    assert set(torch_models.values()) in ({0}, {2 * 2 * 5 * 5 * 8})
