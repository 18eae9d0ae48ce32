"""A trace does without each private name of torch and CPython, and says so where it cannot."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import Trace, torch_private, trace

# Where each name stands, and whether there is a trace without it.
OPTIONAL = {
    "_DisableTorchDispatch": "torch._C",
    "DisableTorchFunction": "torch._C",
    "_has_any_global_hook": "torch.nn.modules.module",
    "_call_impl": "torch.nn.Module",
    "opname": "opcode",
    "set_stance": "torch.compiler",
    "_getframe": "sys",
}
NEEDED = {"TorchDispatchMode": "torch.utils._python_dispatch"}


class Small(nn.Module):
    """Layers with and without short cuts, attention, and arithmetic by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Softmax(1))
        self.qkv = nn.Linear(8, 24)
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.body(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).chunk(3, -1)
        tokens = torch.add(tokens, F.scaled_dot_product_attention(q, k, v))
        result: Tensor = self.heads(tokens, tokens, tokens, need_weights=False)[0]
        return result.mean(1)


def small() -> Trace:
    return trace(Small(), torch.ones(2, 3, 8, 8))


def _owner(name: str) -> Any:
    if name == "torch.nn.Module":
        return nn.Module
    return importlib.import_module(name)


@pytest.fixture
def reloaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a function that loads `torch_private` anew as if torch had no such name."""

    def without(name: str, owner: str) -> None:
        with monkeypatch.context() as patch:
            patch.delattr(_owner(owner), name)
            importlib.reload(torch_private)

    yield without
    importlib.reload(torch_private)


def test_the_names_are_there() -> None:
    """Else the test below takes nothing away."""
    for name, owner in (OPTIONAL | NEEDED).items():
        assert hasattr(_owner(owner), name), name


@pytest.mark.parametrize("fast", ["1", "0"])
@pytest.mark.parametrize("name", OPTIONAL)
def test_the_rows_are_the_same_without(
    name: str, fast: str, reloaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing when it is looked for; torch itself goes on using it."""
    monkeypatch.setenv("SHUFFLENET_FLOPS_FAST", fast)
    whole = small()
    reloaded(name, OPTIONAL[name])

    assert small() == whole


def test_without_a_mode_of_aten_ops_the_message_names_it(reloaded: Any) -> None:
    """Importing did not fail."""
    reloaded("TorchDispatchMode", NEEDED["TorchDispatchMode"])

    with pytest.raises(ModelError, match=r"has no torch\.utils.*\.TorchDispatchMode"):
        torch_private.DispatchMode()


def test_without_a_list_of_kernels_the_message_names_it(reloaded: Any) -> None:
    """No op of a file is taken for safe."""
    reloaded("_dispatch_has_kernel", "torch._C")

    with pytest.raises(ModelError, match=r"has no torch\._C\._dispatch_has_kernel"):
        torch_private.has_kernel("aten::add.Tensor")


def test_without_a_schema_the_message_names_it() -> None:
    """Of any op."""
    with pytest.raises(ModelError, match="it has no _schema"):
        torch_private.arguments_of("aten.add")


@pytest.mark.parametrize(
    ("part", "public"),
    [
        ("children_of", "named_children"),
        ("parameters_of", "named_parameters"),
        ("buffers_of", "named_buffers"),
    ],
)
def test_parts_of_a_module_by_its_public_iterators(part: str, public: str) -> None:
    """Where torch keeps them under another name."""
    private, iterated = getattr(torch_private, part), torch_private._parts("_missing", public)
    for module in Small().modules():
        kept = {name: value for name, value in private(module).items() if value is not None}
        assert iterated(module) == kept


def test_hooks_that_cannot_be_seen_are_taken_for_there() -> None:
    """Then a layer runs its own code."""
    layer = nn.ReLU()
    assert not torch_private.has_hooks(vars(layer))
    del vars(layer)["_backward_hooks"]
    assert torch_private.has_hooks(vars(layer))
