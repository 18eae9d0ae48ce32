"""The house is as docs/design.md draws it, and what holds a room up is below it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "shufflenet_flops"

# What every other room may import.
CELLAR = ("errors", "environment", "extras", "registry", "files", "running", "saved")
# The rooms from the ground up, each with those that it stands on besides the cellar. `trace` and
# `counters` know nothing of `zoo` and `build`: that they agree with them is evidence.
STANDS_ON: Mapping[str, str] = {
    "errors": "",
    "environment": "",
    "extras": "",
    "registry": "",
    "running": "",
    "saved": "errors",
    "files": "errors environment saved",
    "spec": "",
    "zoo": "spec",
    "peak": "spec",
    "counting": "spec zoo peak",
    "design": "spec zoo counting",
    "window_modules": "spec",
    "build": "spec counting window_modules",
    "trace": "spec peak counting",
    "counters": "spec counting trace",
    "sources": "spec zoo peak counting build trace",
    "closed_form": "counting trace design sources",
    "latency": "spec zoo counting build trace sources",
    "measure": "build trace counters",
    "comparison": "spec zoo counting counters sources latency",
    "paper": "spec zoo peak counting design sources latency",
    "budget": "spec zoo counting sources latency",
    "report": "spec zoo peak counting design counters sources closed_form latency comparison paper "
    "budget",
    "pytest_plugin": "counting trace sources budget report",
    "api": "spec zoo peak counting design counters sources closed_form latency comparison report",
    "callbacks": "api",
    "__init__": "spec zoo counting trace counters sources comparison budget api",
    "cli": "spec zoo counting design build counters sources closed_form latency comparison paper "
    "budget report api __init__",
    "__main__": "cli",
}
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 60
# Longer modules, each with its reason.
LONG: Mapping[str, str] = {
    "spec/ops.py": "a list of ops",
}
# What a network is made of: as data in `spec`, and as the module that `build` makes of it.
SAME_NAME = {
    *("Add", "Concat", "Scale"),
    *("Attention", "ChannelShuffle", "ClassToken", "LayerScale", "PositionEmbedding"),
    "ZeroPadShortcut",
}


def rooms(package: Path) -> set[str]:
    """The folders of the package that hold modules, and its modules at the top."""
    return {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py")))
    }


def arrows(package: Path) -> Iterator[tuple[str, str, str]]:
    """Every import of one room by another: who, whom, and where, as `file:line`.

    At module level, in functions and under TYPE_CHECKING alike. What is no room of its own, as a
    function of the API, comes from the package's `__init__`.
    """
    known = rooms(package)
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        room = place.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for module in _imported(node, package.name, place):
                top, *inside = module.split(".")
                other = inside[0] if inside and inside[0] in known else "__init__"
                if top == package.name and other != room:
                    yield room, other, f"{place}:{node.lineno}"


def _imported(node: ast.Import | ast.ImportFrom, package: str, place: Path) -> set[str]:
    """Full names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    above = [package, *place.parts[:-1]]
    base = above[: len(above) - node.level + 1] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    return {f"{module}.{alias.name}" for alias in node.names} if module == package else {module}


def wrong_arrows(
    package: Path, stands_on: Mapping[str, str], cellar: tuple[str, ...] = ()
) -> list[str]:
    """The imports that go to a room on which the importing one does not stand."""
    return [
        f"{where}: {room} imports {other}"
        for room, other, where in arrows(package)
        if other not in stands_on.get(room, "").split()
        and not (other in cellar and room not in cellar)
    ]


def long_modules(package: Path, most: int) -> dict[str, int]:
    """Modules of more lines than `most`, with their lines."""
    lines = {
        path.relative_to(package).as_posix(): len(path.read_text().splitlines())
        for path in sorted(package.rglob("*.py"))
    }
    return {name: number for name, number in lines.items() if number > most}


def long_functions(package: Path, most: int) -> list[str]:
    """Functions of more lines than `most`, save commands, which are mostly options."""
    return [
        f"{path.relative_to(package)}:{node.lineno}: {node.name}: {lines} lines"
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > most
        and not (path.parent.name == "cli" and node.name == "command")
    ]


def classes_named_alike(package: Path) -> dict[str, list[str]]:
    """Public classes that more than one module defines, with the modules."""
    modules: dict[str, set[str]] = defaultdict(set)
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].add(path.relative_to(package).as_posix())
    return {name: sorted(where) for name, where in modules.items() if len(where) > 1}


def drawn(text: str, package: str) -> list[str]:
    """Paths of the rooms and sub-rooms in a page's drawing of the house, in its order.

    A room has a line that begins with its name, a folder's with a / after it, two blanks further
    in than the room around it.
    """
    (house,) = re.findall(rf"```\w*\n{package}/\n(.*?)```", text, re.DOTALL)
    paths: list[str] = []
    above: list[str] = []
    for line in house.splitlines():
        match = re.match(r"(?P<blanks>(?:  ){1,3})(?P<name>\w+/|\w+\.py)(?: |$)", line)
        if match:
            depth = len(match["blanks"]) // 2 - 1
            above = [*above[:depth], match["name"]]
            paths.append("".join(above))
    return paths


def standing(package: Path) -> set[str]:
    """Paths of the folders that hold modules or data, and of the modules at the top."""
    folders = {
        f"{folder.relative_to(package)}/"
        for folder in package.rglob("*")
        if folder.is_dir()
        and folder.name != "__pycache__"
        and any(path.is_file() for path in folder.iterdir())
    }
    return folders | {path.name for path in package.glob("*.py")}


def test_no_arrow_goes_up() -> None:
    """Each room imports only those that it stands on."""
    assert wrong_arrows(PACKAGE, STANDS_ON, CELLAR) == []


def test_the_table_has_every_room_above_those_that_it_stands_on() -> None:
    """So that no arrows go round."""
    assert set(STANDS_ON) == rooms(PACKAGE)
    below: set[str] = set()
    for room, others in STANDS_ON.items():
        assert set(others.split()) <= below, room
        below.add(room)


def test_modules_are_short() -> None:
    """Save those that are listed, for as long as they need it."""
    assert set(long_modules(PACKAGE, MOST_LINES)) == set(LONG)


def test_functions_are_short() -> None:
    """Save commands, which are mostly their options."""
    assert long_functions(PACKAGE, MOST_LINES_OF_A_FUNCTION) == []


def test_one_word_has_one_meaning() -> None:
    """No class has the name of another, save a module that is named as the data it is built of."""
    alike = classes_named_alike(PACKAGE)

    assert set(alike) == SAME_NAME
    assert {modules[0] for modules in alike.values()} == {"build.py"}


@pytest.mark.parametrize("page", ["README.md", "docs/design.md"])
def test_the_house_is_as_it_is_drawn(page: str) -> None:
    """Everything drawn is there, and everything there is drawn, from the ground up."""
    paths = drawn((ROOT / page).read_text(), PACKAGE.name)

    assert sorted(paths) == sorted(standing(PACKAGE))
    top = [path.removesuffix("/").removesuffix(".py") for path in paths]
    assert [room for room in top if "/" not in room] == list(STANDS_ON)


@pytest.fixture
def hut(tmp_path: Path) -> Path:
    """A package of two rooms, in which all that can be wrong is wrong."""
    files = {
        "hut/__init__.py": "",
        "hut/low/__init__.py": "from hut.low.inner import x\n",
        "hut/low/inner/__init__.py": "from hut.errors import E\nx = 1\n",
        "hut/low/late.py": "class Late: ...\ndef f():\n    from hut import high\n",
        "hut/low/types.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hut.high.roof\n"
        ),
        "hut/low/relative.py": "from ..high import roof\nfrom .inner import x\n",
        "hut/high/__init__.py": "class Late: ...\nfrom hut.low import inner\n",
        "hut/high/roof.py": "async def g():\n" + "    pass\n" * 60,
        "hut/errors.py": "import os\n",
        "hut/cli/command.py": "def command():\n" + "    pass\n" * 60,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "hut"


def test_an_arrow_that_goes_up_is_seen(hut: Path) -> None:
    """In a function, for types alone, and relative; those that go down are not."""
    assert wrong_arrows(hut, {"low": "", "high": "low"}, ("errors",)) == [
        "low/late.py:3: low imports high",
        "low/relative.py:1: low imports high",
        "low/types.py:3: low imports high",
    ]
    assert rooms(hut) == {"__init__", "low", "high", "errors", "cli"}


def test_length_is_seen(hut: Path) -> None:
    """61 lines are too many, but in a command."""
    assert long_functions(hut, 60) == ["high/roof.py:1: g: 61 lines"]
    assert long_functions(hut, 61) == []
    assert long_modules(hut, 60) == {"cli/command.py": 61, "high/roof.py": 61}
    assert long_modules(hut, 61) == {}


def test_classes_of_one_name_are_seen(hut: Path) -> None:
    """In two modules of two rooms."""
    assert classes_named_alike(hut) == {"Late": ["high/__init__.py", "low/late.py"]}


def test_a_drawing_that_is_wrong_is_seen(hut: Path) -> None:
    """A room that is not drawn, one that is not there, one in another's place."""
    text = """
```
hut/
  low/         the ground
    inner/     a room in a room
  high/        the roof: g, and
               cellar/ is a word here
  cli/
  errors.py    what goes wrong
  __init__.py
```
"""
    assert sorted(drawn(text, "hut")) == sorted(standing(hut))
    for wrong in (
        text.replace("  cli/\n", ""),
        text.replace("  cli/\n", "  cli/\n    attic/\n"),
        text.replace("    inner/", "  inner/"),
        text.replace("errors.py", "mistakes.py"),
    ):
        assert sorted(drawn(wrong, "hut")) != sorted(standing(hut))
