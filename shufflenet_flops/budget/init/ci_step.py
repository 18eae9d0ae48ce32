"""The step that checks budgets in CI, for the forge that a repository is on."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from shufflenet_flops.errors import InputError
from shufflenet_flops.files.text_file import read_text

COPY = "tools/shufflenet-flops"
WORKFLOW = ".github/workflows/flop-budget.yml"
GITLAB = ".gitlab-ci.yml"
JOB = "flop-budget"

_WORKFLOW = """\
# Fails a pull request that makes a model heavier than its guard in {config} allows.
name: FLOP budget
on:
  pull_request:
permissions: {{}}
concurrency:
  group: flop-budget-${{{{ github.ref }}}}
  cancel-in-progress: true
jobs:
  flop-budget:
    name: FLOP budget
    runs-on: ubuntu-latest
    permissions:
      contents: read # of a private repository; a public one needs none
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          fetch-depth: 2 # the merge, and the base that it is of
          persist-credentials: false
          submodules: true
{python}      - uses: ./{copy} # zizmor: ignore[self-repository] a submodule of it
        with:
          against: base
{inputs}"""
_PYTHON = """\
      - uses: actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065 # v5.6.0
        with:
          python-version: "3.11"
      - run: {install}{where}
"""
_JOB = """\
# Fails a merge request that makes a model heavier than its guard in {config} allows.
{job}:
  image: python:3.11
{stage}  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  variables:
    GIT_DEPTH: "0"
    GIT_SUBMODULE_STRATEGY: recursive
  script:
{lines}
  artifacts:
    when: always
    reports:
      junit: flop-budget.xml
"""


@dataclass(frozen=True)
class CiStep:
    """A file to write whole, from the repository's top, and what was done to it in words."""

    path: str
    content: str
    words: str


def install_line(files: Collection[PurePosixPath], folder: PurePosixPath) -> str:
    """What pip has to install for a repository's own models; empty where nothing says it."""
    if folder / "requirements.txt" in files:
        return "pip install -r requirements.txt"
    if folder / "pyproject.toml" in files or folder / "setup.py" in files:
        return "pip install ."
    return ""


def forge_of(top: Path, remotes: str) -> str:
    """`github` or `gitlab`, by where the repository is pushed to or by its files; or nothing."""
    if "github.com" in remotes:
        return "github"
    if "gitlab" in remotes or os.path.lexists(top / GITLAB):
        return "gitlab"
    return "github" if (top / ".github").is_dir() else ""


def refuse_if_there(top: Path, forge: str) -> None:
    """Raise InputError where CI has the step already, or something of its name."""
    if forge == "github" and os.path.lexists(top / WORKFLOW):
        raise InputError(f"there is a {WORKFLOW} already: move it away to have it written anew")
    if forge == "gitlab" and re.search(rf"^{JOB}:", _present(top), re.MULTILINE):
        raise InputError(f"{GITLAB} has a job {JOB} already: take it away to have it written anew")


def ci_step(top: Path, forge: str, folder: PurePosixPath, install: str) -> CiStep | None:
    """The step for a forge; None where there is none, or where it would have to be quoted.

    `folder` has the budget file, from the top.
    """
    if not forge or not re.fullmatch(r"[\w./-]*", folder.as_posix()):
        return None
    return (_github if forge == "github" else partial(_gitlab, _present(top)))(folder, install)


def _present(top: Path) -> str:
    """The text of GitLab's file, empty where there is none."""
    file = top / GITLAB
    return read_text(file) if os.path.lexists(file) else ""


def _github(folder: PurePosixPath, install: str) -> CiStep:
    inner = "" if folder == PurePosixPath() else folder.as_posix()
    where = f"\n        working-directory: {inner}" if inner else ""
    inputs = [f"working-directory: {inner}"] if inner else []
    inputs += ['python-version: "" # the one above, with what the models import'] if install else []
    content = _WORKFLOW.format(
        config=(folder / "flop-budget.toml").as_posix(),
        python=_PYTHON.format(install=install, where=where) if install else "",
        copy=COPY,
        inputs="".join(f"          {line}\n" for line in inputs),
    )
    return CiStep(WORKFLOW, content, "checks every pull request against its base")


def _gitlab(present: str, folder: PurePosixPath, install: str) -> CiStep:
    """The file with one job more."""
    commands = [install] if install else []
    commands.append(f"pip install {'/'.join(['.', *['..'] * len(folder.parts), COPY])}")
    commands.append("shufflenet-flops check --against base -o $CI_PROJECT_DIR/flop-budget.xml")
    if folder != PurePosixPath():
        commands.insert(0, f"cd {folder}")
    job = _JOB.format(
        config=(folder / "flop-budget.toml").as_posix(),
        job=JOB,
        stage=_stage(present),
        lines="\n".join(f"    - {command}" for command in commands),
    )
    before = f"{present.rstrip()}\n\n" if present.strip() else ""
    return CiStep(GITLAB, before + job, "has one job more, which checks every merge request")


def _stage(text: str) -> str:
    """A line with the last stage, where there are stages and none is `test`, the default."""
    found = re.search(r"^stages:[ ]*(\[[^\]]*\]|(\n[ ]*-[^\n]*)+)", text, re.MULTILINE)
    stages = re.findall(r"[\w.-]*\w", found[1]) if found else []
    return f"  stage: {stages[-1]}\n" if stages and "test" not in stages else ""
