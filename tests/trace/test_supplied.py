"""Formulas that users supply for ops: by `rule`, by a file, and those for torch's own counter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry, register_flop_formula

import shufflenet_flops
from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.trace import fast, trace
from shufflenet_flops.trace.rules import supplied
from tests.support.recipes import Recipe

X = torch.ones(2, 8)


@torch.library.custom_op("supplied_tests::mix", mutates_args=())
def mix(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.T


@mix.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


@torch.library.custom_op("supplied_tests::bare", mutates_args=())
def bare(x: Tensor) -> Tensor:
    return x.clone()


MIX = torch.ops.supplied_tests.mix


class Mixing(nn.Module):
    """One layer, and a product by an op of a library: 2x8 by 8x4 is 64 MACs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.weight = nn.Parameter(torch.ones(4, 8))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = MIX(self.layer(x), self.weight)
        return y


class Bare(nn.Module):
    """An op of a library that says nothing of the shape of its result."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.supplied_tests.bare(x)
        return y


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test supplies is taken away after it, and what was counted by it."""
    ours, torchs = dict(supplied._SUPPLIED), dict(flop_registry)
    yield
    for registry, before in ((supplied._SUPPLIED, ours), (flop_registry, torchs)):
        registry.clear()
        registry.update(before)
    fast.KNOWN.clear()


def macs_of_mix(x: Tensor, weight: Tensor, *, out: Tensor) -> int:
    return out.numel() * x.shape[-1]


@pytest.mark.parametrize("op", [MIX, MIX.default])
def test_an_op_is_counted_by_its_formula(op: Any) -> None:
    """Unknown before; its bytes are those of its operands and its result."""
    assert trace(Mixing(), X).unknown_ops == {"supplied_tests.mix": 1}
    assert shufflenet_flops.rule(op)(macs_of_mix) is macs_of_mix
    traced = trace(Mixing(), X)

    assert traced.unknown_ops == {}
    row = traced.table.rows[-1]
    assert (row.macs, row.params, row.output) == (2 * 8 * 4, 4 * 8, (2, 4))
    assert (row.read_bytes, row.write_bytes) == (4 * (2 * 8 + 4 * 8), 4 * 2 * 4)


def test_a_formula_for_torchs_counter_is_honoured() -> None:
    """It gives FLOPs of shapes, two for each MAC."""

    @register_flop_formula(MIX)
    def flops_of_mix(x: Any, weight: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
        return 2 * int(x[0]) * int(x[1]) * int(weight[0])

    assert trace(Mixing(), X).table.rows[-1].macs == 2 * 8 * 4


@pytest.mark.parametrize(
    ("op", "rule"),
    [
        (torch.ops.aten.mm, "it has a formula already"),
        (torch.ops.aten.view.default, "it has a formula already"),
        ("supplied_tests::mix", r"write an op, such as torch\.ops\.my_library\.my_op"),
        (torch.relu, r"write an op"),
    ],
)
def test_what_cannot_have_a_formula_is_refused(op: Any, rule: str) -> None:
    """What we count already, and what is no op."""
    with pytest.raises(InputError, match=rule):
        shufflenet_flops.rule(op)


def test_a_second_formula_is_refused() -> None:
    """By the op's name."""
    shufflenet_flops.rule(MIX)(macs_of_mix)
    with pytest.raises(InputError, match=r"supplied_tests\.mix.*has a formula already"):
        shufflenet_flops.rule(MIX)


@pytest.mark.parametrize("nonsense", [-1, 1.5, None, True, "64"])
def test_nonsense_is_refused(nonsense: Any) -> None:
    """One line with the op and what its formula gave."""
    shufflenet_flops.rule(MIX)(lambda *args, out: nonsense)
    with pytest.raises(ModelError, match=r"supplied_tests\.mix gave .* must give a whole number"):
        trace(Mixing(), X)


def test_a_formula_that_fails_is_named() -> None:
    """With its own message."""
    shufflenet_flops.rule(MIX)(lambda x: 0)
    with pytest.raises(ModelError, match=r"formula for supplied_tests\.mix failed: TypeError"):
        trace(Mixing(), X)


def test_an_op_without_a_fake_is_run_for_real_and_that_is_said() -> None:
    """Control flow has nothing to do with it."""
    traced = trace(Bare(), X)
    assert traced.real_forward
    assert "op supplied_tests.bare" in traced.real_because
    assert "control flow" not in traced.real_because


RULES = """
import torch
import shufflenet_flops

@shufflenet_flops.rule(torch.ops.supplied_tests.mix)
def macs_of_mix(x, weight, *, out):
    return out.numel() * x.shape[-1]
"""
COUNT = ["count", "tests.trace.test_supplied:Mixing", "--input", "2x8", "--path", "."]


def test_a_file_of_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the message gives the line to write, with it all is counted."""
    monkeypatch.chdir(Path(__file__).parents[2])
    rules = tmp_path / "my_rules.py"
    rules.write_text(RULES)

    assert run([*COUNT, "--strict"]) == 1
    assert "@shufflenet_flops.rule(torch.ops.supplied_tests.mix)" in " ".join(
        capsys.readouterr().out.split()
    )
    assert run([*COUNT, "--strict", "--rules", str(rules)]) == 0
    assert f"{2 * 8 * 8 + 2 * 8 * 4} MACs" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["compare", "explain", "latency", "report count"])
def test_the_file_is_read_wherever_a_model_is_traced(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The op is no unknown one then, in any of them."""
    monkeypatch.chdir(Path(__file__).parents[2])
    rules, output = tmp_path / "my_rules.py", tmp_path / "x.json"
    rules.write_text(RULES)
    batch = ["--input", "1x8"]
    rest = {
        "compare": ["--no-latency", "-o", str(output)],
        "latency": ["--engine", "eager", "--runs", "2", "-o", str(output)],
        "explain": ["-o", str(output)],
        "report count": [],
    }[command]
    run([*command.split(), *COUNT[1:2], *batch, *COUNT[4:], "--rules", str(rules), *rest])

    shown = capsys.readouterr()
    text = shown.out + shown.err + (output.read_text() if rest else "")
    assert str(8 * 8 + 8 * 4) in text
    assert "NOT COUNTED" not in text


def test_an_op_that_is_defined_again_keeps_its_formula() -> None:
    """As where a file of rules imports the module that is read once more as the model's."""

    def define() -> None:
        @torch.library.custom_op("supplied_tests::again", mutates_args=())
        def again(x: Tensor) -> Tensor:
            return x.clone()

        again.register_fake(torch.empty_like)

    class Again(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = torch.ops.supplied_tests.again(x)
            return y

    define()
    shufflenet_flops.rule(torch.ops.supplied_tests.again)(lambda x, *, out: 7)
    define()
    assert trace(Again(), X).table.macs == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("x = 1\n", "it gives no formula: put @shufflenet_flops.rule"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import shufflenet_flops, torch\nshufflenet_flops.rule(torch.relu)\n", "write an op"),
        (RULES + RULES, "has a formula already"),
    ],
)
def test_a_file_of_rules_that_will_not_do(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the file and what is wrong."""
    rules = tmp_path / "my_rules.py"
    if text is not None:
        rules.write_text(text)
    assert run([*COUNT, "--rules", str(rules)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "my_rules.py" in lines[0]
    assert message in lines[0]


def test_the_page_of_the_docs(tmp_path: Path) -> None:
    """Its file of rules, as it stands there, for a model that uses its op."""
    (code,) = [
        block
        for block in Recipe("add-an-op.md", tmp_path).blocks("python")
        if block.startswith("# my_rules.py\n")
    ]
    (tmp_path / "my_rules.py").write_text(code)
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.weight = torch.nn.Parameter(torch.ones(4, 8))\n"
        "    def forward(self, x):\n"
        "        return torch.ops.my_library.mix(x, self.weight)\n"
    )
    arguments = ["count", "net:Net", "--path", ".", "--input", "2x8", "--rules", "my_rules.py"]
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", *arguments, "--strict"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b64 MACs", done.stdout)
    assert "real forward" not in done.stdout
