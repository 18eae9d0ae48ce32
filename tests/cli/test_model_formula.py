"""`formula` of any model: what it prints, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sympy

from shufflenet_flops.cli.app import run
from tests.closed_form import nets

NETS = nets.__file__
STRIDED = f"{NETS}:Strided"


def cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["formula", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = cli(capsys, *arguments, "--format", "json")

    assert (code, err) == (0, "")
    (found,) = json.loads(out)["results"]
    return found


def test_a_stage_has_a_short_formula(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cli(capsys, STRIDED, "--over", "h,w,n", "--at", "h=9,w=9")

    assert code == 0
    assert [line.split() for line in out.splitlines() if line.startswith(("stem", "head"))] == [
        ["stem", "864·n·⌈h/2⌉·⌈w/2⌉", f"{864 * 25:,}", "8.4", "%"],
        ["head", "320·n", "320", "0.1", "%"],
    ]
    assert "where 4 divides h and 4 divides w: MACs = n·(2,584·h·w + 320)" in out
    assert "for h ≥ 3; w ≥ 3; n ≥ 1" in out
    assert f"with h=9, w=9, n=1: {10_080 * 25 + 1024 * 4 + 320:,}, as traced" in out


def test_where_another_kind_is_the_largest(capsys: pytest.CaptureFixture[str]) -> None:
    """128·s² of products is more than 16,384·s of projections from s = 129 on."""
    name = f"{NETS}:Attending"
    found = result(capsys, name, "--input", "1x32:int64", "--by", "kind", "--wrt", "s")

    assert found["crossings"] == [{"at": 129, "before": "linear", "after": "matmul"}]
    assert found["derivative"]["text"] == "n·(256·s + 16,384)"


def test_the_expression_is_one_that_sympy_parses(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, STRIDED, "--over", "h,w,n", "--at", "h=33,w=65,n=3", "--by", "kind")

    expression = sympy.sympify(found["formula"]["expression"])
    assert expression.subs({"h": 33, "w": 65, "n": 3}) == found["value"]
    assert sum(part["value"] for part in found["parts"]) == found["value"]
    assert [part["name"] for part in found["parts"]] == ["dense conv", "pointwise conv", "linear"]


def test_markdown_is_maths(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = cli(capsys, STRIDED, "--format", "markdown")

    assert r"$864 \, n \, \left\lceil \frac{h}{2} \right\rceil" in out


def test_an_argument_of_the_factory(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, STRIDED, "--over", "width=16:256:16", "--metric", "params")

    assert found["formula"]["text"] == "10·width^2 + 40·width + 10"
    assert found["domain"] == ["width ≡ 0 mod 16, 16 ≤ width ≤ 256"]


def test_each_side_of_a_guard_has_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """At 101 rows 64·50·4, at 100 rows 16·100·8."""
    name = f"{NETS}:Large"
    shape = ("--input", "1x4x64x64", "--over", "h,w,n")
    _, out, _ = cli(capsys, name, *shape)

    assert f"closed form of {name} for h ≥ 101; w ≥ 2; n ≥ 1" in out
    assert f"closed form of {name} for 1 ≤ h ≤ 100; w ≥ 1; n ≥ 1" in out
    assert result(capsys, name, *shape, "--at", "h=101,w=8")["value"] == 64 * 50 * 4
    assert result(capsys, name, *shape, "--at", "h=100,w=8")["value"] == 16 * 100 * 8


def test_a_network_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "shufflenet_v1_x1_0_g3", "--over", "h,w,n")

    assert found["parts"][0]["formula"]["text"] == "648·n·⌈h/2⌉·⌈w/2⌉"
    assert found["at"] is None


def test_a_ratio_to_another_model(capsys: pytest.CaptureFixture[str]) -> None:
    """n·(128·s² + 16,384·s) divided by 25,600·s·n, which is 25,600 from s = 72 on."""
    names = (f"{NETS}:Attending", "--against", f"{NETS}:Projected", "--input", "1x32:int64")
    found = result(capsys, *names, "--wrt", "s", "--at", "s=64,n=3")

    assert found["ratio"] == {
        "text": "(s + 128)/200",
        "expression": "(s + 128)/200",
        "latex": r"\frac{s + 128}{200}",
    }
    assert found["values"] == [3 * (128 * 64**2 + 16_384 * 64), 3 * 25_600 * 64]
    assert found["value"] == 0.96
    (crossing,) = found["crossings"]
    assert crossing == {"at": 73, "before": f"{NETS}:Projected", "after": f"{NETS}:Attending"}


def test_a_ratio_to_a_network_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    """Both as counted; where strides divide it is a quotient of polynomials."""
    sizes = ("--over", "h,w", "--at", "h=64,w=96")
    found = result(capsys, STRIDED, "--against", "resnet18", *sizes)
    alone = [result(capsys, name, *sizes)["value"] for name in (STRIDED, "resnet18")]

    assert found["values"] == alone
    ratio = sympy.sympify(found["ratio"]["expression"])
    assert ratio.subs({"h": 64, "w": 96}) == sympy.Rational(*alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", STRIDED], "name the model that is set against it"),
        ([STRIDED, "--against", STRIDED, "--by", "kind"], "leave out --against"),
        ([STRIDED, "--against", "nonesuch"], "nonesuch"),
        ([STRIDED, "--against", f"{NETS}:Attending"], "an embedding cannot take 1x3x224x224"),
        ([STRIDED, "--over", "q"], "--over q: the sizes of"),
        ([STRIDED, "--over", "h,h"], "h is named twice"),
        ([STRIDED, "--over", "3"], "write names with commas between them"),
        ([STRIDED, "--over", "width=8,16"], "a formula is over one range"),
        ([STRIDED, "--over", "h,w", "--at", "h=1"], "the formula of"),
        ([STRIDED, "--over", "h,w", "--at", "s=1"], "s=1: the formula of"),
        ([STRIDED, "--over", "h,w", "--at", "h=1,2"], "give h one value"),
        ([STRIDED, "--wrt", "c"], "--wrt c: the formula of"),
        ([STRIDED, "--plot", "x.svg"], "--plot draws a model against the size of --wrt"),
        ([f"{NETS}:Short", "--input", "1x9:int64", "--at", "s=99"], "forward pass failed"),
        ([STRIDED, "--over", "h,w", "--c", "3"], "c=3: the formula of"),
        ([f"{NETS}:Valued"], "control flow asked for values"),
        ([f"{NETS}:sorted_by_size", "--over", "width=8:64:4"], "AssertionError"),
        ([f"{NETS}:Strided", "--over", "depth=1:4"], "has no argument"),
        (["--unit", "resnet", "--at", "h=3"], "--at: it is for a model's formula"),
        (["--unit", "resnet", "--convention", "causal"], "--convention: it is for a model's"),
        ([STRIDED, "--convention", "caussal"], "did you mean causal?"),
        ([STRIDED, "--convention", "flops", "--metric", "params"], "leave out --metric params"),
        ([STRIDED, "--convention", "flops", "--training"], "leave out --training"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = cli(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_convention_in_place_of_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    """64·(s + 1) for each token: half of the 128·s of all pairs, and the diagonal."""
    options = (f"{NETS}:Attending", "--input", "1x16:int64", "--over", "s", "--by", "kind")
    code, out, err = cli(capsys, *options, "--convention", "causal")

    assert (code, err) == (0, "")
    assert "s·(64·s + 16,448)" in out
    assert "\n`causal`: `paper`, with attention of each token to itself and those before it" in out
    _, out, _ = cli(capsys, *options, "--convention", "flops")
    assert "FLOPs =" in out
    assert "s·(256·s + 32,768)" in out


def test_a_torchless_network_needs_no_module(tmp_path: Path) -> None:
    """A network of the zoo is walked over numbers, for which torch is not imported."""
    import subprocess
    import sys

    code = (
        "import sys; from shufflenet_flops.cli.app import run; "
        "run(['formula', 'resnet18', '--over', 'h,n']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"
