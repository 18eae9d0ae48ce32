"""Short cuts give what torch's own way gives: the same aten ops, and the same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counting import Row
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.fast.meta import RESULTS

aten = torch.ops.aten


class Attention(nn.Module):
    """A transformer's block, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.qkv = nn.Linear(16, 48)
        self.out = nn.Linear(16, 16, bias=False)
        self.mlp = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Dropout(), nn.Linear(24, 16))
        self.token = nn.Parameter(torch.zeros(1, 1, 16))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        q, k, v = self.qkv(self.norm(x)).reshape(*x.shape[:2], 3, 4, 4).permute(2, 0, 3, 1, 4)
        weights = F.softmax(q @ k.transpose(2, 3), dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        return (x + self.mlp(x)).mean(1)


class Odds(nn.Module):
    """The other functions with a short cut."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x, inplace=True).add(1).mul(2)
        x += F.silu(x) * F.hardswish(x) + F.hardsigmoid(x)
        x = F.relu6(F.hardtanh(x)).sigmoid().tanh()
        a, b = x.chunk(2, dim=1)
        y = torch.cat([a, b.contiguous()], 1).view(2, -1)[:, None].squeeze(1).softmax(-1)
        return torch.relu_(y) + torch.relu(F.max_pool2d(x, 2).sum() + F.avg_pool2d(x, 2).sum())


def networks() -> dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]]:
    """Networks that use every function with a short cut."""
    names = ("shufflenet_v1@g=3,se=true", "resnet18")
    return {
        **{name: (lambda name=name: build(zoo.find(name).spec), (2, 3, 64, 64)) for name in names},
        "attention": (Attention, (2, 5, 16)),
        "odds": (Odds, (2, 4, 6, 6)),
    }


def facts(row: Row) -> tuple[Any, ...]:
    """All but the shapes of a matrix product, which torch flattens to two axes."""
    return (
        row.path,
        row.op,
        row.kind,
        dict(row.counts),
        row.params,
        row.read_bytes,
        row.write_bytes,
        row.kernel,
        row.stride,
        row.groups,
        row.call,
    )


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", networks())
def test_functions_give_the_rows_of_their_aten_ops(
    name: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without the table of functions."""
    make, shape = networks()[name]
    with torch.device(device):
        module, x = make(), torch.ones(shape)
    short = trace(module, x)
    monkeypatch.setenv("SHUFFLENET_FLOPS_FAST", "0")
    long = trace(module, x)

    assert [facts(row) for row in short.table.rows] == [facts(row) for row in long.table.rows]
    assert short.table.macs == long.table.macs
    assert short.unknown_ops == long.unknown_ops == {}


@pytest.mark.parametrize("name", networks())
def test_stand_ins_give_the_rows_of_real_kernels(name: str) -> None:
    """Worked out from shapes, or watched while it runs."""
    make, shape = networks()[name]

    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = make()

        def forward(self, x: Tensor, ask: bool) -> Tensor:
            assert not ask or x.sum().item() > 0
            return self.inner(x)

    module, x = Asking(), torch.ones(shape)
    guessed, watched = trace(module, x, False), trace(module, x, True)

    assert (guessed.real_forward, watched.real_forward) == (False, True)
    assert [facts(row)[:4] for row in guessed.table.rows] == [
        facts(row)[:4] for row in watched.table.rows[1:]
    ]


layouts = st.sampled_from(
    [
        lambda x: x,
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x.transpose(1, 2),
        lambda x: x[:, ::2],
        lambda x: x.half(),
    ]
)
images = st.tuples(*[st.integers(1, 7)] * 4)


def metadata(value: Any) -> Any:
    """Shape, strides and dtype; sizes alone tell nothing of the strides of an axis of size 1."""
    if isinstance(value, tuple):
        return metadata(value[0])
    strides = [s for s, size in zip(value.stride(), value.shape, strict=True) if size > 1]
    return (value.shape, strides, value.dtype)


def agrees(func: Any, *args: Any) -> None:
    """Where our rule has an answer, it is that of torch's kernel."""
    ours = RESULTS[func](*args)
    if ours is not None:
        assert metadata(ours) == metadata(func(*args)), (func, args)


@settings(deadline=None)
@given(images, layouts, st.integers(0, 6), st.integers(1, 3), st.integers(0, 1), st.booleans())
def test_results_are_those_of_torch(
    shape: tuple[int, ...],
    layout: Callable[[Tensor], Tensor],
    axis: int,
    kernel: int,
    padding: int,
    flag: bool,
) -> None:
    """Shapes, strides and dtypes of every rule, on real tensors of many layouts."""
    x = layout(torch.ones(shape))
    axis %= 4
    weight = torch.ones(4, x.shape[1], kernel, kernel, dtype=x.dtype)
    if min(x.shape[2:]) + 2 * padding >= kernel:
        twice = [kernel, kernel], [1 + flag] * 2, [padding] * 2
        agrees(aten.convolution.default, x, weight, None, twice[1], twice[2], [1, 1], False,
               [0, 0], 1)  # fmt: skip
        if 2 * padding <= kernel:
            agrees(aten.max_pool2d_with_indices.default, x, *twice, [1, 1], flag)
            agrees(aten.avg_pool2d.default, x, *twice, flag)
    for func in (aten.relu, aten.sigmoid, aten.gelu, aten.silu, aten.hardtanh, aten.exp):
        agrees(func.default, x)
    plain = torch.ones(x.shape, dtype=x.dtype)
    for other in (2, 0.5, x, x[:, :1], torch.ones(x.shape[-1], dtype=x.dtype), plain):
        agrees(aten.add.Tensor, x, other)
        agrees(aten.mul.Tensor, x, other)
    agrees(aten.mean.dim, x, [axis, axis - 3], flag)
    agrees(aten.sum.dim_IntList, x, [axis, axis - 3], flag)
    agrees(aten._adaptive_avg_pool2d.default, x, [kernel, 1 + flag])
    agrees(aten._softmax.default, x, axis, False)
    agrees(aten.cat.default, [x, x], axis)
    agrees(aten.clone.default, x)
    agrees(aten.bernoulli_.float, torch.empty_like(x), 0.25)
    agrees(aten.constant_pad_nd.default, x, [1, padding], 0.0)
    agrees(aten.linear.default, x, torch.ones(3, x.shape[-1], dtype=x.dtype))
    agrees(aten.native_layer_norm.default, x, list(x.shape[axis:]), None, None, 1e-5)
    statistics = torch.ones(x.shape[1], dtype=x.dtype)
    agrees(aten.native_batch_norm.default, x, None, None, statistics, statistics, False, 0.1, 1e-5)
