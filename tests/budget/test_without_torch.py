"""A job of CI whose budgets name networks of the zoo, ONNX files or a lock imports no torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.budget.repository import ROOT, Repository

ZOO = 'schema = 1\n[[budget]]\nmodel = "resnet18"\nmacs = "2 G"\nguard = {macs = "+2 %"}\n'
GRAPH = '[[budget]]\nmodel = "net.onnx"\nmacs = "1 M"\n'
OWN = '[[budget]]\nmodel = "net:make"\ninput = [1, 3, 8, 8]\nmacs = "1 M"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """With a budget for a network of the zoo and a graph, and a site in which torch is not."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    repository = Repository.at(tmp_path / "repository")
    weight = helper.make_tensor("w", floats, [8, 3, 1, 1], [0.0] * 24)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", floats, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", floats, [1, 8, 8, 8])],
        [weight],
    )
    onnx.save(helper.make_model(graph), repository.folder / "net.onnx")
    (repository.folder / "flop-budget.toml").write_text(ZOO + GRAPH)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'torchvision', 'timm'):\n"
        "            raise ImportError(f'{name} is imported')\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return repository


def run(repository: Repository, *arguments: str) -> tuple[int, str]:
    path = f"{ROOT}:{repository.folder.parent / 'site'}"
    code, out, err = repository.run(*arguments, PYTHONPATH=path)
    return code, out + err


def test_no_command_of_budgets_imports_it(repository: Repository) -> None:
    """With a lock and against it, and where the base's tree has to be counted."""
    repository.commit("budgets")
    assert run(repository, "check", "--against", "HEAD")[0] == 0
    assert run(repository, "lock")[0] == 0
    repository.commit("lock")
    code, out = run(repository, "check", "--locked", "--against", "HEAD", "-o", "x.sarif")
    assert code == 0
    assert "by its lock" in out
    assert run(repository, "history")[0] == 0


def test_the_test_above_can_fail(repository: Repository) -> None:
    """A module is traced, which takes torch."""
    (repository.folder / "net.py").write_text("import torch\n")
    (repository.folder / "flop-budget.toml").write_text(ZOO + OWN)
    code, out = run(repository, "check")
    assert code == 2
    assert "torch is imported" in out
