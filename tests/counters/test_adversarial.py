"""Modules that counters take apart differently: no residual, and miscounts where they are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from shufflenet_flops.counters import CounterReport, all_counters
from shufflenet_flops.counters.explain import Explanation, explain
from shufflenet_flops.counters.miscounts import Miscount
from shufflenet_flops.counters.protocol import CounterTotal
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.counters.torch_flops import TorchFlops
from shufflenet_flops.trace import trace
from tests.counters.modules import CASES


def explained(case: str) -> Explanation:
    module, x = CASES[case]()
    return explain(case, module.eval(), [x])


@pytest.mark.parametrize("case", CASES)
def test_no_residual(case: str) -> None:
    """Whatever the counter makes of it, we say beforehand."""
    module, x = CASES[case]()
    traced = trace(module.eval(), x)
    reports = [run_counter(counter, module, [x], traced) for counter in all_counters()]

    assert [(one.name, one.reason, one.residual) for one in reports] == [
        (one.name, "", 0) for one in reports
    ]


def share(report: CounterReport, macs: int) -> float:
    """The MACs it counts over those that ran."""
    counted = sum(report.terms.get(f"{name}_macs", 0) for name in ("conv", "linear", "matmul"))
    return counted / (2 * macs if report.unit == "FLOP" else macs)


@pytest.mark.parametrize(
    ("case", "counter", "expected"),
    [
        ("subclass", "thop", 0.129),
        ("subclass", "ptflops", 0.129),
        ("subclass", "fvcore", 1),
        ("subclass", "torch", 1),
        ("function", "thop", 0.571),
        ("function", "torchinfo", 0.571),
        ("function", "ptflops-aten", 1),
        ("called twice", "thop", 1),
        ("shared by two parents", "thop", 4),
        ("shared by two parents", "ptflops", 2),
        ("shared by two parents", "torchinfo", 1),
        ("grouped with bias", "torchprofile", 1),
        ("multi-head attention", "torch", 0.762),
        ("multi-head attention", "thop", 0),
        ("linear on tokens", "torchinfo", 0.2),
    ],
)
def test_share_of_the_macs(case: str, counter: str, expected: float) -> None:
    """What a counter makes of the products that ran, measured on the counter."""
    found = explained(case)
    report = found.counters[counter]

    assert report.residual == 0
    assert share(report, found.macs) == pytest.approx(expected, abs=5e-4)
    assert bool(found.miscounts[counter]) == (expected != 1)


@pytest.mark.parametrize(
    ("case", "counter", "reason"),
    [
        ("subclass", "thop", "misses modules of type SubConv"),
        ("function", "thop", "misses conv2d called as a function"),
        ("shared by two parents", "thop", "counts a module that 2 parents share 4 times"),
        ("shared by two parents", "ptflops", "counts a module that 2 parents share 2 times"),
        ("attention", "fvcore", "misses the products inside of fused attention"),
        ("linear on tokens", "torchinfo", "counts only a part of the work of Linear"),
    ],
)
def test_reasons(case: str, counter: str, reason: str) -> None:
    """Why it is wrong, in words."""
    assert reason in [miscount.reason for miscount in explained(case).miscounts[counter]]


def test_a_miscount_says_how_much_and_where() -> None:
    """A convolution of 8,100 MACs that two parents share runs twice and is counted four times."""
    (miscount,) = explained("shared by two parents").miscounts["thop"]

    assert miscount == Miscount(
        "counts a module that 2 parents share 4 times", 3 * 16_200, miscount.paths
    )
    assert miscount.paths == ("0.child",)


def test_additions_depend_on_how_they_are_written() -> None:
    """The same 300 additions, counted by nobody, by one or by two."""
    counted = {
        case: {
            name
            for name, report in explained(case).counters.items()
            if report.terms.get("add_elements") == 300
        }
        for case in ("Plus", "PlusInPlace", "AddFunction", "AddMethod", "AddMethodInPlace", "Kept")
    }

    assert counted == {
        "Plus": {"profiler"},
        "PlusInPlace": set(),
        "AddFunction": {"profiler", "ptflops"},
        "AddMethod": {"profiler", "ptflops"},
        "AddMethodInPlace": set(),
        "Kept": {"profiler"},
    }


def test_no_miscount_is_told_of_a_total_that_is_not_explained() -> None:
    """A counter that reports one more than its model predicts; the op that may be it is named."""

    class OneMore(TorchFlops):
        def count(self, model: torch.nn.Module, inputs: Sequence[object]) -> CounterTotal:
            return CounterTotal(super().count(model, inputs).reported + 64)

    found = explain("linear", torch.nn.Linear(8, 8), [torch.zeros(1, 8)], counters=[OneMore()])

    assert found.counters["torch"].residual == 64
    assert found.counters["torch"].suspects == ("linear",)
    assert not found.complete
    assert found.miscounts == {}
