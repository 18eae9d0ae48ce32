"""`formula --training` and `compare --training`: a training step in symbols, and beside others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops import zoo
from shufflenet_flops.cli.app import run
from shufflenet_flops.counting.backward import step_of
from shufflenet_flops.design.formula import derive, evaluate
from shufflenet_flops.files.saved_file import load
from shufflenet_flops.report.view.formula import FormulaResult
from shufflenet_flops.zoo.designs import design_names, find_design, find_unit
from tests.closed_form import nets

STRIDED = f"{nets.__file__}:Strided"


def results(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code = run([*arguments, "--training", "--format", "json"])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(captured.out)["results"]
    return found


def test_the_units() -> None:
    """Three times the paper's forms, less the gradient of the input by the first layer."""
    c, m, g, h, w = sympy.symbols("c m g h w", positive=True, integer=True)
    first = {"resnet": c * m, "resnext": c * m, "shufflenet": c * m / g}
    forward = {
        "resnet": 2 * c * m + 9 * m**2,
        "resnext": 2 * c * m + 9 * m**2 / g,
        "shufflenet": 2 * c * m / g + 9 * m,
    }
    for unit, macs in forward.items():
        found = derive(find_unit(unit), "macs", {}, training=True)

        assert sympy.expand(found.expression - h * w * (3 * macs - first[unit])) == 0
        assert found.paper is None


@pytest.mark.parametrize("name", ["shufflenet_v1@g=3", "mobilenet_v1", "shufflenet_v2"])
def test_networks_are_as_the_step_counts_them(name: str) -> None:
    """In symbols with numbers put in, and over numbers."""
    design = find_design(name)
    filled = design.fill(design.given)
    network = design.build(**filled)
    step = step_of(network.spec, network.input)

    assert evaluate(design, "macs", design.given, training=True).total == step.macs
    assert sf.formula(name, training=True, **filled) == step.macs


def test_every_design_has_one() -> None:
    """Twice its forward pass for a layer alone, and more the more come after the first."""
    for name in design_names():
        design = find_design(name)
        filled = design.fill(design.given)
        forward, step = (
            evaluate(design, "macs", filled, training=training).total for training in (False, True)
        )
        assert 2 * forward <= step < 3 * forward, name


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("formula", "shufflenet_unit@c=240,g=3")
    (found,) = results(capsys, *asked)

    assert found["expression"] == "h*w*(5*c*m/g + 27*m)"
    assert (found["value"], found["training"], found["matches_paper"]) == (20_086_080, True, None)
    assert run([*asked, "--training"]) == 0
    text = capsys.readouterr().out
    assert "MACs of a training step =" in text
    assert "three times the MACs" in text
    assert run(["formula", "shufflenet_v1", "--training"]) == 0
    assert "three times the MACs" not in capsys.readouterr().out


def test_any_model_over_its_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    """Checked by hand at a size: conv, 3 to 32, then 32 to 10."""
    (found,) = results(capsys, "formula", STRIDED, "--over", "h,w,n", "--at", "h=9,w=9,n=2")
    counted = sf.count(nets.Strided(), (2, 3, 9, 9), training=True).training

    assert found["training"]
    assert counted is not None
    assert found["value"] == counted.total_macs
    assert sf.formula(nn.Linear(4, 2), over="n", input=(1, 4), training=True, n=5) == 2 * 5 * 8


def test_what_was_saved_before_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the key, a formula is of a forward pass."""
    assert run(["formula", "--unit", "resnet", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    for result in document["results"]:
        del result["training"]

    assert load(json.dumps(document), "old.json").single(FormulaResult).training is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shufflenet_unit", "--metric", "memory"), "--metric memory: a training step"),
        (("shufflenet_unit", "--over", "resnet"), "leave out --training"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(["formula", *arguments, "--training"]) == 2
    assert message in capsys.readouterr().err
    with pytest.raises(sf.ShufflenetFlopsError, match="macs alone"):
        sf.formula("shufflenet_unit", "params", training=True)


def test_compare_has_a_column_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("compare", "--unit", "shufflenet", "--no-latency")
    (found,) = results(capsys, *asked)

    assert found["training_macs"] == 20_086_080
    assert run([*asked, "--training"]) == 0
    text = capsys.readouterr().out
    assert "training: the forward pass and every gradient once" in text
    assert "20.086" in text
    assert run([*asked, "--format", "json"]) == 0
    assert "training_macs" not in json.loads(capsys.readouterr().out)["results"][0]
    (compared,) = sf.compare(nn.Linear(4, 2), input=(3, 4), training=True)
    assert compared.training_macs == 2 * 3 * 8


def test_a_step_in_symbols_is_the_one_in_numbers() -> None:
    """A table of it has a row for each gradient, of the layer's path and kind."""
    model = zoo.find("shufflenet_v1_x0_25_g3")
    step = step_of(model.spec, model.input)

    assert step.table.macs == step.macs
    assert step.table.params == step.forward.params
    kinds = step.table.by("kind")
    assert kinds["depthwise conv"].macs == 3 * step.forward.by("kind")["depthwise conv"].macs
