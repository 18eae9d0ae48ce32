"""Anybody's module is traced right, and left exactly as it was, by us and by every counter."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.counters import Counter, compared_counters
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.errors import ModelError
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace import trace
from tests.trace.user_modules import Case, InPlaceResidual, cases

CASES = list(cases())


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """One module with its input and MACs."""
    return cases()[request.param]


def snapshot(module: nn.Module) -> dict[str, object]:
    """Everything that must not change, values included."""
    return {
        "state": {key: value.clone() for key, value in module.state_dict().items()},
        "buffers": [name for name, _ in module.named_buffers()],
        "modes": [m.training for m in module.modules()],
        "attributes": [list(vars(m)) for m in module.modules()],
        "hooks": [(dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in module.modules()],
        "plain": [
            {key: value for key, value in vars(m).items() if isinstance(value, int | str | None)}
            for m in module.modules()
        ],
        "rng": torch.get_rng_state(),
        "functional": dict(vars(torch.nn.functional)),
    }


def assert_unchanged(before: dict[str, object], after: dict[str, object]) -> None:
    for key in ("buffers", "modes", "attributes", "hooks", "plain", "functional"):
        assert before[key] == after[key]
    assert torch.equal(before["rng"], after["rng"])
    assert before["state"].keys() == after["state"].keys()
    for key, value in before["state"].items():
        assert torch.equal(value, after["state"][key]), key


def test_macs(case: Case) -> None:
    """By hand, by torch, and by us."""
    module, x, macs = case
    traced = trace(module, x)
    with torch.no_grad(), FlopCounterMode(display=False) as mode:
        copy.deepcopy(module).eval()(x)

    assert traced.table.macs == macs == mode.get_total_flops() / 2
    assert traced.unknown_ops == {}
    assert traced.params == sum(p.numel() for p in module.parameters())
    assert traced.table.params == traced.params


def test_tracing_changes_nothing(case: Case) -> None:
    """Keys, values, hooks, modes, attributes and random state."""
    module, x, _ = case
    before = snapshot(module)
    trace(module, x)

    assert_unchanged(before, snapshot(module))


@pytest.mark.parametrize("counter", compared_counters(), ids=lambda counter: counter.name)
def test_counters_change_nothing_and_leave_no_residual(case: Case, counter: object) -> None:
    """Each runs on a copy; its cost model explains what it makes of the module."""
    module, x, _ = case
    before = snapshot(module)
    report = run_counter(counter, module, (x,), trace(module, x))

    assert report.status == "ok", report.reason
    assert report.residual == 0
    assert_unchanged(before, snapshot(module))


def test_a_residual_in_place_is_an_addition() -> None:
    """Nobody else counts `x += y`."""
    module = InPlaceResidual()
    table = trace(module, torch.randn(1, 3, 8, 8)).table

    assert table.counts[OpClass.ADD_ELEMENTS] == 3 * 64


def test_paths_and_modules_of_rows() -> None:
    """A row knows the module that made the call, by its first path."""
    module, x, _ = cases()["shared"]
    rows = trace(module, x).table.rows

    assert [row.path for row in rows] == ["0.conv", "0.conv"]
    assert [row.params for row in rows] == [84, 0]
    assert rows[0].call.module == "torch.nn.modules.conv.Conv2d"
    assert rows[0].call.occurrences == 2


def test_a_failing_forward_is_one_line_and_leaves_no_trace() -> None:
    """The message says where; the module is as it was."""
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(5, 4, 1)).train()
    x = torch.randn(1, 3, 8, 8)
    before = snapshot(module)
    with pytest.raises(ModelError, match="failed in '1'"):
        trace(module, x)

    assert_unchanged(before, snapshot(module))


class Broken(Counter):
    """A counter that raises."""

    name = "broken"
    unit = "MAC"
    rank = 0

    def distribution(self) -> str:
        return "torch"

    def count(self, model: nn.Module, inputs: object) -> object:
        raise RuntimeError("no such luck\nat all")


def test_a_counter_that_raises_is_unavailable() -> None:
    """Its reason is shown on one line and the others go on."""
    module, x, _ = cases()["functional"]
    report = run_counter(Broken(), module, (x,), trace(module, x))

    assert report.status == "unavailable"
    assert report.reason == "RuntimeError: no such luck"
    assert report.reported is None


class Vandal(Broken):
    """A counter that writes to the original."""

    def __init__(self, original: nn.Module) -> None:
        self.original = original

    def count(self, model: nn.Module, inputs: object) -> object:
        from shufflenet_flops.counters import CounterTotal

        self.original.register_buffer("total_ops", torch.zeros(1))
        return CounterTotal(0)


def test_a_counter_that_changes_the_original_is_unavailable() -> None:
    """And is said to have done so."""
    module, x, _ = cases()["functional"]
    report = run_counter(Vandal(module), module, (x,), trace(module, x))

    assert report.status == "unavailable"
    assert report.reason == "it changed the original model"


def test_a_list_that_two_modules_hold_is_not_longer_after_a_trace() -> None:
    """Each container is put back once, though several modules hold it."""
    window = [7, 7]
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    for part in module:
        vars(part)["window"] = window

    trace(module, torch.empty(1, 3, 8, 8))

    assert window == [7, 7]
