"""Modules as they come: scripted, compiled, shared, hooked, caching, asking for values."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import trace
from tests.trace.test_user_modules import assert_unchanged, snapshot

ONE = 64 * 3 * 3 * 9  # MACs of `conv()` on an 8x8 image


def conv() -> nn.Conv2d:
    return nn.Conv2d(3, 3, 3, padding=1)


class With(nn.Module):
    """A function of a module and its inputs, with a convolution at hand."""

    def __init__(self, function: Callable[..., Any], **attributes: Any) -> None:
        super().__init__()
        self.function = function
        self.conv = conv()
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def hooked() -> nn.Module:
    module = nn.Sequential(conv(), conv())
    module[0].register_forward_hook(lambda module, args, output: output * 2)
    module[1].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    return module


def shared() -> nn.Module:
    one = conv()
    return nn.Sequential(one, nn.Sequential(one), one)


def inplace_view(self: With, x: Tensor) -> Tensor:
    y = self.conv(x)
    y[:, 0].add_(1)
    y[..., 0] = 2.0
    y.transpose(1, 2)[0].relu_()
    return y


def cached(self: With, x: Tensor) -> Tensor:
    self.last = self.conv(x)
    self.seen.append(self.last)
    self.by_name["last"] = self.last
    return self.last


def hooking(self: With, x: Tensor) -> Tensor:
    self.conv.register_forward_hook(lambda module, args, output: None)
    return self.conv(x)


image = torch.randn(1, 3, 8, 8)


def changed_constant(self: With, x: Tensor) -> list[Tensor]:
    steps = torch.tensor(1)
    steps += 2
    return [self.conv(x) for _ in range(int(steps))]


META_ONLY: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], int]] = {
    "scripted": (lambda: torch.jit.script(nn.Sequential(conv(), nn.Dropout())), (image,), ONE),
    "scripted within": (
        lambda: nn.Sequential(conv(), torch.jit.script(nn.Sequential(conv(), nn.BatchNorm2d(3)))),
        (image,),
        2 * ONE,
    ),
    "traced": (lambda: torch.jit.trace(conv().eval(), image), (image,), ONE),
    "compiled": (lambda: torch.compile(conv()), (image,), ONE),
    "shared": (shared, (image,), 3 * ONE),
    "hooked": (hooked, (image,), 2 * ONE),
    "hooking itself": (lambda: With(hooking), (image,), ONE),
    "weight norm": (lambda: parametrizations.weight_norm(conv()), (image,), ONE),
    "a parameter twice": (
        lambda: With(lambda self, x: F.conv2d(self.conv(x), self.conv.weight, padding=1)),
        (image,),
        2 * ONE,
    ),
    "a plain tensor": (
        lambda: With(lambda self, x: F.conv2d(x, self.weight), weight=torch.randn(3, 3, 1, 1)),
        (image,),
        64 * 9,
    ),
    "made on the CPU": (
        lambda: With(
            lambda self, x: self.conv(x) * torch.arange(8.0, device="cpu") + torch.zeros(8)
        ),
        (image,),
        ONE,
    ),
    "views in place": (lambda: With(inplace_view), (image,), ONE),
    "caching": (lambda: With(cached, seen=[], by_name={}), (image,), ONE),
    "checkpoint": (
        lambda: With(lambda self, x: checkpoint(self.conv, x, use_reentrant=False)),
        (image,),
        ONE,
    ),
    "a dict, and lists within": (
        lambda: With(lambda self, d: {"y": [self.conv(x) for x in d["x"]]}),
        ({"x": [image, image]},),
        2 * ONE,
    ),
    "two inputs": (lambda: With(lambda self, x, y: self.conv(x) + y), (image, image), ONE),
    "channels last": (conv, (image.to(memory_format=torch.channels_last),), ONE),
    "half": (lambda: nn.Sequential(conv(), nn.BatchNorm2d(3)).half(), (image.half(),), ONE),
    "bfloat16": (lambda: conv().bfloat16(), (image.bfloat16(),), ONE),
    "values worked out from constants": (
        lambda: With(
            lambda self, x: [self.conv(x) for _ in torch.linspace(0, 1, 3).tolist()],
        ),
        (image,),
        3 * ONE,
    ),
    "changed constant": (lambda: With(changed_constant), (image,), 3 * ONE),
    "a constant's values": (
        lambda: With(lambda self, x: [self.conv(x) for _ in torch.tensor([4, 2]).tolist()]),
        (image,),
        2 * ONE,
    ),
}


ASKING: dict[str, tuple[Callable[..., Any], int]] = {
    "item": (lambda self, x: self.conv(x if x.mean().item() > 9 else self.conv(x)), 2 * ONE),
    "condition": (lambda self, x: self.conv(x if (x > 9).any() else self.conv(x)), 2 * ONE),
    "nonzero": (lambda self, x: self.conv(x)[torch.nonzero(x > 9)], ONE),
    "mask": (lambda self, x: self.conv(x)[x > 9], ONE),
    "array": (lambda self, x: self.conv(x) * float(x.numpy().sum()), ONE),
    "parameter": (lambda self, x: self.conv(x) * self.conv.bias[0].item(), ONE),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("name", META_ONLY)
def test_traced_without_values_and_left_untouched(name: str) -> None:
    """The MACs by hand; twice the same; everything of the module as it was."""
    make, inputs, macs = META_ONLY[name]
    module = make()
    before = snapshot(module)
    first, second = trace(module, *inputs), trace(module, *inputs)

    assert first.table.macs == macs
    assert first == second
    assert not first.real_forward
    assert first.unknown_ops == {}
    assert_unchanged(before, snapshot(module))


@pytest.mark.parametrize("name", ASKING)
def test_control_flow_that_asks_for_values(name: str) -> None:
    """A copy is run for real; the original is not even looked at."""
    function, macs = ASKING[name]
    module = With(function).train()
    before = snapshot(module)
    traced = trace(module, image)

    assert traced.real_forward
    assert traced.table.macs == macs
    assert traced.unknown_ops == {}
    assert_unchanged(before, snapshot(module))


def test_packed_sequences_need_their_lengths() -> None:
    """Steps beyond a sequence's end are not computed, nor counted."""

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(4, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            packed = nn.utils.rnn.pack_padded_sequence(x, [5, 3], batch_first=True)
            return self.rnn(packed)[0].data

    traced = trace(Packed(), torch.randn(2, 5, 4))

    assert traced.real_forward
    assert traced.table.macs == 8 * 9 * (4 + 3)


def test_values_that_do_not_exist() -> None:
    """A model on the meta device has none, and the message says what would work."""
    with torch.device("meta"):
        module = With(ASKING["item"][0])
    with pytest.raises(ModelError, match="build it on the CPU"):
        trace(module, image)


def test_keyword_inputs() -> None:
    """They are inputs like the others."""
    module = With(lambda self, x, *, scale: self.conv(x) * scale)

    assert trace(module, image, kwargs={"scale": image}).table.macs == ONE


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_scripted_module_keeps_its_mode() -> None:
    """Its training flag lives in C++."""
    module = torch.jit.script(nn.Sequential(conv(), nn.BatchNorm2d(3))).train()
    statistics = module[1].running_mean.clone()
    rows = trace(module, image).table.rows

    assert module.training
    assert module[1].training
    assert torch.equal(module[1].running_mean, statistics)
    assert [row.training for row in rows] == [False, False]


def test_what_a_forward_pass_stores_is_taken_back() -> None:
    """Attributes, and the lists, dicts and sets among them."""
    kept = torch.ones(1)
    module = With(cached, seen=[kept], by_name={"first": kept})
    seen, by_name = module.seen, module.by_name
    trace(module, image)

    assert not hasattr(module, "last")
    assert module.seen is seen
    assert [id(x) for x in seen] == [id(kept)]
    assert {key: id(x) for key, x in by_name.items()} == {"first": id(kept)}


def test_a_failure_takes_everything_back() -> None:
    """Also what was stored before it."""

    def fails(self: With, x: Tensor) -> Tensor:
        cached(self, x)
        torch.rand(3)
        random.random()
        raise ValueError("enough")

    module = With(fails, seen=[], by_name={}).train()
    before, states = snapshot(module), (random.getstate(), str(np.random.get_state()))
    with pytest.raises(ModelError, match="enough"):
        trace(module, image)

    assert_unchanged(before, snapshot(module))
    assert states == (random.getstate(), str(np.random.get_state()))
    assert module.seen == []


def test_random_numbers_drawn_in_a_forward_pass_are_put_back() -> None:
    """Those of torch, Python and numpy."""

    def draws(self: With, x: Tensor) -> Tensor:
        x.sum().item()
        return self.conv(x) * torch.rand(1) * random.random() * float(np.random.rand())

    module = With(draws)
    states = (torch.get_rng_state(), random.getstate(), str(np.random.get_state()))
    assert trace(module, image).real_forward

    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), str(np.random.get_state()))


def test_no_gradient_is_left() -> None:
    """Inputs and parameters that want gradients get none."""
    module, x = conv(), image.clone().requires_grad_()
    trace(module, x)

    assert x.grad is None
    assert module.weight.grad is None
    assert torch.is_grad_enabled()


def test_weights_tied_to_an_embedding_are_counted_once() -> None:
    """Its table is the classifier's matrix."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 4)

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(self.embed(x), self.embed.weight)

    traced = trace(Tied(), torch.zeros(2, 3, dtype=torch.int64))

    assert [row.params for row in traced.table.rows] == [40, 0]
    assert traced.table.macs == 6 * 4 * 10
    assert traced.params == 40
