"""`init`: what it finds by reading, what it leaves out and says, and what it writes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
import yaml

from shufflenet_flops.budget.init.propose import propose
from shufflenet_flops.budget.init.scan import scan
from shufflenet_flops.budget.load import load
from tests.budget.repository import Repository

NET = """\
from torch import nn


class Part(nn.Module):
    def forward(self, x):
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.part = Part()

    def forward(self, x):
        return self.part(self.conv(x))
"""


def found(**files: str) -> dict[str, tuple[str, str]]:
    """Each proposal's root and why it is not counted; `__` in a file's name is a slash."""
    facts = [
        scan(PurePosixPath(f"{name.replace('__', '/')}.py"), text) for name, text in files.items()
    ]
    return {one.model: (one.root, one.why_not) for one in propose(facts)}


def test_whole_modules_and_not_their_parts() -> None:
    """Nor what needs arguments, what takes several inputs, or what is private."""
    others = """
class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()

    def forward(self, x):
        return x


class Loss(nn.Module):
    def forward(self, x, y):
        return x - y


class _Hidden(Net): ...


class Nothing: ...
"""
    assert found(net=NET + others) == {"net:Net": (".", "")}


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("import torch\nclass N(torch.nn.Module):\n    def forward(self, x): ...", ["a:N"]),
        ("import torch.nn as n\nclass N(n.Module):\n    def forward(self, x): ...", ["a:N"]),
        ("from lightning import LightningModule as L\nclass N(L):\n    def forward(self, x): ...",
         ["a:N"]),
        ("from torch.nn import Module, Sequential\ndef f(): return Sequential()", ["a:f"]),
        ("from torch import nn\ndef f(classes=10) -> nn.Module: ...", ["a:f"]),
        ("from torch import nn\ndef f(classes) -> nn.Module: ...", []),
        ("from torch import nn\ndef f(*, classes) -> nn.Module: ...", []),
        ("from torch import nn\nasync def f() -> nn.Module: ...", []),
        ("def f() -> 'torch.nn.Module': ...", ["a:f"]),
        ("import timm\ntimm.create_model('resnet50.a1_in1k')", ["timm:resnet50"]),
        ("from timm import create_model as c\nc('vit_tiny_patch16_224')",
         ["timm:vit_tiny_patch16_224"]),
        ("import timm\ntimm.create_model(name)", []),
        ("import torchvision\ntorchvision.models.segmentation.fcn_resnet50()",
         ["torchvision:fcn_resnet50"]),
        ("from torchvision.models import resnet18 as r\nr(weights=None)", ["resnet18"]),
        ("from torchvision import models as m\nm.get_model('quantized_googlenet')",
         ["torchvision:quantized_googlenet"]),
        ("from torchvision.models import ResNet\nResNet()", []),
        ("print 'python 2'", []),
        ("\0", []),
        ("x = " + "(" * 5000, []),
        ("", []),
    ],
)  # fmt: skip
def test_what_code_names(text: str, models: list[str]) -> None:
    """By whatever name it is imported."""
    assert list(found(a=text)) == models


def test_bases_and_parts_in_other_files() -> None:
    """A subclass has its base's `forward`; a factory counts where its class needs arguments."""
    base = "from torch import nn\nclass Base(nn.Module):\n    def forward(self, x): ...\n"
    deep = (
        "from base import Base\nclass Deep(Base):\n    def __init__(self, n): ...\n"
        "def deep50(): return Deep(50)\ndef plain(): return Base()\n"
    )
    assert list(found(base=base, deep=deep)) == ["base:Base", "deep:deep50"]


def test_where_a_module_is_imported_from() -> None:
    """From src/ or from the top; from its own folder where it imports what stands beside it."""
    package = {"src__pack____init__": "", "src__pack__net": NET}
    assert found(**package) == {"pack.net:Net": ("src", "")}
    assert found(pack__net=NET) == {"pack.net:Net": (".", "")}
    beside = {"zoo__net": f"import blocks\n{NET}", "zoo__blocks": ""}
    assert found(**beside) == {"net:Net": ("zoo", "")}
    facts = [scan(PurePosixPath("my-net.py"), NET)]
    assert propose(facts) == []


def test_a_script_is_not_to_be_run() -> None:
    """What trains when it is imported is told, and a main guard or a seed is no script."""
    assert found(a=f"{NET}\nfor i in range(3):\n    print(i)\n")["a:Net"][1] == (
        "line 18 runs when the file is imported"
    )
    assert found(a=f"{NET}\nfit()\n")["a:Net"][1]
    harmless = (
        "import torch\ntorch.manual_seed(0)\n'''text'''\nif __name__ == '__main__':\n    f()\n"
    )
    assert found(a=f"{harmless}{NET}") == {"a:Net": (".", "")}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """On GitHub, with a network of its own, one of torchvision's, a graph, and tests."""
    repository = Repository.at(tmp_path / "repository")
    for folder in (".github/workflows", "pack", "tests"):
        (repository.folder / folder).mkdir(parents=True)
    (repository.folder / ".github/workflows/ci.yml").write_text("on: push\n")
    (repository.folder / "pack/__init__.py").write_text("open('ran', 'a').write('x')\n")
    (repository.folder / "pack/net.py").write_text(NET)
    (repository.folder / "tests/test_net.py").write_text(NET)
    repository.write(
        train__py="import torch, torchvision\nx = torch.randn(8, 3, 32, 32)\n"
        "net = torchvision.models.resnet18()\n"
    )
    return repository


def test_a_repository_from_nothing(repository: Repository) -> None:
    """The file is read again, passes, and the workflow has what the models need."""
    repository.write(requirements__txt="torch\n")
    repository.commit("a network")
    code, out, err = repository.run("init")
    assert (code, err) == (0, "")
    assert out.startswith("wrote flop-budget.toml, which has 2 models\n")
    assert "pack.net:Net" in out
    assert "2 checked, all fine" in out
    assert "git submodule add ADDRESS tools/shufflenet-flops" in out
    assert "  shufflenet-flops check --against HEAD\n" in out
    config = load(repository.folder / "flop-budget.toml")
    assert [(entry.model, entry.inputs[0].shape) for entry in config.entries] == [
        ("pack.net:Net", (1, 3, 32, 32)),
        ("resnet18", (1, 3, 32, 32)),
    ]
    assert (repository.folder / "ran").read_text() == "x"
    # 30x30 positions of 27 x 8 weights, to three digits upwards.
    text = (repository.folder / "flop-budget.toml").read_text()
    assert '# macs = "195 k"  # a ceiling, if you want one: it has 194.4 kMAC' in text
    workflow = yaml.safe_load((repository.folder / ".github/workflows/flop-budget.yml").read_text())
    steps = workflow["jobs"]["flop-budget"]["steps"]
    assert steps[2]["run"] == "pip install -r requirements.txt"
    assert steps[3]["with"]["against"] == "base"
    assert steps[3]["with"]["python-version"] == ""
    assert workflow["permissions"] == {}
    repository.commit("budgets")
    assert repository.run("check", "--against", "HEAD")[0] == 0


def test_nothing_is_overwritten(repository: Repository) -> None:
    """Neither a budget file, nor a table in pyproject.toml, nor a workflow of that name."""
    for name, text in {
        "flop-budget.toml": "mine",
        "pyproject.toml": "[tool.shufflenet-flops]\nschema = 1\n",
        ".github/workflows/flop-budget.yml": "mine",
    }.items():
        file = repository.folder / name
        file.write_text(text)
        before = sorted(repository.folder.rglob("*"))
        code, out, err = repository.run("init")
        assert (code, out) == (2, "")
        assert "already" in err
        assert name in err
        assert file.read_text() == text
        assert sorted(repository.folder.rglob("*")) == before
        file.unlink()


def test_what_cannot_be_counted_is_a_comment(repository: Repository) -> None:
    """With why; taking the signs away makes an entry of it."""
    repository.write(
        bad__py=NET.replace("Conv2d(3", "Conv2d(7").replace("Net", "Bad"),
        script__py=NET.replace("Net", "Script") + "\nexit(1)\n",
    )
    code, out, _ = repository.run("init")
    text = (repository.folder / "flop-budget.toml").read_text()

    assert code == 0
    assert "has 2 models, and 2 as comments, each with why" in out
    assert "# left out, line 18 runs when the file is imported\n# [[budget]]\n" in text
    assert "# left out, the model's forward pass failed" in text
    assert len(load(repository.folder / "flop-budget.toml").entries) == 2
    again = text.replace("# [[budget]]", "[[budget]]").replace("# model", "model")
    (repository.folder / "flop-budget.toml").write_text(again)
    assert len(load(repository.folder / "flop-budget.toml").entries) == 4


def test_nothing_to_propose_writes_nothing(tmp_path: Path) -> None:
    """Says what it looked for; a model that fails says why; outside of a repository too."""
    plain = Repository(tmp_path / "plain")
    plain.folder.mkdir()
    code, _, err = plain.run("init", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert code == 2
    assert "there is no repository" in err
    repository = Repository.at(tmp_path / "repository")
    code, _, err = repository.run("init")
    assert code == 2
    assert "no model is in sight here" in err
    repository.write(a__py=NET.replace("Conv2d(3", "Conv2d(7"))
    code, _, err = repository.run("init")
    assert code == 2
    assert "a:Net: the model's forward pass failed" in err
    assert [path.name for path in repository.folder.iterdir() if path.suffix != ".py"] == [".git"]


def test_a_graph_needs_no_torch(tmp_path: Path) -> None:
    """Nor does a network of the zoo; CI installs nothing but the tool."""
    repository = Repository.at(tmp_path)
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "CODEOWNERS").write_text("")
    repository.write(a__py="from torchvision.models import vgg16\nvgg16()\n")
    assert repository.run("init")[0] == 0
    workflow = (tmp_path / ".github/workflows/flop-budget.yml").read_text()
    assert "setup-python" not in workflow


@pytest.mark.parametrize(
    ("before", "stage"),
    [
        ("", None),
        ("test:\n  script: make\n", None),
        ("stages: [build, check]\nx:\n  stage: build\n  script: make", "check"),
        ("stages:\n  - build\n  - deploy\nx:\n  script: make\n", "deploy"),
        ("stages:\n- test\n- deploy\n", None),
    ],
)
def test_a_job_of_gitlab(tmp_path: Path, before: str, stage: str | None) -> None:
    """Is added to what is there, in a stage that there is; a folder below the top is gone to."""
    repository = Repository.at(tmp_path)
    if before:
        (tmp_path / ".gitlab-ci.yml").write_text(before)
    else:
        repository.git("remote", "add", "origin", "https://gitlab.example.org/a/b.git")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "net.py").write_text(NET)
    (inner / "pyproject.toml").write_text("")
    code, out, err = repository.run("init", directory=inner)

    assert (code, err) == (0, "")
    assert "wrote ../.gitlab-ci.yml, which has one job more" in out
    text = (tmp_path / ".gitlab-ci.yml").read_text()
    assert text.startswith(before.rstrip())
    job = yaml.safe_load(text)["flop-budget"]
    assert job.get("stage") == stage
    assert job["script"] == [
        "cd inner",
        "pip install .",
        "pip install ./../tools/shufflenet-flops",
        "shufflenet-flops check --against base -o $CI_PROJECT_DIR/flop-budget.xml",
    ]
    (inner / "flop-budget.toml").unlink()
    code, _, err = repository.run("init", directory=inner)
    assert code == 2
    assert ".gitlab-ci.yml has a job flop-budget already" in err


def test_strangers_names_do_nothing(repository: Repository) -> None:
    """Names of files with line breaks, escapes and expressions of workflows."""
    for name in ("a\nb.py", "c\x1b[31m.py", "$(touch pwned).py", "${{ x }}.py"):
        (repository.folder / name).write_text(NET)
    folder = repository.folder / "${{ x }}"
    folder.mkdir()
    (folder / "net.py").write_text(NET)
    (repository.folder / "link.py").symlink_to("/etc/passwd")
    code, out, err = repository.run("init", directory=folder)
    assert (code, err) == (0, "")
    assert "flop-budget.yml" not in out
    assert repository.run("init")[0] == 0
    text = (repository.folder / "flop-budget.toml").read_text()
    assert text.isprintable() or set(text) >= {"\n"}
    assert "\x1b" not in text
    assert "pwned" not in text
