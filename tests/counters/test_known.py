"""Numbers that counters were seen to report are named, also of counters that are not run here."""

from __future__ import annotations

import pytest
import torch

from shufflenet_flops.counters import all_counters
from shufflenet_flops.counters.cost_model import row_parts, terms_of
from shufflenet_flops.counters.explain import name_number, with_functions
from shufflenet_flops.counters.known import KNOWN
from shufflenet_flops.counting.amount import Printed
from shufflenet_flops.trace import Trace, trace
from tests.support.networks import network

NETWORKS = {
    "module": "zoo:shufflenet_v1_x1_0_g3",
    "function": "functional:shufflenet_v1",
    "v2": "torchvision:shufflenet_v2_x1_0",
    "resnet50": "torchvision:resnet50",
    "resnext50": "torchvision:resnext50_32x4d",
    "mobilenet": "torchvision:mobilenet_v2",
}

# As each reported them at 1x3x224x224 in evaluation mode, in its own unit. None: it crashed.
TOTALS = """
torch            274921344 274921344 289815984 8178368512 8460959744 601548544
ptflops-aten     137461672 137461672 144908992 4089185256 4230480872 300775272
torchinfo        137486152 137486152 144925172 4089238376 4230549096 300809384
torchprofile     140549808 140549808 146859216 4100300288 4244882432 307453664
fvcore           143505312 143458272 148808392 4111512576 4259381248 314193216
thop             149593248 149455872 152708792 4133742592 4288184320 327486720
ptflops          150200104 146782648 152387568 4132436968 4286878696 320300008
ptflops-modules  146829688 143459272 150598480 4121925096 4273080296 320237288
profiler         276285504 276285504 289815984 8178368512 8460959744 601764928
mmengine         143505312 143458272 148808392 4111512576 4259381248 314193216
ultralytics-thop_2.2  150397632 149455872 152708792 4133742592 4288184320 327486720
flopth_0.1.6     146828688 143458272 150597480 4118637568 4266506240 None
torchscan_0.2,_MACs  144014304 143458272 148958920 4111916032 4259784704 314130496
DeepSpeed_or_calflops,_FLOPs  284289360 284242320 295505472 8211108352 8503559168 614967488
DeepSpeed_or_calflops,_MACs   137460672 137460672 144907992 4089184256 4230479872 300774272
"""
SEEN = [
    (name.replace("_", " "), network, int(total))
    for name, *totals in (line.split() for line in TOTALS.split("\n") if line)
    for network, total in zip(NETWORKS, totals, strict=True)
    if total != "None"
]


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    """Each network, traced on the meta device."""
    found = {}
    for key, name in NETWORKS.items():
        with torch.device("meta"):
            model, image = network(name, 224)
        found[key] = trace(model, image)
    return found


@pytest.mark.parametrize(("counter", "network", "total"), SEEN)
def test_totals_that_were_seen(
    traces: dict[str, Trace], counter: str, network: str, total: int
) -> None:
    """The cost model gives what the counter gave, to the last one."""
    traced = traces[network]
    rules = {known.name: known for known in KNOWN}
    counters = {each.name: each for each in all_counters()}
    if counter in rules:
        known = rules[counter]
        found = row_parts(known.rules, known.select(traced.table.rows))
    else:
        found = counters[counter].parts(traced)

    assert sum(terms_of(found).values()) == total


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (149_455_872, {"thop", "ultralytics-thop 2.2"}),
        (149_593_248, {"thop"}),
        (150_397_632, {"ultralytics-thop 2.1.6", "ultralytics-thop 2.2"}),
        (284_289_360, {"DeepSpeed or calflops, FLOPs"}),
        (137_460_672, {"DeepSpeed or calflops, MACs", "`paper` convention"}),
        (146_782_648, {"ptflops"}),
    ],
)
def test_numbers_are_named(traces: dict[str, Trace], number: int, names: set[str]) -> None:
    """From the network as modules, also where the number came from one of functions."""
    matches = name_number(Printed(number, 0, None), traces["module"])

    assert {match.counter for match in matches} == names
    assert {match.difference for match in matches} == {0}
    assert all(sum(match.terms.values()) == number for match in matches)


def test_a_number_that_nobody_gives_has_neighbours(traces: dict[str, Trace]) -> None:
    """The nearest first, with the difference."""
    matches = name_number(Printed(149_593_250, 0, None), traces["module"])

    assert matches[0].counter == "thop"
    assert [abs(match.difference) for match in matches] == sorted(
        abs(match.difference) for match in matches
    )
    assert matches[0].difference == 2
    assert len(matches) == 5


def test_a_model_of_functions_is_what_one_of_modules_becomes(traces: dict[str, Trace]) -> None:
    """For every counter, the two ways to the same network give the same total."""
    restyled, written = with_functions(traces["module"]), traces["function"]

    for counter in all_counters():
        assert terms_of(counter.parts(restyled)) == terms_of(counter.parts(written))
