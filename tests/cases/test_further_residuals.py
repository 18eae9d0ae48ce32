"""More that counters take apart in ways of their own, after `test_counters_residuals`.

Every module has its MACs worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from shufflenet_flops.counters.explain import explain

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (".*torch.jit", ".*TorchScript", ".*weight_norm", ".*torch.ao", ".*quant_min")
]
grouped_mm = getattr(F, "grouped_mm", torch._grouped_mm)  # public since torch 2.10
TOKENS, HEADS = (2, 5, 8), (2, 4, 5, 8)


class Calls(nn.Module):
    """A function of some modules and one input."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x: Any) -> Any:
        return self.function(self.parts, x)


def _modulated(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """Norms whose weights are worked out, as where a condition is put into a network."""
    scale, shift = parts[0](x[0, 0]).chunk(2)
    norm = parts[1]
    y = F.layer_norm(x, (8,), scale, shift) + F.group_norm(x, 5, scale[:5], shift[:5])
    return y + F.batch_norm(x, norm.running_mean, norm.running_var, scale[:5], shift[:5])


def _sequences(parts: nn.ModuleList, x: Tensor) -> Tensor:
    packed = pack_padded_sequence(x, torch.tensor([3, 5]), batch_first=True, enforce_sorted=False)
    y: Tensor = parts[0](packed)[1][0]
    return y


def _experts(_: nn.ModuleList, x: Tensor) -> Tensor:
    """Five rows for one expert, and five for another."""
    rows, experts = F.pad(x.flatten(0, 1), (0, 8)).bfloat16(), torch.ones(2, 16, 16).bfloat16()
    y: Tensor = grouped_mm(rows, experts, offs=torch.tensor([5, 10], dtype=torch.int32))
    return y


def _small_numbers(_: nn.ModuleList, x: Tensor) -> Tensor:
    a = torch.ones(32, 32).to(torch.float8_e4m3fn)
    b = torch.ones(32, 32, dtype=torch.int8)
    one = x.new_ones(())
    scaled = torch._scaled_mm(a, a.T, one, one, out_dtype=torch.bfloat16)
    return scaled + torch._int_mm(b, b.T)


def _spectrum(_: nn.ModuleList, x: Tensor) -> Tensor:
    window = torch.hann_window(16) + torch.hamming_window(16) + torch.bartlett_window(16)
    return torch.stft(x.flatten(1), 16, 8, window=window, return_complex=True).abs()


def _parts_of(_: nn.ModuleList, x: Tensor) -> Tensor:
    """Copies of views."""
    matrix = x[0, :, :5]
    rows = torch.select_copy(x, 0, 0)[0, :5] + torch.slice_copy(x)[0, 0, :5]
    return torch.diag(matrix) + torch.diagonal_copy(matrix) + rows


def _cast(_: nn.ModuleList, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        y: Tensor = torch.einsum("bij,jk->bik", x, torch.ones(8, 8))
    return y


def _rounded(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """As in training for eight bits."""
    weight = torch.fake_quantize_per_channel_affine(
        parts[0].weight, torch.full((8,), 0.1), torch.zeros(8), 0, -128, 127
    )
    return F.linear(torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127), weight)


def _first(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = parts[0](x)
    return y


def _gelu(y: Tensor, bias: Tensor) -> Tensor:
    """As it is scripted in language models, to be fused."""
    z = y + bias
    return z * 0.5 * (1.0 + torch.tanh(0.79788456 * z * (1 + 0.044715 * z * z)))


def _product(x: Tensor, weight: Tensor) -> Tensor:
    return torch.matmul(x, weight).relu() * 2


def _scripted(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """Of scripted functions TorchScript has the call alone."""
    linear = parts[0]
    y = torch.jit.script(_gelu)(F.linear(x, linear.weight), linear.bias)
    z: Tensor = torch.jit.script(_product)(y, linear.weight) * linear(x).mean(-1, keepdim=True)
    return z


def _lstm_of(dtype: torch.dtype) -> nn.Module:
    lstm = nn.LSTM(8, 4, batch_first=True, bidirectional=True, dtype=dtype)
    return Calls(lambda parts, x: parts[0](x.to(parts[0].weight_ih_l0.dtype))[0], lstm)


def _for_eight_bits() -> nn.Module:
    """A convolution with its norm, made ready for training with rounded weights and maps."""
    from torch.ao import quantization

    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))
    model.train().qconfig = quantization.get_default_qat_qconfig("fbgemm")
    fused = quantization.fuse_modules_qat(model, [["0", "1", "2"]])
    ready: nn.Module = quantization.prepare_qat(fused).eval()
    return ready


CASES: dict[str, tuple[int, Callable[[], nn.Module], tuple[int, ...]]] = {
    "training for eight bits": (36 * (8 * 27 + 4 * 8), _for_eight_bits, (1, 3, 8, 8)),
    "attention that drops out": (
        2 * 8 * 25 * 8,
        lambda: Calls(lambda _, x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)),
        HEADS,
    ),
    "attention without heads that drops out": (
        2 * 2 * 25 * 8,
        lambda: Calls(lambda _, x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)),
        TOKENS,
    ),
    "attention whose weights alone are used": (
        4 * 10 * 64 + 2 * 2 * 25 * 8,
        lambda: Calls(
            lambda parts, x: parts[0](x, x, x)[1], nn.MultiheadAttention(8, 2, batch_first=True)
        ),
        TOKENS,
    ),
    "weights of every head": (
        4 * 10 * 64 + 2 * 5 * 4 * 8,
        lambda: Calls(
            lambda parts, x: parts[0](x, x, x, average_attn_weights=False)[1],
            nn.MultiheadAttention(8, 2),
        ),
        TOKENS,
    ),
    "norms with weights that are worked out": (
        8 * 16, lambda: Calls(_modulated, nn.Linear(8, 16), nn.BatchNorm1d(5)), TOKENS
    ),
    "instance norm with statistics": (
        0,
        lambda: Calls(
            lambda parts, x: F.instance_norm(x, parts[0].running_mean, parts[0].running_var),
            nn.InstanceNorm1d(5, track_running_stats=True),
        ),
        TOKENS,
    ),
    "sums of products, in place": (
        5 * 64 + 10 * 64,
        lambda: Calls(
            lambda parts, x: x[0].clone().addmm_(x[0], parts[0].weight)
            + x.clone().baddbmm_(x, parts[0].weight.expand(2, 8, 8)),
            nn.Linear(8, 8),
        ),
        TOKENS,
    ),
    "sum of a product with a vector": (
        64,
        lambda: Calls(
            lambda parts, x: torch.addmv(parts[0].bias, parts[0].weight, x[0, 0]), nn.Linear(8, 8)
        ),
        TOKENS,
    ),
    "convolution over time first": (
        5 * 2 * 4 * 8 * 3,
        lambda: Calls(lambda _, x: torch.conv_tbc(x, torch.ones(3, 8, 4), torch.ones(4))),
        (7, 2, 8),
    ),
    "distances by a product": (
        0, lambda: Calls(lambda _, x: torch.cdist(x, x)), (1, 30, 8)
    ),
    "angles": (0, lambda: Calls(lambda _, x: torch.deg2rad(x) + x.rad2deg()), TOKENS),
    "quantiles": (
        0,
        lambda: Calls(lambda _, x: torch.quantile(x, 0.5, -1) + x.nanquantile(0.5, -1)),
        TOKENS,
    ),
    "what is finite": (
        0, lambda: Calls(lambda _, x: torch.where(torch.isfinite(x), x, 0)), TOKENS
    ),
    "a loss of differences": (0, lambda: Calls(lambda _, x: F.l1_loss(x, x + 1)), TOKENS),
    "features that are dropped": (
        0, lambda: Calls(lambda _, x: torch.feature_dropout(x, 0.5, True)), TOKENS
    ),
    "an equation within autocast": (10 * 64, lambda: Calls(_cast), TOKENS),
    "numbers that are rounded": (10 * 64, lambda: Calls(_rounded, nn.Linear(8, 8)), TOKENS),
    "experts": (10 * 16 * 16, lambda: Calls(_experts), TOKENS),
    "small numbers": (2 * 32**3, lambda: Calls(_small_numbers), TOKENS),
    "spectrum": (0, lambda: Calls(_spectrum), (2, 5, 16)),
    "parts of a matrix": (0, lambda: Calls(_parts_of), TOKENS),
    "scripted functions": (3 * 10 * 64, lambda: Calls(_scripted, nn.Linear(8, 8)), TOKENS),
    "one norm of a whole weight": (
        10 * 64, lambda: Calls(_first, nn.utils.weight_norm(nn.Linear(8, 8), dim=None)), TOKENS
    ),
    "packed sequences": (
        8 * 16 * 12, lambda: Calls(_sequences, nn.LSTM(8, 4, batch_first=True)), TOKENS
    ),
    "packed sequences, two ways": (
        8 * 2 * 16 * (12 + 12),
        lambda: Calls(_sequences, nn.LSTM(8, 4, 2, batch_first=True, bidirectional=True)),
        TOKENS,
    ),
    **{
        f"LSTM of {dtype}": (
            10 * 2 * 16 * 12,
            partial(_lstm_of, dtype),
            TOKENS,
        )
        for dtype in (torch.float64, torch.float16, torch.bfloat16)
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_residual(case: str) -> None:
    macs, build, shape = CASES[case]
    found = explain("model", build().eval(), [torch.randn(shape)])
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }

    assert found.macs == macs
    assert found.unknown_ops == {}
    assert residuals == dict.fromkeys(residuals, 0)
    assert {"torch", "fvcore", "ptflops-aten", "profiler"} <= residuals.keys()


class Graph(nn.Module):
    """Sums what the neighbours of five nodes have, along the edges that a sparse matrix stores."""

    def __init__(self, edges: Tensor, *, by_sign: bool) -> None:
        super().__init__()
        self.linear, self.by_sign = nn.Linear(8, 4), by_sign
        self.register_buffer("edges", edges)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return self.edges @ y if self.by_sign else torch.sparse.mm(self.edges, y)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("by_sign", [True, False])
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_a_graph_whose_edges_are_a_buffer(layout: torch.layout, by_sign: bool) -> None:
    """Five edges; some counters take the matrix for a dense one, and some as often as it is run."""
    model = Graph(torch.eye(5).to_sparse(layout=layout), by_sign=by_sign).eval()
    found = explain("graph", model, [torch.randn(5, 8)])
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }

    assert found.macs == 5 * 32 + 5 * 4
    assert residuals == dict.fromkeys(residuals, 0)
    assert {"torch", "thop", "ptflops-aten", "profiler"} <= residuals.keys()
