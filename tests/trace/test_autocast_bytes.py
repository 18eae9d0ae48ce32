"""What runs under autocast has the types, and so the bytes, that it really has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.trace import Trace

Work = Callable[[nn.ModuleList, Tensor], Tensor]
TOKENS, IMAGE = (2, 5, 8), (2, 3, 10, 10)


class Cast(nn.Module):
    """A function of some modules and one input, under autocast; asked for values it runs."""

    def __init__(self, work: Work, *modules: nn.Module) -> None:
        super().__init__()
        self.work, self.parts = work, nn.ModuleList(modules)

    def forward(self, x: Tensor, ask: bool = False) -> Tensor:
        assert not ask or x.isfinite().all()
        with torch.autocast("cpu", torch.bfloat16):
            return self.work(self.parts, x)


def _chain(parts: nn.ModuleList, x: Tensor) -> Tensor:
    for part in parts:
        x = part(x)
    return x


def _partly(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y = parts[0](x)
    with torch.autocast("cpu", enabled=False):
        z: Tensor = parts[1](y.float())
    return z


def _attended(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = parts[0](x, x, x)[0]
    return y


def _again(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """Which leaves autocast between the two, so that the weight is cast twice."""
    with torch.autocast("cpu", torch.bfloat16):
        y: Tensor = parts[0](parts[0](x))
    return y


CASES: dict[str, tuple[Work, Callable[[], list[nn.Module]], tuple[int, ...]]] = {
    "linear": (_chain, lambda: [nn.Linear(8, 4)], TOKENS),
    "a layer that is called twice": (_again, lambda: [nn.Linear(8, 8)], TOKENS),
    "convolutions": (
        _chain,
        lambda: [
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 2),
        ],
        IMAGE,
    ),
    "transposed convolution": (_chain, lambda: [nn.ConvTranspose2d(3, 4, 3)], IMAGE),
    "norms, which keep their type": (
        _chain, lambda: [nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8)], TOKENS
    ),
    "autocast switched off within": (
        _partly, lambda: [nn.Linear(8, 8), nn.Linear(8, 8)], TOKENS
    ),
    "a product with a weight": (
        lambda parts, x: x @ parts[0].weight, lambda: [nn.Linear(8, 8, bias=False)], TOKENS
    ),
    "attention": (lambda _, x: F.scaled_dot_product_attention(*[x[:, None]] * 3), list, TOKENS),
    "sums of products": (
        lambda _, x: torch.baddbmm(x[:, :, :5], x, x.transpose(1, 2)), list, TOKENS
    ),
    "a loss, in full": (
        lambda parts, x: F.mse_loss(parts[0](x), parts[0](x)), lambda: [nn.Linear(8, 8)], TOKENS
    ),
    "two types side by side": (
        lambda parts, x: torch.cat([parts[0](x), x], 1), lambda: [nn.Linear(8, 8)], TOKENS
    ),
    "halves given": (
        lambda parts, x: parts[0](x.half()), lambda: [nn.Linear(8, 8)], TOKENS
    ),
    "recurrent": (lambda parts, x: parts[0](x)[0], lambda: [nn.GRU(8, 6)], TOKENS),
    "weights that are normed": (
        _chain, lambda: [nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))], TOKENS
    ),
}  # fmt: skip


class _Bytes(TorchDispatchMode):
    """The bytes of each cast, and of what products give, in a real run."""

    def __init__(self) -> None:
        super().__init__()
        self.casts: Counter[int] = Counter()
        self.products: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        first = next((x for x in tree_leaves(out) if isinstance(x, Tensor)), None)
        if first is not None and name == "_to_copy":
            self.casts[first.nbytes] += 1
        elif first is not None and name in _PRODUCTS:
            self.products[first.nbytes] += 1
        return out


_PRODUCTS = frozenset(
    "mm addmm bmm baddbmm convolution _scaled_dot_product_flash_attention_for_cpu".split()
)


def _facts(traced: Trace) -> Iterator[tuple[Any, ...]]:
    for row in traced.table.rows:
        yield (
            row.op,
            row.inputs,
            row.output,
            row.counts,
            row.params,
            row.read_bytes,
            row.write_bytes,
        )


@pytest.mark.parametrize("case", CASES)
def test_as_in_a_real_run(case: str) -> None:
    work, build, shape = CASES[case]
    model, x = Cast(work, *build()).eval(), torch.randn(shape)
    with torch.no_grad(), _Bytes() as real:
        model(x)
    traced = trace(model, x)
    rows = traced.table.rows

    assert Counter(row.write_bytes for row in rows if row.op == "to_copy") == real.casts
    assert Counter(row.write_bytes for row in rows if row.macs) == real.products
    assert traced.real_forward == (case == "recurrent")
    assert sum(row.params for row in rows) == traced.params
    valued = [*_facts(trace(model, x, True))][-len(rows) :]
    assert sorted(map(repr, valued)) == sorted(map(repr, _facts(traced)))


def test_a_layer_by_hand() -> None:
    """Casts of 10 vectors of 8, and once of 8 x 8 weights and 8 biases, which the layer has."""
    traced = trace(
        Cast(lambda parts, x: parts[0](parts[0](x)), nn.Linear(8, 8)), torch.ones(TOKENS)
    )
    found = [(row.op, row.params, row.read_bytes, row.write_bytes) for row in traced.table.rows]

    assert sorted(found) == sorted(
        [
            ("to_copy", 0, 4 * 80, 2 * 80),
            ("to_copy", 0, 4 * 64, 2 * 64),
            ("to_copy", 0, 4 * 8, 2 * 8),
            ("linear", 72, 2 * (80 + 64 + 8), 2 * 80),
            ("linear", 0, 2 * (80 + 64 + 8), 2 * 80),
        ]
    )
    assert traced.table.macs == 2 * 10 * 64


def test_attention_of_several_heads() -> None:
    """Its input is cast once for three projections; a mask of its own is none of the network's."""
    model = Cast(_attended, nn.MultiheadAttention(8, 2, batch_first=True))
    traced = trace(model, torch.ones(TOKENS))
    casts = [row for row in traced.table.rows if row.op == "to_copy"]

    assert sorted(row.write_bytes for row in casts) == sorted(
        [2 * 80, 2 * 192, 2 * 24, 2 * 64, 2 * 8]
    )
    assert {row.write_bytes for row in traced.table.rows if row.macs} == {
        2 * 10 * 24, 2 * 10 * 8, 2 * 2 * 2 * 25
    }  # fmt: skip
    assert traced.table.macs == trace(model.parts[0], *[torch.ones(TOKENS)] * 3).table.macs


def test_outside_of_the_model() -> None:
    """Whoever counts under autocast counts what would run there."""
    with torch.autocast("cpu", torch.float16):
        traced = trace(nn.Linear(8, 8, bias=False), torch.ones(2, 8))
    assert sorted(row.write_bytes for row in traced.table.rows) == [2 * 16, 2 * 16, 2 * 64]
    assert torch.clear_autocast_cache.__module__ != trace.__module__


def test_counters_are_explained() -> None:
    work, build, shape = CASES["norms, which keep their type"]
    found = explain("cast", Cast(work, *build()).eval(), [torch.randn(1, *shape[1:])])
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }
    assert residuals == dict.fromkeys(residuals, 0)
    assert "torch" in residuals
