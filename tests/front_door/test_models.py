"""Whatever people type for a model or its input: it is found, or they are told what to type."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources.inputs import Input
from tests.support.torchvision_ops import declare

NET = """
import torch
from torch import nn
import beside


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, beside.WIDTH, 3, padding=1, bias=False)

    def forward(self, x):
        return self.conv(x)
"""
SEVERAL = """
from torch import nn


class Wide(nn.Module):
    def __init__(self, width, depth=2, *, groups):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 1, groups=groups)

    def forward(self, x):
        return self.conv(x)


class Block(nn.Module):
    pass
"""
FACTORY = """
from torch import nn
from torch.nn import Linear


def make():
    return nn.Conv2d(3, 2, 1, bias=False)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that somebody works in, with networks of their own."""
    (tmp_path / "mynet.py").write_text(NET)
    (tmp_path / "beside.py").write_text("WIDTH = 8\n")
    (tmp_path / "several.py").write_text(SEVERAL)
    (tmp_path / "factory.py").write_text(FACTORY)
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "failing.py").write_text("1 / 0\n")
    (tmp_path / "code.py").write_text(NET)
    package = tmp_path / "mypackage"
    package.mkdir()
    (package / "nets.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
    importlib.invalidate_caches()


def answer(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    code = run(line.split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("typed", "macs"),
    [
        ("mynet.py:Net", 224 * 224 * 27 * 8),
        ("./mynet.py:Net", 224 * 224 * 27 * 8),
        ("mynet.py", 224 * 224 * 27 * 8),
        ("mynet:Net", 224 * 224 * 27 * 8),
        ("mypackage.nets:Net", 224 * 224 * 27 * 8),
        ("mypackage/nets.py", 224 * 224 * 27 * 8),
        ("factory.py", 224 * 224 * 3 * 2),
        ("several.py:Wide --arg width=6 --arg groups=3", 224 * 224 * 6),
        ("mynet.py --input 1x3x10x10", 100 * 27 * 8),
        ("mynet.py --input 10", 100 * 27 * 8),
        ("mynet.py:Net --input 96x64", 96 * 64 * 27 * 8),
        ("mynet.py:Net --input 3x96x64", 96 * 64 * 27 * 8),
        ("code.py:Net --input 1x3x10x10", 100 * 27 * 8),
        ("shufflenet_unit@c=240 --input 14", 7_949_760 // 4),
        ("resnet18 --input 224", 1_814_073_344),
        ("resnet18 --input 224x224", 1_814_073_344),
        ("resnet18 --input 3x224x224", 1_814_073_344),
        ("resnet18 --input 1x3x224x224", 1_814_073_344),
    ],
)
def test_found(capsys: pytest.CaptureFixture[str], typed: str, macs: int) -> None:
    code, out, err = answer(capsys, f"count {typed}")

    assert (code, err) == (0, "")
    assert f"{macs:,} MACs under `paper`" in out


def test_an_absolute_path(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    assert answer(capsys, f"count {project / 'mynet.py'}:Net")[0] == 0


def test_a_file_that_was_edited_counts_as_it_is_now(
    capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    """In one process, as a notebook is."""
    line = "count mynet.py --input 1x3x10x10"
    assert "21,600 MACs" in answer(capsys, line)[1]
    (project / "mynet.py").write_text(NET.replace("beside.WIDTH", "4"))
    assert "10,800 MACs" in answer(capsys, line)[1]


def test_two_files_of_one_name(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    other = project / "other"
    other.mkdir()
    (other / "mynet.py").write_text(NET.replace("beside.WIDTH", "4"))
    code, out, _ = answer(
        capsys, "compare mynet.py other/mynet.py --no-latency --input 1x3x10x10 --format csv"
    )

    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["mynet.py", "other/mynet.py"]
    assert "21600" in out
    assert "10800" in out


def test_the_current_directory_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    """A file named as an installed module is not taken for it; its own name is told."""
    code, _, err = answer(capsys, "count code:Net")

    assert code == 2
    assert "for the one in this directory write code.py:Net" in err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("mynet", "did you mean mynet.py?"),
        ("mynet.Net", "did you mean mynet.py:Net?"),
        ("mypackage.nets", "did you mean mypackage/nets.py?"),
        ("several.py:Wide --arg widht=4 --arg groups=1", "did you mean width?"),
        ("mynet.py --input 2", "an image is written batch first: --input 1x3x224x224"),
        ("myent.py", "there is no file myent.py: did you mean mynet.py"),
        ("several.py", "holds several models; write several.py:Wide or several.py:Block"),
        ("several.py:Wide", "needs width and groups: give --arg width=… --arg groups=…"),
        ("empty.py", "holds no class of nn.Module and no function that makes one"),
        ("failing.py", "running failing.py failed: ZeroDivisionError"),
        ("mynet.py:Nett", "did you mean Net?"),
        ("mynet.py:Net --input 1x3", "an image is written batch first: --input 1x3x224x224"),
        ("mynet.py:Net --input 64x64x3", "an image is written batch first: --input 1x3x64x64"),
        ("mynet.py:Net --input 2x64x64x3", "an image is written batch first: --input 2x3x64x64"),
        ("mynet.py:Net --input 1x1x64x64", "an image is written batch first: --input 1x3x64x64"),
        ("mynet.py:Net --input 16x32x32", "an image is written batch first: --input 1x3x32x32"),
        ("torch.nn:Identity2", "unknown factory in module torch.nn: 'Identity2'"),
        (
            "torch.nn:Linear --arg in_features=4 --arg out_features=2",
            "it was given an image, 1x3x224x224: --input SHAPE gives what it takes",
        ),
        ("resnet18 --input 224x224x3", "write all four, as in 1x3x224x224"),
        ("resnt50", "did you mean resnet50"),
        ("nopackage:Net", "it is neither installed nor in this directory"),
    ],
)
def test_told_what_to_type(capsys: pytest.CaptureFixture[str], typed: str, said: str) -> None:
    code, out, err = answer(capsys, f"count {typed}")

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("model", "shape", "hint"),
    [
        (nn.Sequential(nn.Conv2d(8, 4, 3), nn.Flatten()), (8, 9, 9), None),  # one image: it runs
        (nn.Sequential(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)), (9, 8, 9), (1, 8, 8, 9)),
        (
            nn.Sequential(nn.Flatten(1), nn.Linear(48, 4), nn.BatchNorm1d(4)),
            (3, 4, 4),
            (1, 3, 4, 4),
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), (5, 5), (1, 3, 224, 224)),
        (nn.Conv2d(3, 4, 3), (8, 9, 9), (1, 3, 9, 9)),
        (nn.Linear(8, 3), (8, 9, 9), ""),
        (nn.Conv1d(8, 4, 3), (3, 9, 9), ""),
        (nn.Sequential(nn.Conv1d(8, 4, 3), nn.BatchNorm1d(4)), (8, 9), (1, 8, 9)),
        (nn.LSTM(8, 4), (8, 9, 9), ""),
    ],
)
def test_a_hint_of_a_shape_holds(
    model: nn.Module, shape: tuple[int, ...], hint: tuple[int, ...] | str | None
) -> None:
    """Another input is named only where the model takes it."""
    try:
        sf.count(model, shape)
        said: str | None = None
    except ModelError as error:
        said = str(error).partition("first: input=")[2]
    assert said == (str(hint) if isinstance(hint, tuple) else hint)


class Reshaped(nn.Module):
    """A vector in, of which it makes an image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x.reshape(-1, 1, 8, 8))
        return made


@pytest.mark.parametrize(
    ("model", "given", "taken"),
    [
        (nn.Conv2d(3, 4, 3), 32, (1, 3, 32, 32)),
        (nn.Conv2d(3, 4, 3), "32x48", (1, 3, 32, 48)),
        (nn.Conv2d(1, 4, 3), (28, 28), (1, 1, 28, 28)),
        (nn.Sequential(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)), (8, 9, 9), (1, 8, 9, 9)),
        # What a model takes as it is written stays so.
        (nn.Conv2d(3, 4, 3), (3, 32, 32), (3, 32, 32)),
        (nn.Linear(32, 4), 32, (32,)),
        (nn.Linear(32, 4), (32, 32), (32, 32)),
        (Reshaped(), 64, (64,)),
        (Reshaped(), (64, 64), (64, 64)),
    ],
)
def test_an_image_may_be_written_with_fewer_sizes(
    model: nn.Module, given: Any, taken: tuple[int, ...]
) -> None:
    """As for every network that has a name."""
    assert sf.count(model, given).source.inputs == (Input(taken),)


def test_whole_numbers_are_asked_for() -> None:
    """Where the model takes these, and not what it was given."""
    with pytest.raises(ModelError, match=r'; it takes whole numbers: input="1x12:int64"$'):
        sf.count(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2)), (1, 12))


@pytest.mark.parametrize(
    ("model", "shape", "write"),
    [
        (nn.Linear(9, 3), (8, 9, 9), "; write 1x9x9"),
        (nn.Conv2d(8, 3, 3), (8, 9, 9), "; write 1x8x9x9"),
        (nn.Linear(7, 3), (8, 9, 9), ""),
    ],
)
def test_a_hint_of_a_batch_holds(model: nn.Module, shape: tuple[int, ...], write: str) -> None:
    """Counters take a batch of 1, which may be an axis that was left out."""
    with pytest.raises(InputError) as raised:
        sf.explain(model, shape)
    assert str(raised.value).endswith(f"batch 1, which is the first size{write}")


def test_a_model_of_two_libraries_is_named_by_both(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the zoo has not and both have."""
    monkeypatch.setattr(
        "shufflenet_flops.sources.registered.holders",
        lambda name: ([f"torchvision:{name}", f"timm:{name}"], []),
    )

    assert answer(capsys, "count both_net")[2] == (
        "error: unknown model 'both_net': did you mean torchvision:both_net or timm:both_net?\n"
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("maxvit_t", "torchvision:maxvit_t"),
        ("convnext_pico", "timm:convnext_pico"),
        ("maxvitt_t", "torchvision:maxvit_t"),
    ],
)
def test_a_librarys_model_is_named(
    capsys: pytest.CaptureFixture[str], typed: str, meant: str
) -> None:
    """By reading the libraries' files; and the name that is told is found."""
    if find_spec("timm") is None:
        pytest.skip("timm is not installed")
    code, out, err = answer(capsys, f"count {typed}")

    assert (code, out) == (2, "")
    assert f"did you mean {meant}" in err


@pytest.mark.parametrize("typed", ["timm/resnet18", "timm:resnet18", "torchvision/resnet18"])
def test_ways_to_write_a_library(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    declare()
    pytest.importorskip("timm")
    code, out, _ = answer(capsys, f"count {typed} --input 224")

    assert code == 0
    assert "1,814,073,344 MACs" in out


@pytest.mark.parametrize(
    ("typed", "gmac"),
    # BERT base on n = 128 tokens: 12 layers of 12·768² MACs a token and 2·n²·768 of attention, and
    # the pooler.
    [("hf:bert", 12 * (128 * 12 * 768**2 + 2 * 128**2 * 768) + 768**2)],
)
def test_transformers(capsys: pytest.CaptureFixture[str], typed: str, gmac: int) -> None:
    """The configuration's default, by any of its names, without a connection."""
    declare()
    pytest.importorskip("transformers")
    for name in (typed, typed.replace("hf:", "transformers:"), typed.replace("hf:", "hf/")):
        code, out, _ = answer(capsys, f"count {name}")
        assert code == 0
        assert f"{gmac:,} MACs" in out
    assert answer(capsys, "count hf:bert --input 1x64:int64")[0] == 0
    assert "did you mean bert" in answer(capsys, "count hf:brt")[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["t5", "clip", "vit", "wav2vec2", "whisper", "detr", "gpt2", "xlnet"]
)
def test_transformers_of_other_inputs(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Two texts, a text and an image, an image, sound, frames of sound."""
    declare()
    pytest.importorskip("transformers")
    code, out, _ = answer(capsys, f"count transformers:{kind}")

    assert code == 0
    assert "MACs under `paper`" in out


def test_a_name_costs_no_torch() -> None:
    """Until it is not found."""
    code = (
        "import sys; from shufflenet_flops.cli.app import run\n"
        "assert run(['count', 'resnet18']) == 0; assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
