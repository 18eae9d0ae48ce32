"""Kinds of models that people report other counters wrong on; MACs by hand."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.utils._python_dispatch import TorchDispatchMode

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import trace


class Calls(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a = nn.Linear(8, 4)
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)


def forces(self: Calls, x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(self.a(x).sum(), x)[0]


def grown(self: Calls, x: Tensor) -> Tensor:
    y = torch.tensor([])
    for _ in range(2):
        y = torch.cat([y, self.a(x)], dim=1)
    return y


def _hooked(layer: nn.Module, x: Tensor, hook: Callable[..., Any]) -> Tensor:
    handle = layer.register_forward_hook(hook)
    y: Tensor = layer(x)
    handle.remove()
    return y


Floats = torch.FloatTensor
ONE = 3 * 8 * 4  # MACs of the layer on three rows
x = torch.ones(3, 8)
KINDS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "vmap": (lambda self, x: torch.vmap(self.a)(x), (torch.ones(5, 3, 8),), 5 * ONE),
    "func.grad": (lambda self, x: torch.func.grad(lambda y: self.a(y).sum())(x), (x,), 2 * ONE),
    "autograd.grad": (forces, (x,), 2 * ONE),
    "empty cat": (grown, (x,), 2 * ONE),
    "device": (lambda self, x: self.a(x) if x.device.type == "cpu" else x, (x,), ONE),
    "is_meta": (lambda self, x: x if x.is_meta or x.is_cuda else self.a(x), (x,), ONE),
    "type": (lambda self, x: self.a(x) if x.type() == "torch.FloatTensor" else x, (x,), ONE),
    "isinstance": (lambda self, x: self.a(x) if isinstance(x, torch.FloatTensor) else x, (x,), ONE),
    "an imported type": (lambda self, x: self.a(x) if isinstance(x, Floats) else x, (x,), ONE),
    "storage": (
        lambda self, x: self.a(x) if x.untyped_storage().device.type == "cpu" else x,
        (x,),
        ONE,
    ),
    "typed storage": (
        lambda self, x: x if x.storage().is_cuda or x.storage().get_device() >= 0 else self.a(x),
        (x,),
        ONE,
    ),
    "a storage of its own": (
        lambda self, x: (
            self.a(x)
            if (x + 1).untyped_storage().data_ptr()
            != x.untyped_storage().data_ptr()
            == x.data_ptr()
            else x
        ),
        (x,),
        ONE,
    ),
    "a copy in forward": (lambda self, x: self.a(deepcopy(x)), (x,), ONE),
    # In inference mode torch hands over whole what it takes apart elsewhere.
    "inference mode": (
        lambda self, x: torch.inference_mode()(
            lambda: (
                F.conv_transpose2d(x[None, None], torch.ones(1, 1, 3, 3)).sum()
                + torch.einsum("ij,kj->ik", self.a(x).mT, torch.ones(2, 3)).sum()
            )
        )(),
        (x,),
        3 * 8 * 9 + ONE + 4 * 3 * 2,
    ),
    "a hook of its own": (
        lambda self, x: _hooked(self.a, x, lambda layer, args, y: y @ torch.ones(4, 5)),
        (x,),
        ONE + 3 * 4 * 5,
    ),
    "no other type": (
        lambda self, x: (
            x if isinstance(x, torch.DoubleTensor | torch.cuda.FloatTensor) else self.a(x)
        ),
        (x,),
        ONE,
    ),
    "made by a type": (lambda self, x: self.a(x * torch.FloatTensor([2.0])), (x,), ONE),
    "cast by a name": (lambda self, x: self.a(x.double().type("torch.FloatTensor")), (x,), ONE),
    "cast by a type": (lambda self, x: self.a(x.double().type(torch.FloatTensor)), (x,), ONE),
    "format": (lambda self, x: self.a(x) if f"{x.mean():.1f}" else x, (x,), ONE),
    "index": (lambda self, x, n: self.a(x[: n.max()]), (x, torch.tensor([2, 1])), 2 * 8 * 4),
    "generator": (lambda self, x: (self.a(x) for _ in range(3)), (x,), 3 * ONE),
    # The function is kept by the error that leads to the run on real values.
    "item in a closure": (
        lambda self, x: (lambda: (lambda: x.sum().item() and self.a(x))())(),
        (x,),
        ONE,
    ),
    "cond": (lambda self, x: torch.cond(x.sum() > 0, self.a, self.a, (x,)), (x,), ONE),
    "sparse in forward": (
        lambda self, x, a: torch.eye(3).to_sparse_csr() @ self.a(x) + a.to_sparse() @ self.a(x),
        (x, torch.eye(3)),
        2 * (ONE + 3 * 4),
    ),
    "sparse": (lambda self, x, a: a @ self.a(x), (x, torch.eye(3).to_sparse()), ONE + 3 * 4),
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("name", KINDS)
def test_macs_by_hand(name: str) -> None:
    function, inputs, macs = KINDS[name]
    traced = trace(Calls(function), *inputs)

    assert traced.table.macs == macs
    assert traced.unknown_ops == {}


def test_the_process_is_as_it_was() -> None:
    """Settings that a forward pass changes are put back."""

    def change(self: Calls, x: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(True)
        torch.manual_seed(7)
        return torch.rand(3)

    model = Calls(change)
    before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state().tolist()
    trace(model, x)

    assert before == (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_is_refused_in_words(layout: torch.layout) -> None:
    """Its parts have 5 and 3 rows; no one shape stands for both."""
    parts = [torch.randn(5, 8), torch.randn(3, 8)]
    nested = torch.nested.nested_tensor(parts, layout=layout)

    with pytest.raises(ModelError, match=r"nested tensor.*to_padded_tensor"):
        trace(nn.Linear(8, 4), nested)


def test_a_type_is_torchs_own_again_after_a_trace() -> None:
    """Of a module that was traced, too."""
    real = torch.empty(0).__class__
    before = (torch.FloatTensor, torch.cuda.FloatTensor, Floats)
    trace(Calls(lambda self, x: self.a(x)), x)
    assert (torch.FloatTensor, torch.cuda.FloatTensor, Floats) == before
    assert isinstance(real(), torch.FloatTensor)
    assert not isinstance(torch.empty(1, device="meta"), torch.FloatTensor)


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda self, x: self.a(x) if x.sum() < 1e9 else x, "control flow asked"),
        (lambda self, x: self.a(x[x[:, 0] > -1e9]), "control flow asked for values"),
        (lambda self, x: self.a(x) * float(torch.special.i0(x).tolist()[0][0]), "control flow"),
    ],
)
def test_the_reason_of_a_real_run(function: Callable[..., Any], cause: str) -> None:
    """With the seed of the inputs, on which the count may depend."""
    traced = trace(Calls(function), x)
    assert traced.real_forward
    assert cause in traced.real_because
    assert f"seed {torch.initial_seed()}" in traced.real_because
    assert trace(Calls(lambda self, x: self.a(x)), x).real_because == ""


def test_inputs_of_no_values_are_random_and_the_same_each_time() -> None:
    """Half of them are kept, as of noise, not all as of ones; another seed keeps others."""
    empty = torch.empty(1000, 8, device="meta")

    def kept(seed: int) -> int:
        torch.manual_seed(seed)
        return trace(Calls(lambda self, x: self.a(x[x[:, 0] > 0])), empty).table.macs // (8 * 4)

    assert 400 < kept(1) < 600
    assert kept(1) == kept(1) != kept(2)


ATTENDED = 2 * 2 * 128 * 128 * 16  # two heads, two products of 128x128 by 16
FLEX: dict[str, Callable[..., Any]] = {
    "plain": lambda q: flex_attention(q, q, q),
    "scores changed": lambda q: flex_attention(q, q, q, score_mod=lambda s, b, h, i, j: s + i - j),
    "masked": lambda q: flex_attention(
        q, q, q, block_mask=create_block_mask(lambda b, h, i, j: i >= j, 1, 1, 128, 128, "cpu")
    ),
    "heads shared": lambda q: flex_attention(q, q[:, :1], q[:, :1], enable_gqa=True),
    "with sums": lambda q: flex_attention(q, q, q, return_lse=True)[0],
}


@pytest.mark.filterwarnings("ignore:flex_attention called without", "ignore:return_lse is")
@pytest.mark.parametrize("kind", FLEX)
def test_flex_attention(kind: str) -> None:
    """Counted as attention; masked blocks count as the rest, as in other fused kernels."""
    traced = trace(Calls(lambda self, q: FLEX[kind](q)), torch.ones(1, 2, 128, 16))
    assert traced.table.macs == ATTENDED
    assert not traced.unknown_ops


class Products(TorchDispatchMode):
    """Adds up the MACs of products of matrices that torch itself runs."""

    macs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        y = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            self.macs += y.numel() * args[-2].shape[-1]
        return y


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own use of it
@pytest.mark.parametrize("transform", [torch.func.hessian, torch.func.jacrev, torch.func.jacfwd])
def test_derivatives_of_derivatives(transform: Any) -> None:
    """As many products as torch runs; what its decompositions do besides is known."""

    def function(self: Calls, x: Tensor) -> Any:
        return transform(lambda y: self.a(y).sin().sum())(x[0])

    model = Calls(function)
    traced = trace(model, x)
    with Products() as products:
        model(x)

    assert traced.table.macs == products.macs >= 2 * 8 * 4
    assert traced.unknown_ops == {}
