"""The GitHub Action's steps, run as the runner runs them, and the pre-commit hook's entry."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
CONFIG = """\
schema = 1
[[budget]]
model = "shufflenet_v1_x1_0_g3"
macs = "140 M"
"""


@dataclass(frozen=True)
class Job:
    """What a job leaves: which steps failed, the log, the page, and what pip was asked for."""

    failed: list[str]
    log: str
    summary: str
    installed: str


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout with a budget, and a runner's own folders beside it."""
    for name in ("checkout", "bin", "temp"):
        (tmp_path / name).mkdir()
    python = tmp_path / "bin" / "python"
    # pip would fetch; all else is the Python that runs the tests.
    python.write_text(
        "#!/bin/sh\n"
        f'if [ "$3" = pip ]; then echo "$@" >> {tmp_path}/pip; exit 0; fi\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    (tmp_path / "checkout" / "flop-budget.toml").write_text(CONFIG)
    return tmp_path


def run_action(workspace: Path, **given: str) -> Job:
    """Every `run` step in turn, by bash as GitHub calls it; after a failure only `always()`."""
    inputs = {name: value["default"] for name, value in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}

    def fill_in(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], text)

    summary = workspace / "summary.md"
    summary.write_text("")
    failed: list[str] = []
    log = ""
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or (failed and step.get("if") != "always()"):
            continue
        assert "${{" not in step["run"], "what is put into a script can be a script"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace / "checkout" / fill_in(step.get("working-directory", ".")),
            env={
                **os.environ,
                "PATH": f"{workspace / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(workspace / "temp"),
                **{name: fill_in(value) for name, value in step.get("env", {}).items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        log += done.stdout + done.stderr
        failed += [step["name"]] if done.returncode else []
    return Job(failed, log, summary.read_text(), (workspace / "pip").read_text())


def test_fine(workspace: Path) -> None:
    """The tool is installed from the action itself, and the page has the table."""
    job = run_action(workspace, locked="false")

    assert job.failed == []
    assert job.installed == f"-P -m pip install --quiet -c {ROOT}/constraints.txt {ROOT}\n"
    assert job.log == "::notice title=FLOP budget::1 checked, all fine\n"
    assert (
        "| ✅\N{NO-BREAK SPACE}ok | <code>shufflenet\\_v1\\_x1\\_0\\_g3</code> | macs |"
        in job.summary
    )


def test_over_budget(workspace: Path) -> None:
    """The step fails, and the page is written all the same."""
    config = workspace / "checkout" / "flop-budget.toml"
    config.write_text(CONFIG.replace("140", "137"))
    job = run_action(workspace, locked="false")

    assert job.failed == ["Check"]
    assert job.log.startswith("::error title=FLOP budget%3A shufflenet_v1_x1_0_g3 macs,file=flop-")
    assert job.summary.startswith("### FLOP budget: 1 of 1 failed")
    assert json.loads((workspace / "temp" / "flop-budget.json").read_text())["results"]
    assert run_action(workspace, locked="false", exit_zero="true").failed == []


def test_locked_is_the_default(workspace: Path) -> None:
    """Without a lock nothing can be held to it, which the page says."""
    job = run_action(workspace)

    assert job.failed == ["Check"]
    assert "there is no flop-budget.lock: run `shufflenet-flops lock`" in job.log
    assert "there is no flop-budget.lock" in job.summary


def test_inputs_are_no_scripts(workspace: Path) -> None:
    """A name with a quote, a space and a command in it is a name."""
    name = '$(touch pwned) "; touch pwned; ".toml'
    shutil.move(workspace / "checkout" / "flop-budget.toml", workspace / "checkout" / name)
    job = run_action(workspace, locked="false", config=name, package="x==1; touch pwned")

    assert job.failed == []
    assert (
        job.installed == f"-P -m pip install --quiet -c {ROOT}/constraints.txt x==1; touch pwned\n"
    )
    assert not list(workspace.rglob("pwned"))


def test_another_directory(workspace: Path) -> None:
    """Where the budget is."""
    (workspace / "checkout").rename(workspace / "inner")
    (workspace / "checkout").mkdir()
    (workspace / "inner").rename(workspace / "checkout" / "inner")

    assert run_action(workspace, locked="false", working_directory="inner").failed == []


@pytest.mark.parametrize("yes", ["true", "True", "YES", "yes", "1", "on"])
def test_every_spelling_of_yes_locks(workspace: Path, yes: str) -> None:
    """What is asked for is never left out in silence."""
    assert run_action(workspace, locked=yes).failed == ["Check"]
    assert run_action(workspace, locked=yes, exit_zero=yes).failed == ["Check"]  # 2 stays 2


@pytest.mark.parametrize("no", ["false", "False", "NO", "0", "off"])
def test_every_spelling_of_no_does_not(workspace: Path, no: str) -> None:
    assert run_action(workspace, locked=no, exit_zero=no).failed == []


@pytest.mark.parametrize("name", ["locked", "exit_zero"])
@pytest.mark.parametrize("neither", ["", "maybe", "ture", "true false", "::error::x"])
def test_what_is_neither_is_refused(workspace: Path, name: str, neither: str) -> None:
    """With the input's name, and without its value."""
    job = run_action(workspace, **({"locked": "false"} | {name: neither}))

    assert job.failed == ["Check"]
    assert f"::the input {name.replace('_', '-')} must be true or false\n" in job.log


def test_a_hostile_checkout_is_not_imported(workspace: Path) -> None:
    """Modules of the names of those that the tool and pip import do not run."""
    checkout = workspace / "checkout"
    canary = f"open({str(workspace / 'ran')!r}, 'a').write(__name__ + ' ')\n"
    for name in ("typer", "logging", "pip", "shufflenet_flops", "sitecustomize", "rich", "tomllib"):
        (checkout / f"{name}.py").write_text(canary)
    assert run_action(workspace, locked="false").failed == []
    assert not (workspace / "ran").exists()


def test_packages_of_an_earlier_step_stay(workspace: Path) -> None:
    """Where the Python is not ours to set up."""
    job = run_action(workspace, locked="false", python_version="")

    assert job.installed == f"-P -m pip install --quiet {ROOT}\n"


def test_a_summary_of_an_earlier_run_is_not_shown_again(workspace: Path) -> None:
    """Where this one does not get as far."""
    (workspace / "temp" / "flop-budget.md").write_text("yesterday")

    assert run_action(workspace, locked="maybe").summary == ""


def recipe() -> tuple[str, dict[str, str]]:
    """The script of the docs that comments on a pull request, and its variables."""
    page = (ROOT / "docs" / "budgets.md").read_text()
    (text,) = re.findall(r"```yaml\n(#[^\n]*comment.yml\n.*?)```", page, re.DOTALL)
    step = yaml.safe_load(text)["jobs"]["comment"]["steps"][-1]
    return step["run"], step["env"]


@pytest.mark.parametrize("artifact", ["plain", "a link", "nothing"])
def test_the_comment_goes_to_the_pull_request_of_the_event(workspace: Path, artifact: str) -> None:
    """Whatever number the artifact names, and nothing that it points to is posted."""
    script, variables = recipe()
    assert "${{" not in script
    signed = [value for value in variables.values() if "github.event" in value]
    assert len(signed) == 3
    assert all("workflow_run.head_" in value for value in signed)
    work = workspace / "checkout"
    (work / "number").write_text("666")
    if artifact == "plain":
        (work / "flop-budget.md").write_text("table 666")
    elif artifact == "a link":
        (work / "flop-budget.md").symlink_to("/etc/passwd")
    fake = workspace / "bin" / "gh"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> {workspace}/gh\n'
        'if [ "$1" = api ]; then echo 7; else cat comment.md >> posted; fi\n'
    )
    fake.chmod(0o755)
    given = dict.fromkeys(variables, "x") | {"BRANCH": "$(touch pwned)", "OWNER": "fork"}
    env = {**os.environ, "PATH": f"{workspace / 'bin'}:{os.environ['PATH']}", **given}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=work, env=env, check=True)

    assert not (work / "pwned").exists()
    if artifact != "plain":
        assert not (workspace / "gh").exists()
        return
    asked, posted = (workspace / "gh").read_text().splitlines()
    assert "head=fork:$(touch pwned)" in asked
    assert posted.startswith("pr comment 7 ")
    assert (work / "posted").read_text() == "table 666"


def test_the_hooks_entry_runs(workspace: Path) -> None:
    """On the files that it names, and no others."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = shlex.split(hook["entry"])
    assert program == "shufflenet-flops"
    command = [sys.executable, "-m", "shufflenet_flops"]
    where = workspace / "checkout"
    subprocess.run([*command, "lock"], cwd=where, check=True, capture_output=True)
    subprocess.run([*command, *arguments], cwd=where, check=True, capture_output=True)

    for name in ("net.py", "sub/net.onnx", "flop-budget.toml", "flop-budget.lock"):
        assert re.search(hook["files"], name)
    for name in ("poetry.lock", "README.md", "data.json"):
        assert not re.search(hook["files"], name)
