"""A network as it is drawn: ShuffleNet's unit is the paper's Figure 2, and what is alike is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shufflenet_flops.counting import CONVENTIONS
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.report.view.count import count_result
from shufflenet_flops.report.view.drawing import Drawing, ModuleBox, drawing
from shufflenet_flops.report.view.links import Fork, LayerBox
from shufflenet_flops.sources import Options, resolve

PAPER = CONVENTIONS["paper"]


def counted(name: str) -> CountResult:
    return count_result(resolve(name, Options()), PAPER)


def drawn(name: str) -> Drawing:
    return of(counted(name))


def of(result: CountResult) -> Drawing:
    found = drawing(result, PAPER)
    assert found is not None
    return found


def module(drawing: Drawing, *names: str) -> ModuleBox:
    """The module of these names, from the outermost in."""
    parts: tuple[object, ...] = drawing.parts
    block = None
    for name in names:
        block = next(part for part in parts if isinstance(part, ModuleBox) and part.name == name)
        parts = block.parts
    assert block is not None
    return block


def titles(part: object) -> object:
    """What a reader sees of a part: a layer's title, a fork's branches and what joins them."""
    if isinstance(part, Fork):
        return ([[titles(link) for link in branch] for branch in part.branches], titles(part.join))
    assert isinstance(part, LayerBox)
    return " ".join([part.title, *filter(None, [part.detail]), *part.then])


def test_the_unit_of_shufflenet_is_the_papers_figure_2() -> None:
    """(b): stride 1 with an empty shortcut and Add; (c): stride 2 with a pool and Concat."""
    network = drawn("shufflenet_v1_x1_0_g3")
    (down,) = module(network, "stage3", "0").parts
    (unit,) = module(network, "stage3", "1").parts

    assert titles(unit) == (
        [
            ["1×1 GConv g = 3 BN ReLU", "Channel shuffle", "3×3 DWConv BN", "1×1 GConv g = 3 BN"],
            [],
        ],
        "Add ReLU",
    )
    assert titles(down) == (
        [
            ["3×3 Average pool stride 2"],
            [
                "1×1 GConv g = 3 BN ReLU",
                "Channel shuffle",
                "3×3 DWConv stride 2 BN",
                "1×1 GConv g = 3 BN",
            ],
        ],
        "Concat ReLU",
    )


def test_units_alike_are_drawn_once() -> None:
    """Table 1 repeats the unit of stride 1 three, seven and three times."""
    network = drawn("shufflenet_v1_x1_0_g3")

    for stage, repeats in {"stage2": 3, "stage3": 7, "stage4": 3}.items():
        unit = module(network, stage, "1")
        assert (unit.repeats, unit.last) == (repeats, str(repeats))
    # 7 units of 480·120/3·2·14·14 + 9·120·14·14 MACs (section 3.2: hw(2cm/g+9m))
    assert module(network, "stage3", "1").cost == 7 * 196 * (2 * 480 * 120 // 3 + 9 * 120)


def test_the_heaviest_stage_is_open() -> None:
    """And no other; in it, the units."""
    network = drawn("shufflenet_v1_x1_0_g3")
    blocks = [part for part in network.parts if isinstance(part, ModuleBox)]

    assert [block.name for block in blocks if block.is_open] == ["stage3"]
    assert all(
        part.is_open for part in module(network, "stage3").parts if isinstance(part, ModuleBox)
    )


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "shufflenet_v2_x1_0", "vgg16", "shufflenet_unit@c=240,g=3"]
)
def test_all_work_is_drawn(name: str) -> None:
    """The costs of the parts add up to the total."""
    result = counted(name)

    assert sum(part.cost for part in of(result).parts) == result.macs


def test_a_unit_alone_is_drawn_as_it_is() -> None:
    """Without a module around it that must be opened first."""
    (fork,) = drawn("shufflenet_unit@c=240,g=3").parts

    assert isinstance(fork, Fork)


def test_layers_without_a_spec_are_in_the_order_they_run() -> None:
    """A trace does not say what reads what: no forks, and the drawing says so."""
    result = replace(counted("shufflenet_v1_x1_0_g3"), specified=False)
    found = of(result)

    assert "does not tell" in found.origin
    unit = module(found, "stage3", "1")
    assert [part.title for part in unit.parts if isinstance(part, LayerBox)] == [
        "1×1 GConv",
        "Channel shuffle",
        "3×3 DWConv",
        "1×1 GConv",
        "Add",
    ]
    assert sum(part.cost for part in found.parts) == result.macs


def test_results_that_are_not_those_of_the_named_network() -> None:
    """A saved file may bear any name: rows that the spec has not are drawn as they are."""
    for name in ("resnet50", "no_such_network", "resnet@depth=7"):
        found = of(replace(counted("shufflenet_v1_x1_0_g3"), model=name))
        assert "does not tell" in found.origin
