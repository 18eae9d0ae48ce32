"""The GitHub Action's steps, run as the runner runs them, and the pre-commit hook's entry."""

from __future__ import annotations

import base64
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

from tests.budget.repository import Repository

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
    """What a job leaves: which steps failed, the log, the page, what pip was asked to install, and
    the outputs of the step that checks."""

    failed: list[str]
    log: str
    summary: str
    installed: str
    outputs: dict[str, str]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout with a budget, and a runner's own folders beside it."""
    for name in ("checkout", "bin", "temp"):
        (tmp_path / name).mkdir()
    python = tmp_path / "bin" / "python"
    # pip would fetch; all else is the Python that runs the tests.
    python.write_text(
        "#!/bin/sh\n"
        f'if [ "$3 $4" = "pip install" ]; then echo "$@" >> {tmp_path}/pip; exit 0; fi\n'
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
    outputs = workspace / "outputs"
    failed: list[str] = []
    log = ""
    told: dict[str, str] = {}
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or (failed and step.get("if") != "always()"):
            continue
        assert "${{" not in step["run"], "what is put into a script can be a script"
        outputs.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace / "checkout" / fill_in(step.get("working-directory", ".")),
            env={
                **os.environ,
                "PATH": f"{workspace / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_OUTPUT": str(outputs),
                "RUNNER_TEMP": str(workspace / "temp"),
                **{name: fill_in(value) for name, value in step.get("env", {}).items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        log += done.stdout + done.stderr
        failed += [step["name"]] if done.returncode else []
        if step.get("id") == "check":
            told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return Job(failed, log, summary.read_text(), (workspace / "pip").read_text(), told)


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
    assert job.outputs["status"] == "failed"
    assert job.outputs["summary"] == "1 of 1 failed"
    allowed = run_action(workspace, locked="false", exit_zero="true")
    assert allowed.failed == []
    assert allowed.outputs["status"] == "failed"


def test_outputs_name_files_that_are_there(workspace: Path) -> None:
    """Each output that action.yml declares is given, also where nothing could be looked at."""
    declared = {
        value["value"].removeprefix("${{ steps.check.outputs.").removesuffix(" }}")
        for value in ACTION["outputs"].values()
    }
    for locked, status in (("false", "passed"), ("true", "error")):
        job = run_action(workspace, locked=locked, format="json")
        assert set(job.outputs) == declared
        assert job.outputs["status"] == status
        assert job.outputs["summary"]
        for form in ("md", "json", "sarif"):
            assert Path(job.outputs[form]).suffix == f".{form}"
            assert Path(job.outputs[form]).stat().st_size
        json.loads(job.log.partition("error: ")[0])  # the log has the format that was asked for


def test_against_a_base(workspace: Path) -> None:
    """Then a lock is not asked for, unless it is."""
    repository = Repository.at(workspace / "checkout")
    repository.commit("a budget")
    job = run_action(workspace, against="HEAD")
    assert job.failed == []
    assert "; against " in job.outputs["summary"]
    assert run_action(workspace, against="HEAD", locked="true").outputs["status"] == "error"
    assert run_action(workspace, against="--output=x").outputs["status"] == "error"


def test_a_torch_and_extras_of_ones_own(workspace: Path) -> None:
    """Without the tested versions of what goes with another torch; nothing else gets to pip."""
    job = run_action(workspace, locked="false", torch_version="2.9.1", extras="onnx,timm")
    constraints = workspace / "temp" / "flop-budget-constraints.txt"
    assert job.installed.endswith(f"-c {constraints} {ROOT}[onnx,timm] torch==2.9.1\n")
    text = constraints.read_text()
    assert not re.search("^(torch|torchvision|torchao|executorch)==", text, re.MULTILINE)
    assert "\ntorchinfo==" in text
    (workspace / "pip").write_text("")
    for name, value in {"extras": "onnx] evil", "torch_version": "2; touch pwned"}.items():
        job = run_action(workspace, **{name: value})
        assert job.failed == ["Install"]
        assert f"the input {name.replace('_', '-')} must be" in job.log
        assert job.installed == ""


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


def recipe(file: str, job: str, name: str) -> tuple[str, dict[str, str]]:
    """A script of the docs' workflows, and its variables; nothing is put into it."""
    page = (ROOT / "docs" / "budgets.md").read_text()
    (text,) = re.findall(rf"```yaml\n(#[^\n]*{file}.yml\n.*?)```", page, re.DOTALL)
    steps = yaml.safe_load(text)["jobs"][job]["steps"]
    (step,) = [step for step in steps if step.get("name") == name]
    assert "${{" not in step["run"]
    return step["run"], step["env"]


def run_recipe(workspace: Path, script: str, gh: str, **given: str) -> tuple[int, str]:
    """Run a script in the checkout, with a `gh` that notes what it is asked; what it noted."""
    for name, text in {"gh": f'echo "$@" >> {workspace}/gh.log\n{gh}', "python": ""}.items():
        fake = workspace / "bin" / name
        fake.write_text(f"#!/bin/sh\n{text}\n")
        fake.chmod(0o755)
    output = workspace / "output"
    output.write_text("")
    path = f"{workspace / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=workspace / "checkout",
        env={**os.environ, "PATH": path, "GITHUB_OUTPUT": str(output), **given},
        check=False,
    )
    log = workspace / "gh.log"
    return done.returncode, log.read_text() if log.exists() else ""


@pytest.mark.parametrize("artifact", ["plain", "a link", "nothing"])
def test_the_comment_goes_to_the_pull_request_of_the_event(workspace: Path, artifact: str) -> None:
    """Whatever number the artifact names, and nothing that it points to is posted."""
    script, variables = recipe("comment", "comment", "Comment")
    signed = [value for value in variables.values() if "github.event" in value]
    assert len(signed) == 3
    assert all("workflow_run.head_" in value for value in signed)
    work = workspace / "checkout"
    (work / "number").write_text("666")
    if artifact == "plain":
        (work / "flop-budget.md").write_text("table 666")
    elif artifact == "a link":
        (work / "flop-budget.md").symlink_to("/etc/passwd")
    given = dict.fromkeys(variables, "x") | {"BRANCH": "$(touch pwned)", "OWNER": "fork"}
    gh = 'if [ "$1" = api ]; then echo 7; else cat comment.md >> posted; fi'
    code, asked = run_recipe(workspace, script, gh, **given)

    assert code == 0
    assert not (work / "pwned").exists()
    if artifact != "plain":
        assert asked == ""
        return
    search, post = asked.splitlines()
    assert "head=fork:$(touch pwned)" in search
    assert post.startswith("pr comment 7 ")
    assert (work / "posted").read_text() == "table 666"


@pytest.mark.parametrize("owner", ["us/repo", "fork/repo"])
def test_relock_asks_which_branch_it_is(workspace: Path, owner: str) -> None:
    """And says what to do on a fork, which it cannot write to."""
    script, variables = recipe("relock", "count", "Which branch")
    gh = f"printf '%s\\n' {owner} 0123abc '$(touch pwned)'"
    given = dict.fromkeys(variables, "7") | {"GH_REPO": "us/repo"}
    code, asked = run_recipe(workspace, script, gh, **given)

    assert asked.startswith("api repos/us/repo/pulls/7 ")
    assert not (workspace / "checkout" / "pwned").exists()
    told = (workspace / "output").read_text()
    if owner == "us/repo":
        assert (code, told) == (0, "commit=0123abc\nbranch=$(touch pwned)\n")
    else:
        assert (code, told) == (1, "")


@pytest.mark.parametrize(
    ("comment", "arguments"),
    [
        ("/relock", ["lock"]),
        ("/relock\r\nthanks", ["lock"]),
        ("/relock net:make", ["lock", "--", "net:make"]),
        ("/relock net:make `id` $(id)", ["lock", "--reason=`id` $(id)", "--", "net:make"]),
        ("/relock --config=x *", ["lock", "--reason=*", "--", "--config=x"]),
        ("/relocked", None),
    ],
)  # fmt: skip
def test_relock_locks_what_the_comment_says(
    workspace: Path, comment: str, arguments: list[str] | None
) -> None:
    """Its words are arguments, whatever they look like."""
    script, _ = recipe("relock", "count", "Lock")
    ours = workspace / "bin" / "shufflenet-flops"
    ours.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    ours.chmod(0o755)
    code, _ = run_recipe(workspace, f"{{ {script}\n}} > said", "", COMMENT=comment)

    assert code == (0 if arguments else 1)
    said = (workspace / "checkout" / "said").read_text()
    assert (json.loads(said) if said else None) == arguments


@pytest.mark.parametrize("before", ["old", "none"])
@pytest.mark.parametrize("artifact", ["plain", "a link"])
def test_relock_commits_one_file(workspace: Path, before: str, artifact: str) -> None:
    """In place of the one that the branch has, or as its first, and starts the check anew."""
    script, variables = recipe("relock", "commit", "Commit")
    work = workspace / "checkout"
    if artifact == "plain":
        (work / "flop-budget.lock").write_text('{"schema": 2}\n')
    else:
        (work / "flop-budget.lock").symlink_to("/etc/passwd")
    found = """echo '{"sha": "abc", "size": 1}'""" if before == "old" else "echo 404; exit 1"
    gh = f'if [ "$3" = GET ]; then {found}; fi'
    given = dict.fromkeys(variables, "x") | {"BRANCH": 'a"$(id)', "FILE": "flop-budget.lock"}
    code, asked = run_recipe(workspace, script, gh, **given)

    if artifact == "a link":
        assert (code, asked) == (1, "")
        return
    assert code == 0
    commit = json.loads((work / "commit.json").read_text())
    assert base64.b64decode(commit.pop("content")) == b'{"schema": 2}\n'
    sha = {"sha": "abc"} if before == "old" else {}
    assert commit == {"message": "Lock what the models cost", "branch": 'a"$(id)', **sha}
    assert asked.splitlines()[-1] == 'workflow run flop-budget.yml --ref a"$(id)'


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
