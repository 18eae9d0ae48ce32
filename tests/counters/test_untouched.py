"""Whatever a counter does, the model, torch and the random generators are as they were."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.counters import Counter, CounterReport, CounterTotal, all_counters
from shufflenet_flops.counters.cost_model import Part
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.extras import install_command
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.trace import Trace


class Failing(nn.Module):
    """Runs for us, and raises from then on, after everything is in place."""

    fails = False

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv(x))
        if self.fails:
            raise ValueError("not now")
        return y


def mixed_modes() -> nn.Module:
    """Norms in both modes, a buffer of its own, a hook, random numbers, an input changed."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.BatchNorm2d(4),
    ).train()
    model[1].eval()
    model.register_buffer("steps", torch.zeros(1))
    model.register_forward_hook(lambda module, args, output: None)
    return model


def snapshot(module: nn.Module) -> dict[str, Any]:
    """Everything that must not change, tensors as bytes."""
    return {
        "state": {key: value.numpy().tobytes() for key, value in module.state_dict().items()},
        "identity": [id(tensor) for tensor in (*module.parameters(), *module.buffers())],
        "gradients": [parameter.requires_grad for parameter in module.parameters()],
        "modes": [each.training for each in module.modules()],
        "attributes": [sorted(vars(each)) for each in module.modules()],
        "hooks": [
            {key: list(value) for key, value in vars(each).items() if key.endswith("_hooks")}
            for each in module.modules()
        ],
        "torch random": torch.get_rng_state().numpy().tobytes(),
        "python random": random.getstate(),
        "functional": dict(vars(F)),
        "methods": dict(vars(Tensor)),
        "functions": {name: getattr(torch, name) for name in ("add", "mul", "matmul", "bmm", "mm")},
        "gradient mode": torch.is_grad_enabled(),
        "fused attention": torch.backends.mha.get_fastpath_enabled(),
        "filters": list(warnings.filters),
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [key for key, value in before.items() if after[key] != value]


@pytest.fixture(params=all_counters(), ids=lambda counter: counter.name)
def counter(request: pytest.FixtureRequest) -> Counter:
    """Each counter that can be run."""
    return request.param


def test_nothing_changes(counter: Counter, capfd: pytest.CaptureFixture[str]) -> None:
    """Also nothing is printed, on any level."""
    model, x = mixed_modes(), torch.randn(1, 3, 6, 6)
    traced, image = trace(model, x), x.clone()
    before = snapshot(model)
    report = run_counter(counter, model, [x], traced)

    assert report.status == "ok", report.reason
    assert report.residual == 0
    assert differences(before, snapshot(model)) == []
    assert torch.equal(x, image)
    assert capfd.readouterr() == ("", "")


def test_nothing_changes_where_it_raises(counter: Counter) -> None:
    """Replaced functions are put back, hooks stay on the copy."""
    model, x = Failing().train(), torch.randn(1, 3, 6, 6)
    traced = trace(model, x)
    model.fails = True
    before = snapshot(model)
    report = run_counter(counter, model, [x], traced)

    assert report.status == "unavailable"
    assert report.reason
    assert report.reported is None
    assert differences(before, snapshot(model)) == []


class Stub:
    """A counter whose `count` each test writes."""

    name = "stub"
    failing = ""
    unit = "MAC"
    extra = ""

    def distribution(self) -> str:
        return "torch"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        return CounterTotal(0)

    def parts(self, trace: Trace, facts: Mapping[str, int] | None = None) -> Iterable[Part]:
        return ()


def reported_by(stub: Stub, **options: float) -> tuple[CounterReport, list[str]]:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1)), torch.randn(1, 3, 6, 6)
    traced = trace(model, x)
    before = snapshot(model)
    report = run_counter(stub, model, [x], traced, **options)
    return report, differences(before, snapshot(model))


class Endless(Stub):
    """Catches whatever stops it, as counters do."""

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        while True:
            try:
                time.sleep(60)
            except Exception:
                continue


def test_a_counter_that_hangs_is_stopped() -> None:
    """At its limit, with the reason."""
    report, changed = reported_by(Endless(), limit_s=0.2)

    assert report.status == "unavailable"
    assert report.reason == "it took longer than 0.2 s"
    assert changed == []


class Vandal(Stub):
    """Leaves torch and the generators as it needed them, and its copy in pieces."""

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        F.relu = torch.add = Tensor.add = lambda *args: None  # type: ignore[assignment]
        torch.manual_seed(1)
        random.seed(1)
        inputs[0].zero_()
        model[0].weight.zero_()
        raise KeyError("and then it raised")


def test_torch_is_put_together_again() -> None:
    """Functions, inherited methods and generators."""
    report, changed = reported_by(Vandal())

    assert report.reason == "KeyError: 'and then it raised'"
    assert changed == []


@pytest.mark.parametrize(
    ("name", "package", "hint"),
    [
        ("torchinfo", "torchinfo", install_command("counters")),
        ("torchprofile", "torchprofile", install_command("counters")),
        ("thop", "thop", "thop"),
    ],
)
def test_a_counter_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, hint: str
) -> None:
    """Is unavailable, with the extra that would bring it."""
    monkeypatch.setitem(__import__("sys").modules, package, None)
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1)), torch.randn(1, 3, 6, 6)
    (counter,) = (each for each in all_counters() if each.name == name)
    report = run_counter(counter, model, [x], trace(model, x))

    assert report.status == "unavailable"
    assert report.reason.startswith("ModuleNotFoundError")
    assert hint in report.reason
