"""Models that a repository could have budgets for, from the facts of its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from shufflenet_flops import zoo
from shufflenet_flops.budget.init.scan import Definition, FileFacts, Shape

MOST = 20  # models that are proposed
IMAGE: Shape = (1, 3, 224, 224)
_MODULES = ("torch.nn.Module", "torch.nn.Sequential", "torch.nn.modules.module.Module")
_LIGHTNING = "LightningModule"
_GRAPHS = (".onnx", ".pt2")
_ASIDE = ("test", "tests", "doc", "docs", "testing", "site-packages", "node_modules", "venv")
_NO_MODELS = ("setup.py", "conftest.py", "noxfile.py")


@dataclass(frozen=True)
class Proposal:
    """A model, where it was found, and what it is counted on.

    `root` is the directory to import from, empty where nothing is imported; `shape` is None for a
    graph, which knows its inputs. `why_not` says why it should not be counted unasked.
    """

    model: str
    file: str
    line: int
    root: str = ""
    shape: Shape | None = IMAGE
    why_not: str = ""


def is_aside(path: PurePosixPath) -> bool:
    """Whether a file is of tests, documents or another project."""
    names = path.parts[:-1]
    return (
        any(name in _ASIDE or name.startswith(".") for name in names)
        or path.name in _NO_MODELS
        or path.name.startswith("test_")
    )


def propose(files: Sequence[FileFacts], graphs: Iterable[PurePosixPath] = ()) -> list[Proposal]:
    """Modules that nothing else is made of, factories, models of libraries, and graphs.

    A module or factory is one that needs no arguments, and whose `forward` takes one.
    """
    modules = _modules(files)
    parts = {
        called for file in files for one in file.definitions if one.name in modules
        for called in one.calls - {one.name}
    }  # fmt: skip
    known = {file.path for file in files}
    shapes = Counter(shape for file in files for shape in file.shapes if len(shape) == len(IMAGE))
    usual = shapes.most_common(1)[0][0] if shapes else IMAGE
    found = []
    for file in files:
        root, module = _imported_as(file, known)
        why_not = f"line {file.runs} runs when the file is imported" if file.runs else ""
        shape = _input(file, usual)
        found += [
            Proposal(f"{module}:{one.name}", str(file.path), one.line, root, shape, why_not)
            for one in file.definitions
            if module and _is_whole(one, modules, parts)
        ]
    for file in files:
        shape = _input(file, IMAGE)
        found += [
            Proposal(_shortest(model), str(file.path), line, shape=shape)
            for model, line in file.models
        ]
    found += [
        Proposal(str(path), str(path), 1, shape=None)
        for path in graphs
        if path.suffix in _GRAPHS
    ]  # fmt: skip
    return list({proposal.model: proposal for proposal in reversed(found)}.values())[::-1]


def _input(file: FileFacts, otherwise: Shape) -> Shape:
    """The first image that a file makes, or else the first of its shapes."""
    images = (shape for shape in file.shapes if len(shape) == len(IMAGE))
    return next(images, next(iter(file.shapes), otherwise))


def _shortest(model: str) -> str:
    """A model of torchvision's by its name alone where the zoo has it, which needs no torch."""
    library, _, name = model.partition(":")
    return name if library == "torchvision" and name in zoo.names() else model


def _modules(files: Sequence[FileFacts]) -> dict[str, Definition]:
    """The classes that are modules, also by bases of the repository's own."""
    classes = [one for file in files for one in file.definitions if one.is_class]
    modules: dict[str, Definition] = {}
    while True:
        new = {
            one.name: one
            for one in classes
            if one.name not in modules and any(_is_module(base, modules) for base in one.bases)
        }
        if not new:
            return modules
        for name, one in new.items():
            modules[name] = _inherited(one, modules)


def _is_module(name: str, modules: dict[str, Definition]) -> bool:
    last = name.rpartition(".")[2]
    return name in _MODULES or last == _LIGHTNING or last in modules


def _inherited(one: Definition, modules: dict[str, Definition]) -> Definition:
    """A class with the arguments of its base, where it has no methods of its own."""
    bases = [modules[name] for base in one.bases if (name := base.rpartition(".")[2]) in modules]
    needs = [one.needs, *(base.needs for base in bases)]
    takes = [one.takes, *(base.takes for base in bases)]
    return replace(
        one,
        needs=next((number for number in needs if number is not None), 0),
        takes=next((number for number in takes if number is not None), None),
    )


def _is_whole(one: Definition, modules: dict[str, Definition], parts: set[str]) -> bool:
    if one.name.startswith("_"):
        return False
    if one.is_class:
        module = modules.get(one.name)
        is_ready = module is not None and module.needs == 0 and module.takes == 1
        return is_ready and one.name not in parts
    made = [name.rpartition(".")[2] for name in one.bases if _is_module(name, modules)]
    # One that makes a class which needs nothing is that class again.
    return (
        not one.needs
        and bool(made)
        and all(name not in modules or modules[name].needs for name in made)
    )


def _imported_as(file: FileFacts, known: set[PurePosixPath]) -> tuple[str, str]:
    """The directory to import from and the module's name there; no name where there is none."""
    folder = file.path.parent
    root = PurePosixPath()
    if file.path.parts[0] == "src":
        root = PurePosixPath("src")
    elif folder / "__init__.py" not in known and any(
        folder / f"{name}.py" in known for name in file.imports - {file.path.stem}
    ):
        root = folder  # it imports what stands beside it by its bare name
    parts = file.path.relative_to(root).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    if not parts or not all(part.isidentifier() for part in parts):
        return "", ""
    return str(root), ".".join(parts)
