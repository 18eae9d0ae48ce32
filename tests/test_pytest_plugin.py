"""The pytest plugin, in runs of pytest of its own: what passes, what fails, and with what table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NET = """\
import pytest
import torch
from torch import nn

SHAPE = (1, 3, 8, 8)


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.head = nn.Conv2d(width, 4, 1, bias=False)

    def forward(self, x):
        return self.head(torch.relu(self.stem(x)))


@pytest.fixture
def net():
    return Net()


"""
# 8x8 positions x (27 x 8 + 8 x 4) = 15,872 MACs; 27 x 8 + 8 + 32 = 256 parameters.


def pytest_run(folder: Path, text: str, *arguments: str) -> tuple[int, str]:
    (folder / "test_net.py").write_text(NET + text)
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA"),
            *("-p", "shufflenet_flops.pytest_plugin", "--strict-markers", *arguments),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            # As it is once where the entry point is installed.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_mark_on_a_test_holds_the_model_of_its_fixtures(tmp_path: Path) -> None:
    """Before the test runs; the heaviest layers are in the failure."""
    code, out = pytest_run(
        tmp_path,
        """\
@pytest.mark.flops("15872", input=SHAPE, params="256")
def test_fits(net):
    pass

@pytest.mark.flops("15 k", input=SHAPE, params="255")
def test_too_heavy(net):
    raise RuntimeError("is not reached")

@pytest.mark.flops("31 kFLOP", input="1x3x8x8:float32")
def test_flops(net):
    pass
""",
    )

    assert code == 1
    assert "2 failed, 1 passed" in out
    assert "is not reached" not in out.replace('RuntimeError("is not reached")', "")
    assert "net: macs 15.9 kMAC > 15.0 kMAC" in out
    assert "net: params 256 > 255, +1 (+0.4 %) (paper)" in out
    assert "13.8 kMAC  stem  conv2d 3x3 1x3x8x8 → 1x8x8x8" in out
    assert "net: flops 31.7 kFLOP > 31.0 kFLOP" in out


def test_a_mark_on_a_factory_makes_a_test_of_it(tmp_path: Path) -> None:
    """Of a function and of a class; not of what inherits the mark, nor of what is imported."""
    (tmp_path / "other.py").write_text(
        "import pytest\nfrom torch import nn\n\n"
        '@pytest.mark.flops("1", input=(1, 3))\ndef imported():\n    return nn.Linear(3, 3)\n'
    )
    code, out = pytest_run(
        tmp_path,
        """\
from other import imported

@pytest.mark.flops("20 k", input=SHAPE)
def small():
    return Net()

@pytest.mark.flops("20 k", input=SHAPE)
def large():
    return Net(16)

@pytest.mark.flops(macs="20 k", input=SHAPE)
class Marked(Net):
    pass

class Heir(Marked):
    pass
""",
        "-p",
        "no:faulthandler",
        "--rootdir=.",
        "-o",
        "pythonpath=.",
    )

    assert code == 1
    assert "1 failed, 2 passed" in out
    assert "PASSED test_net.py::small" in out
    assert "PASSED test_net.py::Marked" in out
    assert "large: macs 31.7 kMAC > 20.0 kMAC" in out
    assert "Traceback" not in out


def test_what_a_test_runs(tmp_path: Path) -> None:
    """By the fixture, and by a mark without an input; each outermost call counts."""
    code, out = pytest_run(
        tmp_path,
        """\
def test_figures(net, flops):
    assert flops.macs == 0
    net(torch.zeros(SHAPE))
    assert (flops.macs, flops.flops, flops.params) == (15872, 31744, 256)
    net(torch.zeros(2, 3, 8, 8))
    assert (flops.macs, flops.params) == (3 * 15872, 256)
    assert flops.activations == 3 * 64 * 12
    flops.at_most("50 k", params="256")
    with pytest.raises(pytest.fail.Exception, match="stem  conv2d 3x3"):
        flops.at_most("40 k")

@pytest.mark.flops("15872")
def test_runs_once(net):
    net(torch.zeros(SHAPE))

@pytest.mark.flops("15872")
def test_runs_twice(net):
    net(torch.zeros(SHAPE))
    net(torch.zeros(SHAPE))

def test_nothing_is_left_behind(net):
    assert nn.Module.__call__.__name__ == "_wrapped_call_impl"
    assert net(torch.zeros(SHAPE)).shape == (1, 4, 8, 8)
""",
    )

    assert code == 1
    assert "1 failed, 3 passed" in out
    assert "what the test runs: macs 31.744 kMAC > 15.872 kMAC" in out


def test_a_mark_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """No model, several, no limit, a wrong unit, a wrong name, a wrong input."""
    code, out = pytest_run(
        tmp_path,
        """\
@pytest.mark.flops("1 M", input=SHAPE)
def test_none():
    pass

@pytest.mark.flops("1 M", input=SHAPE)
def test_two(net, other):
    pass

@pytest.fixture
def other():
    return Net()

@pytest.mark.flops("1 M", input=SHAPE, model="other")
def test_named(net, other):
    pass

@pytest.mark.flops("1 M", input=SHAPE, model=Net)
def test_given():
    pass

@pytest.mark.flops(input=SHAPE)
def test_no_limit(net):
    pass

@pytest.mark.flops("1 MB", input=SHAPE)
def test_unit(net):
    pass

@pytest.mark.flops("1 M", input=SHAPE, parms="1 M")
def test_name(net):
    pass

@pytest.mark.flops("1 M", input=(1, 5, 8, 8))
def test_input(net):
    pass

@pytest.mark.flops("1 M")
def lonely():
    return Net()
""",
    )

    assert code == 1
    assert "2 passed" in out
    for message in (
        "one fixture of test_none must be a module, and these are: none",
        "one fixture of test_two must be a module, and these are: net, other",
        'give a limit, as in flops("140 M")',
        "flops: macs: '1 MB': B is no unit of macs",
        "unknown limit 'parms': did you mean params?",
        "test_input",
        "lonely needs an input, as in input=(1, 3, 224, 224)",
    ):
        assert message in out


def test_memory_and_a_training_step(tmp_path: Path) -> None:
    """In: 3 maps of 8 x 8; at most the two of 8 beside it. Its 256 parameters take a byte each.

    A step's MACs: forward, and back by weights and by inputs but for the first convolution's.
    """
    alive, step = 3 * 64 + 2 * 8 * 64, 3 * 15_872 - 64 * 27 * 8
    code, out = pytest_run(
        tmp_path,
        f"""\
@pytest.mark.flops("16 k", input=SHAPE, peak_memory_int8={alive}, weights_int8=256)
@pytest.mark.flops(input=SHAPE, peak_memory="{4 * alive} B", weights="1 KiB", training_macs={step})
def test_fits(net):
    pass

@pytest.mark.flops(input=SHAPE, peak_memory_int8={alive - 1})
def test_peak(net):
    pass

@pytest.mark.flops(input=SHAPE, weights_bf16=511)
def test_others(net):
    pass

@pytest.mark.flops(peak_memory="1 KiB")
def test_no_input(net):
    pass
""",
    )

    assert code == 1
    assert "1 passed" in out
    for message in (
        "net: peak_memory_int8 1.216 kB > 1.215 kB, +1 B (+0.1 %)",
        "net: weights_bf16 512 B > 511 B, +1 B (+0.2 %)",
        "flops: peak_memory: needs a model's input, as in input=(1, 3, 224, 224)",
    ):
        assert message in out, out


def test_unknown_ops_fail(tmp_path: Path) -> None:
    """Unknown is not zero."""
    code, out = pytest_run(
        tmp_path,
        """\
class Inverse(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x)

@pytest.mark.flops("1 M", input=(3, 3), model=Inverse)
def test_unknown():
    pass
""",
    )

    assert code == 1
    assert "with ops that are not counted: aten." in out


def test_the_report(tmp_path: Path) -> None:
    """The heaviest first, whether they passed or not; nothing where nobody asks."""
    text = """\
@pytest.mark.flops("10 k", input=SHAPE)
def test_marked(net):
    pass

def test_fixture(net, flops):
    net(torch.zeros(2, 3, 8, 8))
"""
    code, out = pytest_run(tmp_path, text, "--flops-report")
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert code == 1
    first = lines.index("31.7 kMAC 256 params what the test runs test_net.py::test_fixture")
    assert lines[first + 1] == "15.9 kMAC 256 params net test_net.py::test_marked"
    assert "= FLOPs =" in out
    assert "= FLOPs =" not in pytest_run(tmp_path, text)[1]
    assert "no test has a flops mark or fixture" in pytest_run(tmp_path, "", "--flops-report")[1]


def test_without_a_mark_torch_is_not_imported(tmp_path: Path) -> None:
    """Other people's tests start as fast as before."""
    (tmp_path / "test_light.py").write_text(
        "import sys\n\ndef test_light():\n    assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "shufflenet_flops.pytest_plugin", "test_light.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_the_plugin_is_an_entry_point() -> None:
    """So that it is there once the package is installed."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {
        "shufflenet-flops": "shufflenet_flops.pytest_plugin"
    }
    assert any(part.startswith("pytest>=") for part in project["optional-dependencies"]["pytest"])
    assert pytest.__version__
