"""`check --against`: what models are beside what they were where HEAD left a branch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shufflenet_flops.budget.tree import PREFIX, clear_left_behind, tree_of
from shufflenet_flops.errors import InputError
from tests.budget.repository import Repository, plain_environment

HEAD = "schema = 1\ninput = [1, 3, 64, 64]\n"
G3, G4, HALF = "shufflenet_v1_x1_0_g3", "shufflenet_v1_x1_0_g4", "shufflenet_v1_x0_5_g3"
NET = """\
from torch import nn


def make():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1, groups=4), nn.ReLU())
"""


def budgets(*models: str, more: str = "", guard: str = 'macs = "+2 %"') -> str:
    entries = "".join(f'[[budget]]\nmodel = "{model}"\n' for model in models)
    return f"{HEAD}{more}[guard]\n{guard}\n{entries}"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """On `main`, with a budget for one network and no lock; HEAD is on a branch of it."""
    repository = Repository.at(tmp_path / "repository")
    write(repository, budgets(G3))
    repository.commit("budgets")
    repository.git("switch", "--quiet", "-c", "change")
    return repository


def write(repository: Repository, config: str) -> None:
    (repository.folder / "flop-budget.toml").write_text(config)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("locked", [False, True])
def test_nothing_changed(repository: Repository, locked: bool) -> None:
    """By the lock, or counted in the base's tree; which of the two is said."""
    if locked:
        repository.git("switch", "--quiet", "main")
        assert repository.run("lock")[0] == 0
        repository.commit("lock")
        repository.git("switch", "--quiet", "change")
        repository.git("merge", "--quiet", "main")
    code, out, err = repository.run("check", "--against", "main")
    base = repository.git("rev-parse", "main")[:9]

    assert (code, err) == (0, "")
    assert lines(out) == [
        f"ok {G3} macs 12.1 MMAC, as at {base}",
        f"1 checked, all fine; against {base} (main), "
        + ("by its lock" if locked else "counted anew in its tree"),
    ]


def test_models_that_are_new_or_gone(repository: Repository) -> None:
    """Said as such, and no failure; a level of `off` is no removal."""
    write(repository, budgets(HALF))
    code, out, _ = repository.run("check", "--against", "main")
    base = repository.git("rev-parse", "main")[:9]

    assert code == 0
    assert f"ok {HALF} base new since {base}: 3.5 MMAC" in lines(out)
    assert f"ok {G3} base removed since {base}, where it had 12.1 MMAC" in lines(out)
    write(repository, budgets(G3) + 'level = "off"\n')
    assert "removed" not in repository.run("check", "--against", "main")[1]


def test_another_input_or_convention_is_counted_there_as_well(repository: Repository) -> None:
    """So that the terms of a budget can be changed, with and without a lock at the base."""
    changed = budgets(G3).replace("64, 64", "32, 32") + 'convention = "paper-conv"\n'
    for locked in (False, True):
        if locked:
            repository.git("switch", "--quiet", "--force", "main")
            assert repository.run("lock")[0] == 0
            repository.commit("lock")
            repository.git("switch", "--quiet", "-c", "locked")
        write(repository, changed)
        code, out, err = repository.run("check", "--against", "main")
        assert (code, err) == (0, "")
        assert len(lines(out)) == 2
        assert "as at" in out
        assert ("counted anew in its tree" in out) != locked
        assert (f"by its lock, with {G3} counted anew" in out) == locked


def test_the_merge_base_and_not_the_branch(repository: Repository) -> None:
    """What happened on the branch since is nothing of ours."""
    parting = repository.git("rev-parse", "main")
    repository.commit("ours")
    repository.git("switch", "--quiet", "main")
    write(repository, budgets(G4))
    repository.commit("theirs")
    repository.git("switch", "--quiet", "change")
    code, out, _ = repository.run("check", "--against", "main")

    assert code == 0
    assert f"against {parting[:9]} (where HEAD left main), " in out
    assert G4 not in out


def test_before_there_were_budgets(tmp_path: Path) -> None:
    """The present budget file is counted in the base's tree: adoption needs no first merge."""
    repository = Repository.at(tmp_path / "new")
    repository.write(net__py=NET)
    repository.commit("a network")
    write(repository, budgets("net:make", "net:other", more='path = ["."]\n'))
    repository.write(
        net__py=NET.replace("groups=4", "groups=1") + "\n\ndef other():\n    return nn.ReLU()\n"
    )
    code, out, err = repository.run("check", "--against", "HEAD")

    assert (code, err) == (1, "")
    # 62x62 positions, 8 x 8 weights instead of 8 x 2, and 27 x 8 of the first layer.
    assert "+184.5 kMAC (+20.7 %) > +2 %" in out
    assert "groups 4 → 1" in out
    assert "net:other base new since" in " ".join(lines(out))


def test_the_trees_own_code_is_counted(repository: Repository) -> None:
    """Its modules and not the present ones, wherever they are imported from."""
    folder = repository.folder / "src" / "pack"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "net.py").write_text(NET)
    write(repository, budgets("pack.net:make"))
    repository.commit("a package")
    (folder / "net.py").write_text(NET.replace("groups=4", "groups=1"))
    # As an editable installation has it.
    code, out, err = repository.run(
        "check",
        "--against",
        "HEAD",
        PYTHONPATH=f"{plain_environment()['PYTHONPATH']}:{repository.folder / 'src'}",
    )
    assert (code, err) == (1, "")
    assert "groups 4 → 1" in out


def test_a_module_of_the_present_tree_is_found_out(repository: Repository, tmp_path: Path) -> None:
    """Where an importer of somebody's own finds it, the comparison would be with itself."""
    repository.write(net__py=NET)
    write(repository, budgets("net:make"))
    repository.commit("a network")
    net, site = repository.folder / "net.py", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys, importlib.util\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'net':\n"
        f"            return importlib.util.spec_from_file_location(name, {str(net)!r})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    path = f"{plain_environment()['PYTHONPATH']}:{site}"
    code, _, err = repository.run("check", "--against", "HEAD", PYTHONPATH=path)

    assert code == 2
    assert "net was imported from this tree and not from the base's" in err


def test_formulas_are_given_to_the_base_too(repository: Repository) -> None:
    """So that an op of one's own weighs the same on both sides."""
    repository.write(
        rules__py="import torch\nimport shufflenet_flops as sf\n\n"
        "library = torch.library.Library('own', 'DEF')\n"
        "library.define('twice(Tensor x) -> Tensor')\n"
        "library.impl('twice', lambda x: x * 2, 'CompositeExplicitAutograd')\n\n\n"
        "@sf.rule(torch.ops.own.twice)\ndef macs(x, out):\n    return x.numel()\n",
        net__py="import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        return torch.ops.own.twice(x)\n",
    )
    write(repository, budgets("net:Net", more='path = ["."]\n'))
    repository.commit("an op of its own")
    command = ("check", "--against", "HEAD", "--rules", "rules.py")
    code, out, err = repository.run(*command)
    assert (code, err) == (0, "")
    assert "12.3 kMAC, as at" in out  # 3 x 64 x 64


@pytest.mark.parametrize("metric", ["activations", "memory"])
def test_the_layer_behind_what_a_lock_has_by_stage_alone(
    repository: Repository, metric: str
) -> None:
    """It is counted anew where the guard broke, and only there."""
    net = (
        "from torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Sequential(\n"
        "        nn.Conv2d(3, 8, 1), nn.Conv2d(8, WIDTH, 1), nn.ReLU(), nn.Conv2d(WIDTH, 8, 1)))\n"
    )
    repository.write(net__py=net.replace("WIDTH", "8"))
    config = budgets("net:make", G3, more='path = ["."]\n', guard=f'{metric} = "+2 %"')
    write(repository, config)
    assert repository.run("lock")[0] == 0
    repository.commit("lock")
    command = ("check", "--against", "HEAD", "-o", "x.json")
    assert repository.run(*command)[1].strip().endswith("by its lock")
    repository.write(net__py=net.replace("WIDTH", "12"))
    code, out, err = repository.run(*command)
    assert (code, err) == (1, "")
    assert out.strip().endswith("by its lock, and the layers of net:make by its tree")
    results = json.loads((repository.folder / "x.json").read_text())["results"]
    (verdict,) = (one for one in results if one["status"] == "over")
    rows = {row["path"]: row["delta"] for row in verdict["top_rows"]}
    grown = 4 * 64 * 64  # elements more, of the wider output
    # Written by the wide layer and by ReLU, read by ReLU and the last layer, 4 bytes each.
    memory = {"0.1": 4 * (grown + 4 * 8 + 4), "0.2": 8 * grown, "0.3": 4 * (grown + 4 * 8)}
    assert rows == ({"0.1": grown} if metric == "activations" else memory)


def test_a_lock_that_its_tree_does_not_bear_out(repository: Repository) -> None:
    """What cannot be counted at the base is told, and the figures of the lock hold."""
    repository.write(net__py=NET)
    write(repository, budgets("net:make", more='path = ["."]\n', guard='memory = "+2 %"'))
    assert repository.run("lock")[0] == 0
    repository.write(net__py="raise SystemExit(3)\n")
    repository.commit("broken")
    repository.write(net__py=NET.replace("8, 3)", "8, 5, padding=4)"))
    code, out, _ = repository.run("check", "--against", "HEAD")
    assert code == 1
    assert "+2 %" in out
    assert "by its lock, and no layers of net:make, which its tree does not count so" in out


@pytest.mark.parametrize("locked", [False, True])
def test_unknown_is_not_zero(repository: Repository, locked: bool) -> None:
    """A guard holds only what was counted: it says so, new or not, accepted or not."""
    repository.write(
        net__py="import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        return torch.linalg.inv(x)\n"
    )
    config = budgets("net:Net", more='path = ["."]\n')
    write(repository, config)
    command = ("check", "--against", "HEAD")
    code, out, _ = repository.run(*command)
    assert code == 1
    assert "new since" in out
    repository.commit("an op of its own")
    if locked:
        assert repository.run("lock", "--reason", "as it is", "net:Net")[0] == 0
        repository.commit("lock")
    code, out, err = repository.run(*command)
    assert (code, err) == (1, "")
    text = " ".join(out.split())
    base = repository.git("rev-parse", "HEAD")[:9]
    assert (
        f"FAIL net:Net macs at least 0 MAC, as at {base}, with ops that are not counted: " in text
    )
    assert "aten.linalg_inv" in text
    assert "give its formula with `--rules FILE`" in text
    write(repository, config + 'level = "warn"\n')
    code, out, _ = repository.run(*command)
    assert (code, out.split()[0]) == (0, "WARN")


def test_a_system_without_locks_is_told(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs a folder of its own says what works without one."""
    monkeypatch.setattr("shufflenet_flops.files.locks.ARE_KNOWN", False)
    with (
        pytest.raises(InputError, match=r"on Windows: commit a flop-budget\.lock"),
        tree_of(repository.folder, "HEAD"),
    ):
        pass


def test_what_cannot_be_counted_at_the_base(repository: Repository) -> None:
    """A model that the base names is not comparable; nothing passes because it is broken."""
    repository.write(net__py=NET + "\nraise RuntimeError('broken')\n")
    write(repository, budgets("net:make", more='path = ["."]\n'))
    repository.commit("broken")
    repository.write(net__py=NET)
    code, out, _ = repository.run("check", "--against", "HEAD")

    assert code == 2
    assert "could not be counted at" in out
    assert "RuntimeError: broken" in out


def test_a_lock_of_other_versions_is_not_taken(repository: Repository) -> None:
    """The tree is counted instead: both sides by the same torch."""
    repository.write(net__py=NET)
    write(repository, budgets("net:make", more='path = ["."]\n'))
    assert repository.run("lock")[0] == 0
    lock = repository.folder / "flop-budget.lock"
    repository.commit("lock")
    assert "by its lock" in repository.run("check", "--against", "HEAD")[1]
    text = lock.read_text()
    lock.write_text(text.replace('"traced_with": {"torch": "', '"traced_with": {"torch": "1.'))
    assert lock.read_text() != text
    repository.commit("another torch")
    assert "counted anew in its tree" in repository.run("check", "--against", "HEAD")[1]


def test_an_absolute_guard_and_one_in_percent(repository: Repository) -> None:
    """Each holds; what is broken is what is named, with the layers."""
    repository.write(net__py=NET)
    guard = 'macs = ["+50 %", "+100 k"]\nparams = "+100"'
    write(repository, budgets("net:make", more='path = ["."]\n', guard=guard))
    repository.commit("a network")
    repository.write(net__py=NET.replace("groups=4", "groups=1"))
    command = ("check", "--against", "HEAD", "-o", "x.json", "-o", "x.md")

    assert repository.run(*command)[0] == 1
    # 62x62 x (8x8 - 8x2) = 184,512 MACs more, of 62x62 x (216 + 16) = 891,808; 48 weights more.
    macs, params = json.loads((repository.folder / "x.json").read_text())["results"]
    assert (macs["locked"], macs["actual"], macs["status"]) == (891_808, 1_076_320, "over")
    assert "> +100 k" in macs["message"]
    assert "+50 %" not in macs["message"]
    assert (params["delta"], params["status"]) == (48, "ok")
    assert [row["path"] for row in macs["top_rows"]] == ["1"]
    assert "1 groups 4 → 1" in params["hint"]
    assert "; against " in (repository.folder / "x.md").read_text()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("mian", "'mian': git knows no such commit here: run `git fetch --tags`"),
        ("--output=x", "'--output=x': git knows no such commit here"),
        ("\0", "git knows no such commit here"),
        ("HEAD:flop-budget.toml", "git knows no such commit here"),
        ("", "'': git knows no such commit here"),
        ("base", "--against base: nothing here says what a pull request would be merged into"),
    ],
)
def test_what_is_no_commit(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ref: str,
    message: str,
) -> None:
    """One line that says so, and exit code 2."""
    from shufflenet_flops.cli.app import run

    for name in set(os.environ) - set(plain_environment()):
        monkeypatch.delenv(name)
    monkeypatch.chdir(repository.folder)
    assert run(["check", f"--against={ref}"]) == 2
    assert message in capsys.readouterr().err
    assert not (repository.folder / "x").exists()


def test_outside_of_a_repository(tmp_path: Path) -> None:
    """Nothing to compare in."""
    (tmp_path / "flop-budget.toml").write_text(budgets(G3))
    here = Repository(tmp_path)
    code, _, err = here.run(
        "check", "--against", "main", GIT_CEILING_DIRECTORIES=str(tmp_path.parent)
    )

    assert code == 2
    assert "there is no repository to compare in" in err


def test_a_shallow_clone_says_what_mends_it(repository: Repository, tmp_path: Path) -> None:
    """The command works as printed."""
    repository.commit("ours")
    clone = tmp_path / "clone"
    address = f"file://{repository.folder}"
    repository.git("clone", "--quiet", "--depth=1", "--branch=change", address, str(clone))
    shallow = Repository(clone)
    code, _, err = shallow.run("check", "--against", "origin/main")

    command = "git fetch --unshallow origin +refs/heads/main:refs/remotes/origin/main"
    assert code == 2
    assert f"the clone is shallow; run `{command}`" in err
    shallow.git(*command.split()[1:])
    assert shallow.run("check", "--against", "origin/main")[0] == 0


@pytest.mark.parametrize("variable", ["GITHUB_BASE_REF", "BITBUCKET_PR_DESTINATION_BRANCH"])
def test_the_base_of_a_pull_request(repository: Repository, tmp_path: Path, variable: str) -> None:
    """As CI tells it; a merge of two, as GitHub checks it out with a depth of 2, is enough."""
    main = repository.git("rev-parse", "main")
    repository.commit("ours")
    repository.git("switch", "--quiet", "-c", "merged", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "change")
    clone = tmp_path / "clone"
    address = f"file://{repository.folder}"
    repository.git("clone", "--quiet", "--depth=2", "--branch=merged", address, str(clone))
    code, out, err = Repository(clone).run("check", "--against", "base", **{variable: "main"})

    assert (code, err) == (0, "")
    assert f"against {main[:9]} (HEAD^1)" in out


def test_a_hook_of_the_repository_is_not_run(repository: Repository, tmp_path: Path) -> None:
    """Nor is its index touched, and nothing is registered with git."""
    for name in ("post-checkout", "post-index-change"):
        hook = repository.folder / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'hooked'}\n")
        hook.chmod(0o755)
    index = (repository.folder / ".git" / "index").read_bytes()
    assert repository.run("check", "--against", "main")[0] == 0

    assert not (tmp_path / "hooked").exists()
    assert (repository.folder / ".git" / "index").read_bytes() == index
    assert repository.git("worktree", "list").count("\n") == 0
    assert repository.git("status", "--porcelain") == ""


def test_a_folder_below_the_top(repository: Repository) -> None:
    """Its budget file and lock are found at the base as well."""
    folder = repository.folder / "sub"
    folder.mkdir()
    (folder / "flop-budget.toml").write_text(budgets(HALF))
    assert repository.run("lock", directory=folder)[0] == 0
    repository.commit("below")
    code, out, _ = repository.run("check", "--against", "HEAD", directory=folder)

    assert code == 0
    assert "by its lock" in out


def test_a_tree_is_gone_afterwards(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended it, and only where nobody holds it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with tree_of(repository.folder, "HEAD") as tree:
        assert (tree.folder / "flop-budget.toml").read_text() == budgets(G3)
        clear_left_behind()
        assert tree.folder.exists()
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    with pytest.raises(ZeroDivisionError), tree_of(repository.folder, "HEAD"):
        raise ZeroDivisionError
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    (tmp_path / f"{PREFIX}elsewhere").symlink_to(repository.folder)
    clear_left_behind()
    assert (repository.folder / "flop-budget.toml").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_moment(repository: Repository, tmp_path: Path, number: int) -> None:
    """Git has no worktree more, and the next run clears away what the kill has left."""
    repository.write(net__py=NET.replace("def make", "import time\ntime.sleep(60)\n\n\ndef make"))
    write(repository, budgets("net:make", more='path = ["."]\n'))
    repository.commit("slow")
    repository.write(net__py=NET)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**plain_environment(), "TMPDIR": str(temporary)}
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "shufflenet_flops", "check", "--against", "HEAD"],
        cwd=repository.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(temporary.glob(f"{PREFIX}*/tree/net.py")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(temporary.glob(f"{PREFIX}*/tree/net.py"))
    os.killpg(running.pid, number)
    running.wait()
    assert repository.git("worktree", "list").count("\n") == 0
    write(repository, budgets(G3))
    assert repository.run("check", "--against", "main", TMPDIR=str(temporary))[0] == 0
    assert not list(temporary.glob(f"{PREFIX}*"))


def test_an_accepted_figure_passes_until_it_changes(repository: Repository) -> None:
    """`lock --reason` is the acknowledgement, and the hint has it as a command."""
    repository.write(net__py=NET)
    write(repository, budgets("net:make", G3, more='path = ["."]\n'))
    assert repository.run("lock")[0] == 0
    repository.commit("lock")
    repository.write(net__py=NET.replace("groups=4", "groups=1"))
    code, out, _ = repository.run("check", "--against", "HEAD")
    assert code == 1
    assert "`shufflenet-flops lock --reason WHY net:make`" in out
    assert repository.run("lock", "--reason", "mixes all channels", "net:make")[0] == 0
    code, out, _ = repository.run("check", "--against", "HEAD", "--locked")
    assert code == 0
    assert "> +2 %, accepted in the lock: mixes all channels" in " ".join(out.split())
    repository.write(net__py=NET.replace("groups=4", "groups=1").replace("8, 3)", "8, 5)"))
    assert repository.run("check", "--against", "HEAD")[0] == 1
