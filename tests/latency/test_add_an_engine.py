"""docs/add-an-engine.md, done as it says on a copy of the package."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from torch import Tensor, nn

from shufflenet_flops.latency.engines.protocol import Call, Engine, Setup
from shufflenet_flops.latency.engines.registry import engine, engine_names, find_engine
from tests.support.recipes import Recipe, recipe

UNIT = "shufflenet_unit@c=24,g=3,h=8,w=8"
FILE = "shufflenet_flops/latency/engines/torchscript.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    written = recipe("add-an-engine.md", tmp_path_factory.mktemp("engine"))
    assert written.write_all() == [FILE]
    return written


def test_one_file_is_all(copy: Recipe) -> None:
    """The engine is timed, agrees with eager, and stands in the help."""
    engines = "--engine torchscript --engine eager"
    done = copy.run(f"shufflenet-flops latency {UNIT} {engines} --runs 3 --format json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]

    assert [(row["engine"], row["status"]) for row in rows] == [
        ("torchscript", "ok"),
        ("eager", "ok"),
    ]
    assert rows[0]["max_rel_error"] < 1e-3
    shown = copy.run("shufflenet-flops latency --help").stdout
    assert "executorch, torchscript" in " ".join(shown.split())


def test_the_shell_completes_it(copy: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked as bash asks."""
    words = "shufflenet-flops latency --engine torchs"
    monkeypatch.setenv("_SHUFFLENET_FLOPS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))

    assert copy.run("shufflenet-flops").stdout.split() == ["torchscript"]


def test_to_list_the_engines_loads_none_of_their_packages(copy: Recipe) -> None:
    """With the new one among them."""
    code = (
        "import sys; from shufflenet_flops.latency.engines import ENGINE_NAMES; "
        "print(ENGINE_NAMES[-1], *{'torch', 'numpy', 'onnxruntime', 'openvino'} & set(sys.modules))"
    )
    assert copy.run(f'python -c "{code}"').stdout == "torchscript\n"


def test_a_name_is_taken_once() -> None:
    """A second engine of that name is refused, and the first one stays."""

    class Second(Engine):
        name = "eager"

        def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
            return lambda: None

    with pytest.raises(ValueError, match="there already is an engine named 'eager'"):
        engine(Second)
    assert type(find_engine("eager")).__name__ == "Eager"
    assert engine_names()[0] == "eager"
