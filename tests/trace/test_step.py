"""A training step that was traced: every purpose worked out by hand, and the model left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counting.backward import TrainingStep
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace.trace import trace
from tests.support.torch_versions import checkpoint_without_reentrance


class Net(nn.Module):
    """Modules, and a forward pass that uses them."""

    def __init__(self, run: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


def step(model: nn.Module, *inputs: Any, **patterns: tuple[str, ...]) -> TrainingStep:
    traced = trace(model, *inputs, training=True, step=Trained(**patterns))
    assert traced.step is not None
    assert not traced.step.unknown_ops
    return traced.step


def parts(model: nn.Module, *inputs: Any, **patterns: tuple[str, ...]) -> tuple[int, int, int]:
    """MACs by weights, by inputs, and done again."""
    weights, inputs_, again = step(model, *inputs, **patterns).parts.values()
    return weights, inputs_, again


def x(*shape: int) -> Tensor:
    return torch.randn(shape)


LINEAR = 3 * 4 * 4  # of three samples through a layer of 4 by 4


def layer() -> nn.Linear:
    return nn.Linear(4, 4)


def _without_grad(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = net.a(x)
    return net.b(y)  # type: ignore[no-any-return] # a module of the test's


class Scaled(torch.autograd.Function):
    """A product whose gradients are written by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return gradients[0] @ weight.t(), x.t() @ gradients[0]


CASES: dict[str, tuple[nn.Module, tuple[Tensor, ...], tuple[int, int, int]]] = {
    "a layer alone": (layer(), (x(3, 4),), (LINEAR, 0, 0)),
    "two layers": (nn.Sequential(layer(), layer()), (x(3, 4),), (2 * LINEAR, LINEAR, 0)),
    "a shared layer, whose gradients add up": (
        Net(lambda net, x: net.a(net.a(x)), a=layer()), (x(3, 4),), (2 * LINEAR, LINEAR, 0)
    ),
    "detach": (
        Net(lambda net, x: net.b(net.a(x).detach()), a=layer(), b=layer()),
        (x(3, 4),),
        (LINEAR, 0, 0),
    ),
    "no_grad": (Net(_without_grad, a=layer(), b=layer()), (x(3, 4),), (LINEAR, 0, 0)),
    "an output that is not used": (
        Net(lambda net, x: (net.a(x), net.b(x))[1], a=layer(), b=layer()),
        (x(3, 4),),
        (LINEAR, 0, 0),
    ),
    "two outputs": (
        Net(lambda net, x: {"a": net.a(x), "b": [net.b(x)]}, a=layer(), b=layer()),
        (x(3, 4),),
        (2 * LINEAR, 0, 0),
    ),
    "a transposed convolution in groups": (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)),
        (x(1, 3, 5, 5),),
        (25 * 12 + 25 * 4 * 3 * 9, 25 * 4 * 3 * 9, 0),
    ),
    "a dilated one in groups": (
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 3, groups=2, dilation=2)),
        (x(1, 4, 6, 6),),
        (36 * 16 + 4 * 8 * 2 * 9, 4 * 8 * 2 * 9, 0),
    ),
    "a product of two activations": (
        Net(lambda net, x: torch.einsum("ij,kj->ik", net.a(x), net.a(x)), a=layer()),
        (x(3, 4),),
        (2 * LINEAR, 2 * 3 * 3 * 4, 0),
    ),
    "a weight that is worked out": (
        Net(lambda net, x: F.linear(net.a(x), 2 * net.b.weight), a=layer(), b=nn.Linear(4, 5)),
        (x(3, 4),),
        (LINEAR + 3 * 20, 3 * 20, 0),
    ),
    "a table that is also a layer": (
        Net(lambda net, x: F.linear(net.a(x), net.a.weight), a=nn.Embedding(9, 4)),
        (torch.zeros(1, 3, dtype=torch.long),),
        (3 * 36, 3 * 36, 0),
    ),
    "a sparse table": (
        Net(lambda net, x: net.b(net.a(x)), a=nn.Embedding(9, 4, sparse=True), b=layer()),
        (torch.zeros(1, 3, dtype=torch.long),),
        (LINEAR, LINEAR, 0),
    ),
    "a function of its own": (
        Net(lambda net, x: Scaled.apply(net.a(x), net.w), a=layer(), w=nn.Parameter(x(4, 5))),  # type: ignore[no-untyped-call] # torch's
        (x(3, 4),),
        (LINEAR + 60, 60, 0),
    ),
    # Of the first step's state no gradient is asked.
    "what an LSTM does, 2 steps of 4 gates": (
        nn.LSTM(4, 4), (x(2, 3, 4),), (2 * 3 * 16 * 8, 3 * 16 * 4, 0)
    ),
    # Scores and values of 5 by 5 in 2 heads of 4: each product comes back twice, the scores again.
    "attention": (
        Net(lambda net, q: net.a(q, q, q, need_weights=False)[0],
            a=nn.MultiheadAttention(8, 2, batch_first=True)),
        (x(1, 5, 8),),
        (4 * 5 * 64, 5 * 64 + 4 * 200, 200),
    ),
    "attention with a trained mask, which is not fused": (
        Net(lambda net, q: F.scaled_dot_product_attention(q, q, q, attn_mask=net.mask),
            mask=nn.Parameter(x(5, 5))),
        (x(1, 2, 5, 4),),
        (0, 200, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_purposes(name: str) -> None:
    model, inputs, expected = CASES[name]

    assert parts(model, *inputs) == expected


class _Slots:
    __slots__ = ("_more", "first")

    def __init__(self, first: Tensor, more: Any) -> None:
        self.first, self._more = first, more


class _Child(_Slots):
    __slots__ = "last"  # one, as a name by itself

    def __init__(self, first: Tensor, more: Any) -> None:
        super().__init__(first, more)
        self.last = self


@dataclass(slots=True)
class _Inner:
    y: Tensor
    words: str = "of it"


@dataclass(frozen=True, slots=True)
class _Outer:
    inner: _Inner
    others: tuple[Any, ...]


def _lazy(net: Any, x: Tensor) -> Iterator[Tensor]:
    yield net.a(x)
    yield net.b(x)


RETURNS: dict[str, Callable[[Any, Tensor], Any]] = {
    "a set": lambda net, x: {net.a(x), net.b(x)},
    "a generator": _lazy,
    "a generator in a dict": lambda net, x: {"ys": [_lazy(net, x)]},
    "slots": lambda net, x: _Slots(net.a(x), {"b": [net.b(x)]}),
    "slots of a base class, and itself": lambda net, x: _Child(net.a(x), net.b(x)),
    "dataclasses within each other": lambda net, x: _Outer(_Inner(net.a(x)), (_Inner(net.b(x)),)),
    "attributes, and the module itself": lambda net, x: SimpleNamespace(
        y=net.a(x), more=(net.b(x),), net=net
    ),
}


@pytest.mark.parametrize("name", RETURNS)
def test_gradients_start_at_all_that_is_returned(name: str) -> None:
    """Both layers are reached, at the input of neither of which a gradient is wanted."""
    net = Net(RETURNS[name], a=layer(), b=layer())

    assert parts(net, x(3, 4)) == (2 * LINEAR, 0, 0)
    assert step(net, x(3, 4)).params == 2 * 20


@pytest.mark.parametrize(
    ("reentrant", "again"),
    # The reentrant way runs the block again; the other stops where the last tensor is there, which
    # is the last layer's input.
    [(True, 2 * LINEAR), pytest.param(False, LINEAR, marks=checkpoint_without_reentrance)],
)
def test_what_a_checkpoint_runs_again(reentrant: bool, again: int) -> None:
    def run(net: Any, x: Tensor) -> Any:
        return net.c(checkpoint(net.b, net.a(x), use_reentrant=reentrant))

    net = Net(run, a=layer(), b=nn.Sequential(layer(), nn.Tanh(), layer()), c=layer())
    traced = step(net, x(3, 4))

    assert tuple(traced.parts.values()) == (4 * LINEAR, 3 * LINEAR, again)
    assert traced.hardware_macs == traced.macs + again
    assert {row.path for row in traced.backward} == {"a", "b.0", "b.2", "c"}


def test_frozen_layers() -> None:
    """By the model itself, and by patterns."""
    net = nn.Sequential(layer(), layer(), layer())
    net[0].requires_grad_(False)

    assert parts(net, x(3, 4)) == (2 * LINEAR, LINEAR, 0)
    assert parts(net, x(3, 4), freeze=("1",)) == (LINEAR, 0, 0)
    assert parts(net, x(3, 4), train=("0", "1.bias")) == (LINEAR, 2 * LINEAR, 0)
    assert step(net, x(3, 4)).params == 2 * 20


def test_parameters_that_no_gradient_reaches_are_not_trained() -> None:
    """Nor does an optimiser change them: what is cut off, or given back by nobody, or not used."""
    cut = Net(lambda net, x: net.b(net.a(x).detach()), a=layer(), b=layer())
    unused = Net(lambda net, x: (net.a(x), net.b(x))[1], a=layer(), b=layer(), c=layer())
    shared = layer()
    twice = Net(lambda net, x: net.b(net.a(x).detach()), a=shared, b=shared)

    assert step(cut, x(3, 4)).params == 20
    assert step(unused, x(3, 4)).params == 20
    assert step(twice, x(3, 4)).params == 20
    decides = Net(lambda net, x: net.a(x) if x.sum() < 1e9 else net.b(x), a=layer(), b=layer())
    assert step(decides, x(3, 4)).params == 20  # on real values, of a copy


def test_an_input_that_wants_a_gradient_gets_one() -> None:
    assert parts(layer(), x(3, 4).requires_grad_()) == (LINEAR, LINEAR, 0)


def test_control_flow_that_asks_for_values_is_run_with_real_kernels() -> None:
    net = Net(lambda net, x: net.a(x) if x.sum() < 1e9 else x, a=layer())
    traced = trace(net, x(3, 4), training=True, step=Trained())

    assert traced.real_forward
    assert traced.step is not None
    assert tuple(traced.step.parts.values()) == (LINEAR, 0, 0)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_model_is_left_as_it_was(device: str) -> None:
    """Its parameters, gradients, buffers and modes, and which parameters want gradients."""
    net = nn.Sequential(layer(), nn.BatchNorm1d(4), nn.Dropout(), nn.LSTM(4, 4)).to(device).eval()
    net[0].bias.requires_grad_(False)
    net[0].weight.grad = kept = torch.zeros(4, 4, device=device)
    before = list(net.parameters())
    state = copy.deepcopy(net.state_dict())
    run = Net(lambda self, x: self.net(x)[0], net=net)

    assert parts(run, torch.empty(3, 4, device=device))[0] > 0
    assert all(a is b for a, b in zip(net.parameters(), before, strict=True))
    assert net[0].weight.grad is kept
    assert all(param.grad is None for param in before[1:])
    assert [param.requires_grad for param in before] == [True, False, *[True] * 6]
    assert not net[1].training
    if device == "cpu":
        assert all(torch.equal(net.state_dict()[name], value) for name, value in state.items())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_a_scripted_model_is_counted_on_a_copy() -> None:
    net = torch.jit.script(nn.Sequential(layer(), layer()))  # type: ignore[no-untyped-call] # torch's

    assert parts(net, x(3, 4)) == (2 * LINEAR, LINEAR, 0)
    assert all(param.grad is None for param in net.parameters())


CANNOT: dict[str, tuple[nn.Module, str]] = {
    "it has no parameters": (nn.ReLU(), "it has no parameters"),
    "frozen": (layer().requires_grad_(False), "all its parameters are frozen"),
    "whole numbers": (
        Net(lambda net, x: net.a(x).argmax(-1), a=layer()), "it returns int64 alone"
    ),
    "cut off": (
        Net(lambda net, x: net.a(x).detach(), a=layer()), "no output depends on a parameter"
    ),
    "nothing": (Net(lambda net, x: None, a=layer()), "it returns no tensor"),
    "in place on a leaf": (
        Net(lambda net, x: net.w.add_(1) * x, w=nn.Parameter(x(4))),
        r"forward pass failed at add_\(4\): a leaf Variable that requires grad",
    ),
    "in place on what is kept for the gradient": (
        Net(lambda net, x: net.a(x).sigmoid().mul_(2), a=layer()),
        r"backward pass failed.* modified by an inplace operation",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_differentiated_is_said_in_one_line(name: str) -> None:
    model, message = CANNOT[name]

    with pytest.raises(ModelError, match=message) as error:
        step(model, x(3, 4))
    assert "\n" not in str(error.value)
