"""Every kind of op: counted, known to be free, or listed as unknown."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.counting import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace import Trace, trace


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


def call(function: Callable[..., Any], *args: Any) -> Trace:
    return trace(Call(function), *args)


image = torch.randn(2, 6, 8, 8)
a, b = torch.randn(3, 4), torch.randn(4, 5)
batch_a, batch_b = torch.randn(2, 3, 4), torch.randn(2, 4, 5)

grouped_mm = getattr(F, "grouped_mm", torch._grouped_mm)  # public since torch 2.10

MACS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "conv1d": (nn.Conv1d(6, 4, 3, dilation=2), (torch.randn(2, 6, 9),), 2 * 5 * 4 * 6 * 3),
    "conv2d": (nn.Conv2d(6, 4, 3, padding="same"), (image,), 128 * 4 * 6 * 9),
    "grouped": (nn.Conv2d(6, 4, (1, 3), groups=2, stride=2), (image,), 2 * 4 * 3 * 4 * 3 * 3),
    "depthwise": (nn.Conv2d(6, 6, 3, groups=6), (image,), 72 * 6 * 9),
    "unbatched": (nn.Conv2d(6, 4, 1), (image[0],), 64 * 4 * 6),
    "conv3d": (nn.Conv3d(2, 3, 2), (torch.randn(1, 2, 4, 4, 4),), 27 * 3 * 2 * 8),
    "transposed": (nn.ConvTranspose2d(6, 4, 3, stride=2), (image,), 128 * 6 * 4 * 9),
    "transposed grouped": (nn.ConvTranspose1d(6, 4, 3, groups=2), (torch.randn(1, 6, 8),),
                           48 * 2 * 3),
    "linear": (nn.Linear(8, 5), (image,), 96 * 8 * 5),
    "linear of a vector": (nn.Linear(8, 5), (torch.randn(8),), 40),
    "bilinear": (nn.Bilinear(3, 4, 5), (torch.randn(2, 3), torch.randn(2, 4)), 2 * 5 * (3 * 4 + 4)),
    "mm": (torch.mm, (a, b), 60),
    "matmul": (torch.matmul, (batch_a, b), 120),
    "operator": (lambda x, y: x @ y, (batch_a, batch_b), 120),
    "bmm": (torch.bmm, (batch_a, batch_b), 120),
    "grouped rows": (grouped_mm, (torch.randn(6, 4), torch.randn(3, 4, 5)), 6 * 4 * 5),
    "mv": (torch.mv, (a, b[:, 0]), 12),
    "dot": (torch.dot, (a[0], a[1]), 4),
    "outer": (torch.outer, (a[0], b[0]), 0),  # products without a sum: torch multiplies
    "addmm": (torch.addmm, (torch.randn(5), a, b), 60),
    "addmv": (torch.addmv, (torch.randn(3), a, b[:, 0]), 12),
    "baddbmm": (torch.baddbmm, (torch.randn(2, 3, 5), batch_a, batch_b), 120),
    "addbmm": (torch.addbmm, (torch.randn(3, 5), batch_a, batch_b), 120),
    "einsum": (lambda x, y: torch.einsum("bij,bjk->bik", x, y), (batch_a, batch_b), 120),
    "einsum over two axes": (lambda x: torch.einsum("nchw,dc->ndhw", x, a[:, :1].expand(3, 6)),
                             (image,), 128 * 3 * 6),
}  # fmt: skip


@pytest.mark.parametrize("name", MACS)
def test_macs_by_hand(name: str) -> None:
    """Convolutions of every kind and the whole family of matrix products."""
    function, args, macs = MACS[name]
    module = function if isinstance(function, nn.Module) else Call(function)
    traced = trace(module, *args)

    assert traced.table.macs == macs
    assert traced.unknown_ops == {}


def attention_macs(batch: int, heads: int, queries: int, keys: int, size: int) -> int:
    return 2 * batch * heads * queries * keys * size


query, key = torch.randn(2, 4, 5, 8), torch.randn(2, 4, 7, 8)
ATTENTION: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "one function": lambda q, k: F.scaled_dot_product_attention(q, k, k),
    "masked": lambda q, k: F.scaled_dot_product_attention(
        q, k, k, attn_mask=torch.ones(5, 7, dtype=torch.bool)
    ),
    "scaled": lambda q, k: F.scaled_dot_product_attention(q, k, k, scale=0.5),
    "without batch": lambda q, k: F.scaled_dot_product_attention(
        q.flatten(0, 1), k.flatten(0, 1), k.flatten(0, 1)
    ),
    "shared keys": lambda q, k: F.scaled_dot_product_attention(
        q, k[:, :2], k[:, :2], enable_gqa=True
    ),
    "by hand": lambda q, k: torch.softmax(q @ k.transpose(2, 3) / 8**0.5, dim=-1) @ k,
}


@pytest.mark.parametrize("values", [False, True], ids=["on meta", "with real kernels"])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention_is_its_two_matrix_products(name: str, values: bool) -> None:
    """However it is called, and whichever kernel runs it."""

    def function(q: Tensor, k: Tensor) -> Tensor:
        if values:
            q.sum().item()
        return ATTENTION[name](q, k)

    traced = call(function, query, key)

    assert traced.real_forward is values
    assert traced.table.macs == attention_macs(2, 4, 5, 7, 8)
    assert traced.table.counts[OpClass.SOFTMAX_ELEMENTS] == 2 * 4 * 5 * 7
    assert traced.unknown_ops == {}


class Memory(nn.Module):
    """Attention to keys and values that are parameters, then self-attention by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(1, 7, 8))
        self.values = nn.Parameter(torch.randn(1, 7, 8))

    def forward(self, x: Tensor) -> Tensor:
        k, v = (p.expand(x.shape[0], -1, -1) for p in (self.keys, self.values))
        y = F.scaled_dot_product_attention(x, k, v)
        return (y @ y.transpose(1, 2)).softmax(-1) @ y


def test_attention_to_parameters_takes_no_later_product_for_its_own() -> None:
    """It is recognised where it is called, not by what follows."""
    rows = trace(Memory(), torch.randn(2, 5, 8)).table.rows
    products = [(row.op, row.macs) for row in rows if row.macs]

    assert products == [
        ("scaled_dot_product_attention", 2 * 2 * 5 * 7 * 8),
        ("matmul", 2 * 5 * 5 * 8),
        ("matmul", 2 * 5 * 5 * 8),
    ]
    assert sum(row.params for row in rows) == 2 * 7 * 8


def test_attention_of_attention() -> None:
    """Two rows, each with its own operands."""
    x = torch.randn(2, 5, 8)
    attention = F.scaled_dot_product_attention
    traced = call(lambda q, v: attention(attention(q, q, v), q, q), x, x + 1)

    assert [row.op for row in traced.table.rows] == ["scaled_dot_product_attention"] * 2
    assert traced.table.macs == 2 * (2 * 2 * 5 * 5 * 8)


@pytest.mark.parametrize("values", [False, True], ids=["on meta", "with real kernels"])
@pytest.mark.parametrize("size", [(1, 4), (1, 1), (2, 1)], ids=str)
def test_a_query_is_counted_for_every_batch_and_head(size: tuple[int, int], values: bool) -> None:
    """Also where it is broadcast."""
    queries = torch.randn(*size, 5, 8)

    def function(q: Tensor, k: Tensor) -> Tensor:
        assert not values or k.sum().item() != 0
        return F.scaled_dot_product_attention(q, k, k)

    assert call(function, queries, key).table.macs == attention_macs(2, 4, 5, 7, 8)


def test_attention_lies_in_memory_as_its_queries() -> None:
    """As torch's kernels write it: heads put side by side again are a view, or a copy."""

    def heads(x: Tensor) -> Tensor:
        return x.view(2, 5, 4, 8).transpose(1, 2)

    def joined(q: Tensor, k: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, k).transpose(1, 2).reshape(2, 5, 32)

    x = torch.randn(2, 5, 32)
    view = call(lambda x: joined(heads(x), heads(x)), x)
    copy = call(lambda x: joined(heads(x).contiguous(), heads(x)), x)

    assert [row.op for row in view.table.rows] == ["scaled_dot_product_attention"]
    assert [row.op for row in copy.table.rows] == ["clone", view.table.rows[0].op, "clone"]


def block_macs(tokens: int, length: int, width: int, heads: int) -> int:
    """Projections of self-attention and its products, for `tokens` in sequences of `length`."""
    batch = tokens // length
    return 4 * tokens * width**2 + attention_macs(batch, heads, length, length, width // heads)


def native_attention(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """The fused kernel that torch takes in inference where nothing watches it."""
    return torch._native_multi_head_attention(
        x, x, x, 16, 4, layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight,
        layer.out_proj.bias, None, False,
    )[0]  # fmt: skip


def native_layer(layer: nn.TransformerEncoderLayer, x: Tensor) -> Tensor:
    """The fused kernel of a whole encoder layer."""
    mha = layer.self_attn
    return torch._transformer_encoder_layer_fwd(
        x, 16, 4, mha.in_proj_weight, mha.in_proj_bias, mha.out_proj.weight, mha.out_proj.bias,
        False, False, 1e-5, layer.norm1.weight, layer.norm1.bias, layer.norm2.weight,
        layer.norm2.bias, layer.linear1.weight, layer.linear1.bias, layer.linear2.weight,
        layer.linear2.bias,
    )  # fmt: skip


def test_multi_head_attention_fused_or_not() -> None:
    """The fused kernel multiplies as much as the module's own ops."""
    layer = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    x = torch.randn(2, 5, 16)
    plain = trace(layer, x, x, x)
    fused = trace(Call(lambda x: native_attention(layer, x), layer=layer), x)

    assert [row.op for row in fused.table.rows] == ["multi_head_attention"]
    assert plain.table.macs == fused.table.macs == block_macs(10, 5, 16, 4)
    assert plain.unknown_ops == fused.unknown_ops == {}


def test_an_encoder_layer_fused_or_not() -> None:
    """Self-attention and two linear layers."""
    layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True).eval()
    x = torch.randn(2, 5, 16)
    plain = trace(layer, x)
    fused = trace(Call(lambda x: native_layer(layer, x), layer=layer), x)

    assert [row.op for row in fused.table.rows] == ["transformer_encoder_layer"]
    assert plain.table.macs == fused.table.macs == block_macs(10, 5, 16, 4) + 2 * 10 * 16 * 24
    assert plain.unknown_ops == fused.unknown_ops == {}


RECURRENT = {
    "rnn": (nn.RNN(8, 6), 1),
    "lstm": (nn.LSTM(8, 6), 4),
    "gru": (nn.GRU(8, 6), 3),
    "two ways": (nn.LSTM(8, 6, bidirectional=True), 8),
}


@pytest.mark.parametrize("values", [False, True], ids=["on meta", "with real kernels"])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name: str, values: bool) -> None:
    """Each gate multiplies input and state once per step, decomposed or in one kernel."""
    layer, gates = RECURRENT[name]
    x = torch.randn(5, 2, 8)

    def function(x: Tensor) -> Tensor:
        if values:
            x.sum().item()
        return layer(x)[0]

    traced = trace(Call(function, layer=layer), x)

    assert traced.table.macs == 5 * 2 * gates * 6 * (8 + 6)
    assert traced.unknown_ops == {}


def test_stacked_layers_read_the_state_below() -> None:
    """The second layer's input is the first one's state, from both directions."""
    traced = trace(nn.GRU(8, 6, num_layers=2, bidirectional=True), torch.randn(5, 2, 8))

    assert traced.table.macs == 10 * 2 * 3 * 6 * ((8 + 6) + (12 + 6))


WORK: dict[str, tuple[Callable[..., Any], OpClass, int]] = {
    "batch norm": (nn.BatchNorm2d(6), OpClass.NORM_ELEMENTS, 768),
    "layer norm": (nn.LayerNorm([8, 8]), OpClass.NORM_ELEMENTS, 768),
    "group norm": (nn.GroupNorm(2, 6), OpClass.NORM_ELEMENTS, 768),
    "instance norm": (nn.InstanceNorm2d(6), OpClass.NORM_ELEMENTS, 768),
    "softmax": (nn.Softmax(1), OpClass.SOFTMAX_ELEMENTS, 768),
    "log softmax": (nn.LogSoftmax(1), OpClass.SOFTMAX_ELEMENTS, 768),
    **{
        kind.__name__: (kind(), OpClass.ACTIVATION_ELEMENTS, 768)
        for kind in (
            nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.Hardsigmoid,
            nn.Hardtanh, nn.ELU, nn.SELU, nn.CELU, nn.LeakyReLU, nn.PReLU, nn.Mish, nn.Softplus,
        )
    },
    "in place": (nn.ReLU(inplace=True), OpClass.ACTIVATION_ELEMENTS, 768),
    "max pool": (nn.MaxPool2d(3, 2, 1), OpClass.MAX_POOL_WINDOWS, 192 * 9),
    "max pool 1d": (lambda x: F.max_pool1d(x[0], 2), OpClass.MAX_POOL_WINDOWS, 192 * 2),
    "max pool 3d": (nn.MaxPool3d(2), OpClass.MAX_POOL_INPUTS, 768),
    "average pool": (nn.AvgPool2d(2), OpClass.AVG_POOL_WINDOWS, 768),
    "average pool 1d": (lambda x: F.avg_pool1d(x[0], 2), OpClass.AVG_POOL_OUTPUTS, 192),
    "average pool 3d": (nn.AvgPool3d(2), OpClass.AVG_POOL_INPUTS, 768),
    "lp pool": (nn.LPPool2d(2, 2), OpClass.AVG_POOL_OUTPUTS, 192),
    "global pool": (nn.AdaptiveAvgPool2d(1), OpClass.GLOBAL_POOL_INPUTS, 768),
    "adaptive pool": (nn.AdaptiveAvgPool2d(3), OpClass.GLOBAL_POOL_OUTPUTS, 108),
    "adaptive pool 3d": (nn.AdaptiveAvgPool3d((1, 2, 2)), OpClass.GLOBAL_POOL_INPUTS, 768),
    # 8 positions in 3 cells: 0-2, 2-5, 5-7, ten in all along each axis.
    "adaptive max pool": (nn.AdaptiveMaxPool2d(3), OpClass.MAX_POOL_WINDOWS, 12 * 10 * 10),
    "interpolation": (nn.Upsample(scale_factor=2), OpClass.INTERPOLATED_ELEMENTS, 3072),
    "bicubic": (lambda x: F.interpolate(x, size=(5, 5), mode="bicubic", antialias=True),
                OpClass.INTERPOLATED_ELEMENTS, 300),
    "grid sample": (lambda x: F.grid_sample(x, torch.zeros(2, 3, 3, 2), align_corners=False),
                    OpClass.INTERPOLATED_ELEMENTS, 108),
    "addition": (lambda x: x + 1, OpClass.ADD_ELEMENTS, 768),
    "product": (lambda x: 2 * x, OpClass.MUL_ELEMENTS, 768),
    "difference": (lambda x: 1 - x, OpClass.ELEMENTWISE_ELEMENTS, 768),
    "comparison": (lambda x: x > 0, OpClass.ELEMENTWISE_ELEMENTS, 768),
    "larger of two": (lambda x: torch.max(x, x), OpClass.ELEMENTWISE_ELEMENTS, 768),
    "sum": (lambda x: x.sum(1), OpClass.REDUCTION_INPUTS, 768),
    "maximum": (lambda x: x.max(1).values, OpClass.REDUCTION_INPUTS, 768),
    "variance": (lambda x: x.var((2, 3)), OpClass.REDUCTION_INPUTS, 768),
    "mean": (lambda x: x.mean((2, 3)), OpClass.MEAN_INPUTS, 768),
    "copy": (lambda x: x.clone(), OpClass.MOVED_ELEMENTS, 768),
    "concatenation": (lambda x: torch.cat([x, x]), OpClass.MOVED_ELEMENTS, 1536),
    "shifted": (lambda x: x.roll(1, 2), OpClass.MOVED_ELEMENTS, 768),
    # 5 steps for each of 768 points and of the 3 halvings of an axis of 8; half for real signals.
    "fft": (lambda x: torch.fft.fft2(x + 0j), OpClass.ELEMENTWISE_ELEMENTS, 5 * 768 * 6),
    "fft of a real signal": (torch.fft.rfft, OpClass.ELEMENTWISE_ELEMENTS, 5 * 768 * 3 // 2),
    "fft to a real signal": (lambda x: torch.fft.irfft(torch.fft.rfft(x, n=7), n=7),
                             OpClass.ELEMENTWISE_ELEMENTS, 2 * (5 * 12 * 8 * 7 * 3 // 2)),
    "substitution": (lambda x: torch.linalg.solve_triangular(x.tril(), x, upper=False),
                     OpClass.ELEMENTWISE_ELEMENTS, 12 * 8 * 8 * 8),
    "squared loss": (lambda x: F.mse_loss(x, x + 1), OpClass.REDUCTION_INPUTS, 768),
    "loss of classes": (lambda x: F.nll_loss(x, torch.ones(2, 8, 8, dtype=torch.long)),
                        OpClass.REDUCTION_INPUTS, 128),
    "ctc loss": (lambda x: F.ctc_loss(x.view(16, 8, 6), torch.ones(8, 3, dtype=torch.long),
                                      (16,) * 8, (3,) * 8),
                 OpClass.REDUCTION_INPUTS, 16 * 8 * (2 * 3 + 1)),
    "distances": (lambda x: torch.cdist(x, x[:, :, :5]), OpClass.REDUCTION_INPUTS, 12 * 8 * 5 * 8),
    "padding": (nn.ReflectionPad2d(1), OpClass.MOVED_ELEMENTS, 1200),
    "pixel shuffle": (lambda x: F.pixel_unshuffle(x, 2), OpClass.MOVED_ELEMENTS, 768),
}  # fmt: skip


@pytest.mark.parametrize("name", WORK)
def test_work_by_class(name: str) -> None:
    """Norms, activations, pools, resampling, arithmetic, reductions and moves; no MAC in any."""
    function, op_class, amount = WORK[name]
    module = function if isinstance(function, nn.Module) else Call(function)
    traced = trace(module, torch.randn(2, 6, 8, 8))

    assert traced.table.counts[op_class] == amount
    assert traced.table.macs == 0
    assert traced.unknown_ops == {}


VIEWS: dict[str, Callable[[Tensor], Any]] = {
    "view": lambda x: x.view(2, -1),
    "flatten": lambda x: x.flatten(1),
    "transpose and index": lambda x: x.transpose(1, 2)[:, ::2, None],
    "permute and unbind": lambda x: x.permute(0, 2, 3, 1).unbind(0),
    "chunk": lambda x: x.chunk(3, dim=1),
    "expand": lambda x: x.expand(2, 6, 8, 8).detach(),
    "dropout": lambda x: F.dropout(x, training=False),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_free(name: str) -> None:
    """They rename what is there."""
    traced = call(VIEWS[name], image)

    assert traced.table.rows == ()
    assert traced.unknown_ops == {}


def test_a_lookup_reads_what_it_fetches() -> None:
    """Not the whole table: 6 indices of 8 bytes, and 6 vectors of 4 floats."""
    (row,) = trace(nn.Embedding(1000, 4), torch.zeros(2, 3, dtype=torch.int64)).table.rows

    assert row.kind is Kind.MOVE
    assert row.params == 4000
    assert (row.read_bytes, row.write_bytes) == (6 * 8 + 6 * 16, 6 * 16)


def test_the_same_tensor_twice_is_read_once() -> None:
    """Two products of equal shapes that read different amounts."""
    rows = call(lambda x: (x * x, x * x.clone()), image).table.rows
    products = [row for row in rows if row.kind is Kind.ELEMENTWISE]

    assert [row.read_bytes for row in products] == [4 * 768, 2 * 4 * 768]
    assert [len(row.inputs) for row in products] == [1, 2]


def test_an_op_without_a_rule_is_unknown() -> None:
    """It is listed with its calls, and neither counted nor taken for free."""
    traced = call(
        lambda x: torch.linalg.eigvalsh(x @ x.mT).sum() + torch.linalg.det(x[0, 0]), image
    )

    assert traced.unknown_ops == {"aten._linalg_eigh": 1, "aten._linalg_det": 1}
    assert traced.table.macs == prod((2, 6, 8, 8, 8))


def test_training_mode_and_batch_are_in_the_row() -> None:
    """Inference unless asked otherwise; None leaves every module as it is."""
    module = nn.Sequential(nn.BatchNorm2d(6), nn.Dropout())
    module[0].eval()

    assert [row.training for row in trace(module, image).table.rows] == [False]
    assert {row.training for row in trace(module, image, training=True).table.rows} == {True}
    mixed = {row.path: row.training for row in trace(module, image, training=None).table.rows}
    assert mixed == {"0": False, "1": True}
    assert {row.output[0] for row in trace(module, image[:1]).table.rows} == {1}
    assert module[0].num_batches_tracked == 0
