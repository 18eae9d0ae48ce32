"""docs/add-an-engine.md, done as it says on a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import shufflenet_flops
from shufflenet_flops.latency.engines.protocol import Engine
from shufflenet_flops.latency.engines.registry import engine, engine_names, find_engine

PACKAGE = Path(shufflenet_flops.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "add-an-engine.md").read_text()
UNIT = "shufflenet_unit@c=24,g=3,h=8,w=8"


def place_and_code() -> tuple[str, str]:
    """The path inside the package that the page names, and the code for it."""
    (folder,) = re.findall(r"One file in `shufflenet_flops/(\S+)/`", PAGE)
    (file,) = re.findall(r"save it there as\n`(\w+\.py)`", PAGE)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return f"{folder}/{file}", code


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with the file that the page has one write, and nothing else."""
    shutil.copytree(
        PACKAGE, tmp_path / "shufflenet_flops", ignore=shutil.ignore_patterns("__pycache__")
    )
    place, code = place_and_code()
    added = tmp_path / "shufflenet_flops" / place
    assert added.parent.is_dir()
    assert not added.exists()
    added.write_text(code)
    return tmp_path


def run_copy(copy: Path, code: str, *arguments: str, **variables: str) -> str:
    """What Python prints to stdout with the copy in the package's place."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_file_is_all(copy: Path) -> None:
    """The engine is timed, agrees with eager, and is in the help and the completion."""
    main = "from shufflenet_flops.cli.app import main; main()"
    options = ("--engine", "torchscript", "--engine", "eager", "--runs", "3", "--format", "json")
    rows = json.loads(run_copy(copy, main, "latency", UNIT, *options))["results"]

    assert [(row["engine"], row["status"]) for row in rows] == [
        ("torchscript", "ok"),
        ("eager", "ok"),
    ]
    assert rows[0]["max_rel_error"] < 1e-3
    assert "executorch, torchscript" in " ".join(run_copy(copy, main, "latency", "--help").split())
    asked = {
        "_SHUFFLENET_FLOPS_COMPLETE": "complete_bash",
        "COMP_WORDS": "shufflenet-flops latency --engine torchs",
        "COMP_CWORD": "3",
    }
    assert run_copy(copy, main, **asked).split() == ["torchscript"]


def test_to_list_the_engines_loads_none_of_their_packages(copy: Path) -> None:
    """With the new one among them."""
    code = (
        "import sys\n"
        "from shufflenet_flops.latency.engines import ENGINE_NAMES\n"
        "print(ENGINE_NAMES[-1], *{'torch', 'numpy', 'onnxruntime', 'openvino'} & set(sys.modules))"
    )
    assert run_copy(copy, code) == "torchscript\n"


def test_a_name_is_taken_once() -> None:
    """A second engine of that name is refused, and the first one stays."""

    class Second(Engine):
        name = "eager"

    with pytest.raises(ValueError, match="there already is an engine named 'eager'"):
        engine(Second)
    assert type(find_engine("eager")).__name__ == "Eager"
    assert engine_names()[0] == "eager"
