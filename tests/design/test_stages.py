"""Forms stage by stage: in the letters of each stage, and equal to the walk's."""

from __future__ import annotations

import json

import pytest
import sympy

from shufflenet_flops.cli.app import run
from shufflenet_flops.counting.closed_forms import symbol
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.design.formula import derive
from shufflenet_flops.design.stage_letters import capitals
from shufflenet_flops.zoo.designs import design_names, find_design

NETWORKS = [name for name in design_names() if find_design(name).unit is None]


def texts(name: str, metric: MetricName = "macs") -> dict[str, str]:
    stages = derive(find_design(name), metric, {}, "stage").stages
    return {stage.name: stage.text(str) for stage in stages}


@pytest.mark.parametrize("name", [*NETWORKS, "shufflenet_v1_x1_0_g3", "deit_tiny"])
@pytest.mark.parametrize("metric", ["macs", "params", "activations", "memory_bytes"])
def test_a_stage_is_what_the_walk_over_the_network_has(name: str, metric: MetricName) -> None:
    formula = derive(find_design(name), metric, {}, "stage")

    assert [stage.name for stage in formula.stages] == list(formula.terms)
    for stage in formula.stages:
        walked = formula.terms[stage.name].subs(capitals(), simultaneous=True)
        assert sympy.simplify(stage.in_network - walked) == 0, stage.name
        names = {name: symbol(name) for name in (*stage.letters, "g", "stem", "classes", *"HWC")}
        parsed = sympy.sympify(stage.text(str), locals={**names, "s": sympy.Symbol("s")})
        written = stage.expression.subs(sympy.Symbol("s", positive=True), sympy.Symbol("s"))
        assert sympy.simplify(parsed - written) == 0, stage.name


def test_shufflenet_has_the_unit_of_the_paper_in_each_stage() -> None:
    """hw(2cm/g + 9m), once for each unit that does not halve the map; the paper's section 3.2."""
    found = texts("shufflenet_v1")

    assert found["stage2"].endswith(" + 3*(2*c*m/g + 9*m))")
    assert found["stage3"].endswith(" + 7*(2*c*m/g + 9*m))")
    assert found["stage3"].startswith("h*w*(")
    assert found["fc"] == "c_in*classes"


@pytest.mark.parametrize(
    ("name", "stage", "text"),
    [
        # 7x7 of three channels; bottlenecks of hw(2cm + 9m²); grouped ones of hw(2cm + 9m²/g).
        ("resnet50", "conv1", "147*c*h*w"),
        (
            "resnet50",
            "conv4",
            "h*w*(4*c_in*m + 9*m**2 + c*m + c*c_in + 5*(2*c*m + 9*m**2))",
        ),
        ("resnext", "conv3", "h*w*(4*m**2 + 9*m**2/g + 2*c*m + 3*(2*c*m + 9*m**2/g))"),
        # Depthwise 7x7 and two layers of 4c.
        ("convnext", "stage3", "9*h*w*(49*c + 8*c**2)"),
        # q, k, v, the projection and an MLP of 4c, on t tokens; t·t products with k and with v.
        ("vit", "layers", "12*t*(12*c**2 + 2*c*t)"),
        ("mobilenet_v1", "stage4", "h*w*(9*c_in + c*c_in + 5*(9*c + c**2))"),
    ],
)
def test_a_stage_is_written_as_in_papers(name: str, stage: str, text: str) -> None:
    assert texts(name)[stage] == text


def test_a_network_is_shown_by_stage_with_its_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formula", "shufflenet_v1_x1_0_g3"]) == 0
    out = capsys.readouterr().out

    assert "stage4  H/32 × W/32  960·s  240·s  480·s  h·w·(5·c_in·m/g + 9·m + 3·(2·c·m/g" in out
    assert "in all                                    H·W·(3807·s/16" in out

    assert run(["formula", "shufflenet_v1_x1_0_g3", "--h", "224", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    stages = {stage["name"]: stage for stage in found["stages"]}
    letters = {"h": "H/16", "w": "W/16", "c": "480*s", "m": "120*s", "c_in": "240*s"}
    assert stages["stage3"]["letters"] == letters
    assert stages["stage3"]["expression"] == "h*w*(5*c_in*m/g + 9*m + 7*(2*c*m/g + 9*m))"
    numbers = {"h": 14, "w": 14, "c": 480, "m": 120, "c_in": 240, "g": 3}
    value = sympy.sympify(stages["stage3"]["expression"]).subs(numbers)
    assert value == found["parts"]["stage3"] == 63_786_240


def test_a_network_by_kind_or_with_a_derivative_keeps_its_own_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for options in (["--by", "kind"], ["--wrt", "s"]):
        assert run(["formula", "shufflenet_v1", *options]) == 0
        assert "terms of shufflenet_v1" in capsys.readouterr().out
