"""Layers and parameters that are shared, unused, frozen or held where nobody looks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.trace import trace
from tests.cases.reports import Calls, Report, check, x


class Net(nn.Module):
    """A layer that may be another's too."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


class Both(Net):
    """Its layer, and the same in a block of its own."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__(linear)
        self.block = Net(linear)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(self.linear(x))
        return out


class Activated(nn.Module):
    """Two layers, and an activation that other blocks have too."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.activation(layer(x))
        return x


class PastCall(nn.Module):
    """`forward` is called, and not the module."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = Net(nn.Linear(3, 5)), nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.layer.forward(x))
        return out


class Tied(nn.Module):
    """Words in, words out, by one table."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(20, 8), nn.Linear(8, 20, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, words: Tensor) -> Tensor:
        out: Tensor = self.head(self.embedding(words))
        return out


def shared() -> nn.Module:
    linear = nn.Linear(10, 10)
    return nn.Sequential(Net(linear), Net(linear))


def one_activation() -> nn.Module:
    activation = nn.ReLU()
    return nn.Sequential(*(Activated(activation) for _ in range(3)))


def siamese(parts: nn.ModuleList, a: Tensor, b: Tensor) -> Tensor:
    out: Tensor = parts[1](parts[0](a) - parts[0](b))
    return out


def frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    return model


WORDS = torch.ones(1, 5, dtype=torch.long)
REPORTS: dict[str, Report] = {
    "Lyken17/pytorch-OpCounter 98: four times a layer that two hold": Report(
        2 * 10 * 10, shared, (x(1, 10),), params=110
    ),
    "Lyken17/pytorch-OpCounter 30: one activation for all": Report(
        3 * 2 * 4 * 4, one_activation, (x(1, 4),)
    ),
    "Lyken17/pytorch-OpCounter 75: a layer that is not called": Report(
        4 * 27 * 36,
        lambda: Calls(lambda parts, x: parts[0](x), nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)),
        (x(1, 3, 8, 8),),
        params=112 + 148,
    ),
    "sovrasov/flops-counter.pytorch 106: a layer passed to a block": Report(
        2 * 20 * 10 * 10, lambda: Both(nn.Linear(10, 10)), (x(1, 20, 10),), params=110
    ),
    "sovrasov/flops-counter.pytorch 75: parameters that are frozen": Report(
        8 * 4 + 4 * 2, frozen, (x(1, 8),), params=36 + 10
    ),
    "TylerYep/torchinfo 396: 160 parameters of 120": Report(
        96, one_activation, (x(1, 4),), params=120
    ),
    "TylerYep/torchinfo 366: layers whose call is gone past": Report(
        32 * (3 * 5 + 5 * 5), PastCall, (x(32, 3),), params=20 + 30
    ),
    "TylerYep/torchinfo 377: a table for words and output": Report(
        5 * 8 * 20, Tied, (WORDS,), params=160
    ),
    "sksq96/pytorch-summary 37: a layer that is called three times": Report(
        3 * 4 * 4,
        lambda: Calls(lambda parts, x: parts[0](parts[0](parts[0](x))), nn.Linear(4, 4)),
        (x(1, 4),),
        params=20,
    ),
    "amarczew/pytorch_model_summary 3: two inputs go through one branch": Report(
        2 * 8 * 4 + 4,
        lambda: Calls(siamese, nn.Linear(8, 4), nn.Linear(4, 1)),
        (x(1, 8), x(1, 8)),
        params=36 + 5,
    ),
}


@pytest.mark.parametrize("source", REPORTS)
def test_report(source: str) -> None:
    check(REPORTS[source])


def test_what_is_trained_is_told_apart() -> None:
    """Lyken17/pytorch-OpCounter 190: only parameters that want gradients."""
    traced = trace(frozen(), x(1, 8))

    assert (traced.params, traced.trainable_params) == (46, 10)


@pytest.mark.parametrize(
    "source", ["Lyken17/pytorch-OpCounter 82", "Lyken17/pytorch-OpCounter 168"]
)
def test_nothing_is_left_on_the_model(source: str) -> None:
    """Keys of its state, hooks, attributes and modes, after every counter."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())).train()
    model[1].eval()
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    keys = list(model.state_dict())
    explain("model", model, [x(1, 3, 8, 8)])

    assert list(model.state_dict()) == keys
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == before


@pytest.mark.parametrize("source", ["Lyken17/pytorch-OpCounter 35", "deepspeedai/DeepSpeed 7413"])
def test_a_second_count_knows_nothing_of_the_first(source: str) -> None:
    """Of the same model, on an input twice as large: four times the work, and not five."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    first, second = (explain("model", model, [x(1, 3, size, size)]) for size in (8, 16))

    assert (first.macs, second.macs) == (108 * 64, 4 * 108 * 64)
    for name, report in second.counters.items():
        assert report.reported == 4 * (first.counters[name].reported or 0), name


def test_modules_add_up() -> None:
    """facebookresearch/fvcore 76: the whole was less than its modules."""
    model = nn.Sequential(one_activation(), shared(), nn.Linear(10, 3))
    model[0].append(nn.Linear(4, 10))
    rows = trace(model, x(1, 4)).table.rows
    parts = {part: sum(row.macs for row in rows if row.path.startswith(part)) for part in "012"}

    assert parts == {"0": 96 + 40, "1": 200, "2": 30}
    assert sum(parts.values()) == sum(row.macs for row in rows)


def test_a_part_that_is_wrapped_for_many_devices() -> None:
    """facebookresearch/fvcore 109: DataParallel around a part of the model."""
    model = nn.Sequential(nn.DataParallel(nn.Conv2d(3, 4, 3)), nn.Conv2d(4, 4, 3))

    assert trace(model, x(1, 3, 8, 8)).table.macs == 4 * 27 * 36 + 4 * 36 * 16
