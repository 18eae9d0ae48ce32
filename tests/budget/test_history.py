"""`history`: every step of every model, with its commit, its author and its layer."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from shufflenet_flops.budget.block import Block, block_of
from shufflenet_flops.budget.layers import Layer
from shufflenet_flops.budget.lock import render
from tests.budget.repository import Repository
from tests.report.test_hostile_text import HOSTILE, is_safe

CONFIG = 'schema = 1\n[[budget]]\nmodel = "net"\nmacs = "1 G"\n'


def network(*widths: int, model: str = "net") -> Block:
    """Layers of ten MACs and one parameter for each channel."""
    layers = tuple(
        Layer(f"conv{i}", "conv2d", "1x3x8x8", f"1x{w}x8x8", "1x1", "1x1", 1, 10 * w, w, w, 4 * w)
        for i, w in enumerate(widths)
    )
    return block_of(model, ("1x3x8x8",), "paper", sum(widths), layers)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository.at(tmp_path / "repository")
    (repository.folder / "flop-budget.toml").write_text(CONFIG)
    return repository


def lock(repository: Repository, message: str, *blocks: Block, day: int = 1) -> str:
    (repository.folder / "flop-budget.lock").write_text(render(blocks))
    date = f"2026-01-{day:02}T12:00:00+00:00"
    return repository.commit(message, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)


def steps(repository: Repository, *arguments: str) -> list[dict[str, object]]:
    code, out, err = repository.run("history", "--format", "json", *arguments)
    assert (code, err) == (0, "")
    found = json.loads(out)["results"]
    assert isinstance(found, list)
    return found


def test_every_step_with_its_commit_and_layer(repository: Repository) -> None:
    """New, heavier, lighter, renamed and removed; what changed nothing is none."""
    repository.commit("nothing yet")
    commits = [
        lock(repository, "Begin", network(8, 8)),
        lock(repository, "Widen", network(8, 24)),
        lock(repository, "Narrow", network(4, 24)),
        lock(repository, "Rename", network(4, 24, model="mesh")),
        lock(repository, "Another", network(4, 24, model="mesh"), network(2)),
        lock(repository, "Remove", network(2)),
    ]
    (repository.folder / "readme").write_text("x")
    repository.commit("not about models")
    found = [step for step in steps(repository) if step["metric"] == "macs"]

    keys = ("commit", "message", "model", "before", "after", "layer", "change")
    assert [tuple(step[key] for key in keys) for step in found] == [
        (commits[0], "Begin", "net", None, 160, "", "new"),
        (commits[1], "Widen", "net", 160, 320, "conv1", "output 1x8x8x8 → 1x24x8x8"),
        (commits[2], "Narrow", "net", 320, 280, "conv0", "output 1x8x8x8 → 1x4x8x8"),
        (commits[3], "Rename", "mesh", 280, 280, "", "renamed, was net"),
        (commits[4], "Another", "net", None, 20, "", "new"),
        (commits[5], "Remove", "mesh", 280, None, "", "removed"),
    ]
    assert {step["author"] for step in found} == {"Ann"}
    assert {str(step["date"])[:10] for step in found} == {"2026-01-01"}


def test_since_a_day(repository: Repository) -> None:
    """What was before is what the first step is held against, and no step itself."""
    lock(repository, "Begin", network(8), day=1)
    lock(repository, "Widen", network(16), day=10)
    (step, *_) = steps(repository, "--since", "2026-01-05T00:00:00Z")

    assert (step["message"], step["before"], step["after"]) == ("Widen", 80, 160)
    assert steps(repository, "--since", "2026-01-20T00:00:00Z") == []


def test_the_main_line_alone(repository: Repository) -> None:
    """A branch that was merged is one step: what its merge changed."""
    lock(repository, "Begin", network(8))
    repository.git("switch", "--quiet", "-c", "branch")
    lock(repository, "Try", network(80))
    lock(repository, "Settle", network(16))
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge branch", "branch")
    found = [step for step in steps(repository) if step["metric"] == "macs"]

    assert [(step["message"], step["after"]) for step in found] == [
        ("Begin", 80),
        ("Merge branch", 160),
    ]


def test_a_lock_that_is_none_is_left_out_and_told(repository: Repository) -> None:
    """What comes after it is held against what was before."""
    lock(repository, "Begin", network(8))
    (repository.folder / "flop-budget.lock").write_text("<<<<<<< ours\n")
    bad = repository.commit("Merge badly")
    lock(repository, "Mend", network(16))
    code, out, _ = repository.run("history", "--format", "json")
    data = json.loads(out)

    assert code == 0
    assert data["notes"][0].startswith(f"{bad[:9]} is left out: flop-budget.lock:1: not valid JSON")
    assert [step["before"] for step in data["results"] if step["metric"] == "macs"] == [None, 80]
    assert "is left out" in repository.run("history")[1]


def test_without_a_lock_tags_are_counted(repository: Repository) -> None:
    """Each in its own tree, by its own budget file or else by the present one."""
    config = 'schema = 1\ninput = [1, 3, 32, 32]\n[[budget]]\nmodel = "{}"\nmacs = "1 G"\n'
    own = repository.folder / "flop-budget.toml"
    own.unlink()
    repository.commit("before budgets")
    repository.git("tag", "v1")
    own.write_text(config.format("shufflenet_v1_x0_5_g3"))
    repository.commit("budgets")
    repository.git("tag", "-m", "second", "v2")
    own.write_text(config.format("shufflenet_v1_x0_25_g3"))
    repository.commit("untagged")
    found = [step for step in steps(repository) if step["metric"] == "macs"]

    assert [(step["model"], step["change"]) for step in found] == [
        ("shufflenet_v1_x0_25_g3", "new"),
        ("shufflenet_v1_x0_25_g3", "removed"),
        ("shufflenet_v1_x0_5_g3", "new"),
    ]


def test_neither_lock_nor_tag(repository: Repository, tmp_path: Path) -> None:
    """Says what to do; a repository without a commit, and none at all, are told too."""
    code, _, err = repository.run("history")
    assert code == 2
    assert "there is no history" in err
    repository.commit("budgets")
    code, _, err = repository.run("history")
    assert code == 2
    assert "no commit has a flop-budget.lock and none has a tag: run `shufflenet-flops lock`" in err
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "flop-budget.toml").write_text(CONFIG)
    code, _, err = Repository(plain).run("history", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert code == 2
    assert "no repository" in err


def test_the_page(repository: Repository) -> None:
    """One file with a plot for each metric, which loads nothing."""
    pytest.importorskip("matplotlib")
    lock(repository, "Begin", network(8, 8))
    lock(repository, "Widen", network(8, 24))
    code, _, err = repository.run("history", "-o", "history.html", "-o", "history.csv")
    page = (repository.folder / "history.html").read_text()

    assert (code, err) == (0, "")
    assert page.count("<img ") == 4
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "The largest step up is net at" in page
    assert "conv1 output 1x8x8x8 → 1x24x8x8" in page
    assert len((repository.folder / "history.csv").read_text().splitlines()) == 9
    saved = repository.run("history", "--format", "json")[1]
    (repository.folder / "saved.json").write_text(saved)
    assert "Widen" in repository.run("report", "saved.json")[1]
    assert repository.run("history", "-o", "x.pdf")[0] == 2


def test_strangers_texts_do_nothing(repository: Repository) -> None:
    """Names, messages and models with escapes, markup and workflow commands in them."""
    pytest.importorskip("matplotlib")
    message = HOSTILE.replace("\n", " ").replace("\x00", "").replace("\ud800", "")
    hostile = f"{message}<script>alert(1)</script>|[x](javascript:1) @everyone =1+1"
    lock(repository, "Begin", network(8))
    (repository.folder / "flop-budget.lock").write_text(
        render((replace(network(16), model="::error::<b>@all|"),))
    )
    name = hostile.replace("<", "(").replace(">", ")")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", hostile, GIT_AUTHOR_NAME=name)
    (repository.folder / "old").write_text("")
    files = [f"out{suffix}" for suffix in (".html", ".md", ".csv", ".json")]
    code, out, err = repository.run("history", *(part for file in files for part in ("-o", file)))
    texts = {file: (repository.folder / file).read_text() for file in files}

    assert (code, err) == (0, "")
    assert "everyone" in out
    assert is_safe(out)
    for text in texts.values():
        assert "everyone" in text
        assert all(sign.isprintable() or sign in "\n" for sign in text)
    assert "<script>alert" not in texts["out.html"]
    assert "<script>alert" not in texts["out.md"]
    assert "<b>@all" not in texts["out.html"]
    assert not any(line.startswith("::") for line in texts["out.md"].splitlines())
