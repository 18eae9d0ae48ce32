"""The recipes of docs/budgets.md work, and the worked example goes as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from shufflenet_flops.budget.init.ci_step import ci_step
from shufflenet_flops.budget.limit import LIMITED
from shufflenet_flops.budget.parse import parse
from shufflenet_flops.cli.app import run

ROOT = Path(__file__).parents[1]
ZIZMOR = Path(sys.executable).parent / "zizmor"
DOCS = (ROOT / "docs" / "budgets.md").read_text()


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def test_the_configuration_is_one(tmp_path: Path) -> None:
    """And every key that there is has its line in the table."""
    text, guarded = code("toml")
    config = parse("flop-budget.toml", text, directory=tmp_path)

    assert [entry.model for entry in config.entries] == ["shufflenet_v1_x1_0_g3", "net:make"]
    for key in ("model", "input", "args", *LIMITED, "convention", "level", "guard", "reason"):
        assert re.search(rf"^\| .*`{key}`.* \|", DOCS, re.MULTILINE)
    (entry,) = parse("flop-budget.toml", guarded, directory=tmp_path).entries
    assert list(map(str, entry.guards)) == ["+5 %", "+1 M", "+10 k"]


def test_the_pytest_recipe_passes_and_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ten lines of code."""
    recipe, _ = code("python")
    assert len([line for line in recipe.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    config = 'schema = 1\n[[budget]]\nmodel = "resnet18"\nmacs = "1.9 G"\n'
    Path("flop-budget.toml").write_text(config)
    Path("test_budget.py").write_text(recipe)
    assert run(["lock"]) == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_budget.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout
    Path("flop-budget.toml").write_text(config.replace("1.9", "1.8"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout
    assert "resnet18 macs: 1.814 GMAC > 1.800 GMAC" in done.stdout


def test_the_marks_pass_and_can_fail(tmp_path: Path) -> None:
    """The page's own file of tests: a convolution of 118 M MACs."""
    _, marked = code("python")
    (tmp_path / "test_net.py").write_text(marked)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=."]
    command += ["-p", "shufflenet_flops.pytest_plugin", "test_net.py"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}

    def run_tests() -> str:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert "3 passed" in run_tests()
    (tmp_path / "test_net.py").write_text(marked.replace("140 M", "118 M"))
    assert "1 failed, 2 passed" in run_tests()


def test_the_recipes_are_yaml() -> None:
    """And the commands in them are ours."""
    *workflows, gitlab, hook = [yaml.safe_load(text) for text in code("yaml")]

    assert [recipe["name"] for recipe in workflows] == [
        "FLOP budget",
        "FLOP budget comment",
        "FLOP budget relock",
    ]
    assert all(recipe["permissions"] == {} for recipe in workflows)
    assert "shufflenet-flops check --locked -o flop-budget.xml" in gitlab["flop-budget"]["script"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["repos"][0]["hooks"][0]["id"] == hooks[0]["id"]


def test_the_tables_have_all_that_the_action_takes_and_gives() -> None:
    """Each input and output once, and no others."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    rows = {
        head: re.findall(rf"^\| {head} \|.*\n\|.*\n((?:\|.*\n)*)", DOCS, re.MULTILINE)[0]
        for head in ("input", "output")
    }
    for head, table in rows.items():
        cells = [line.split(" | ")[0] for line in table.splitlines()]
        named = [name for cell in cells for name in re.findall("`(.*?)`", cell)]
        assert sorted(named) == sorted(action[f"{head}s"])


@pytest.mark.skipif(not ZIZMOR.exists(), reason="zizmor is of the development's environment")
def test_a_linter_of_workflows_finds_nothing(tmp_path: Path) -> None:
    """In the recipes as they are printed, and in what `init` writes."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    recipes = re.findall(r"```yaml\n(# \.github/workflows/([\w-]+\.yml)\n.*?)```", DOCS, re.DOTALL)
    assert len(recipes) == 3
    for text, name in recipes:
        (folder / name).write_text(text)
    for install in ("", "pip install ."):
        step = ci_step(tmp_path, "github", PurePosixPath("inner"), install)
        assert step
        (folder / f"init{len(install)}.yml").write_text(step.content)
    command = [str(ZIZMOR), "--offline", "--quiet", "--persona", "pedantic", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_worked_example() -> None:
    """Exit codes and messages of every step are checked by the script itself."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "budget" / "walk.py")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.endswith("walk: every step was as it should be\n")
    assert "stage2.0.expand  groups 3 → 1\n" in done.stdout
