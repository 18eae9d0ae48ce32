"""What a Python file says about models, read from its syntax tree: none of its code is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

Shape = tuple[int, ...]
# Calls that a module may make when it is imported; any other may be what a script is for.
_HARMLESS = (
    *("logging.", "warnings.", "sys.path.", "os.environ.", "random.seed", "numpy.random.seed"),
    *("torch.manual_seed", "torch.set_", "torch.backends.", "torch.cuda.manual_seed"),
    "matplotlib.use",
)
_TENSORS = ("randn", "rand", "zeros", "ones", "empty")
_FEWEST, _MOST = 3, 5  # dimensions of a shape that is taken for an input's


@dataclass(frozen=True)
class Definition:
    """A class or function at a module's top level.

    `bases` are a class's bases, or what a function returns, in full as the imports name them;
    `needs` is how many arguments it must be given, `takes` how many a class's `forward` must be;
    None where it has none of its own. `calls` are the names that it calls.
    """

    name: str
    line: int
    is_class: bool
    bases: tuple[str, ...]
    needs: int | None
    takes: int | None
    calls: frozenset[str]


@dataclass(frozen=True)
class FileFacts:
    """What one file defines and names.

    `models` are `timm:NAME` and `torchvision:NAME`, `shapes` those of tensors that it makes,
    `runs` the line of the first statement that does more than define things, or None.
    """

    path: PurePosixPath
    definitions: tuple[Definition, ...] = ()
    imports: frozenset[str] = frozenset()
    models: tuple[tuple[str, int], ...] = ()
    shapes: tuple[Shape, ...] = ()
    runs: int | None = None


def scan(path: PurePosixPath, text: str) -> FileFacts:
    """The facts of one file; none where it is not Python of this version."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's strings
            tree = ast.parse(text)
        return _Scan(path, tree, _names(tree)).facts()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return FileFacts(path)


def _names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for, in full."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = "." * node.level + (node.module or "")
                names[alias.asname or alias.name] = f"{module}.{alias.name}"
    return names


@dataclass(frozen=True)
class _Scan:
    path: PurePosixPath
    tree: ast.Module
    names: dict[str, str] = field(repr=False)

    def facts(self) -> FileFacts:
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return FileFacts(
            self.path,
            tuple(self._definitions()),
            frozenset(full.lstrip(".").partition(".")[0] for full in self.names.values()),
            tuple(dict.fromkeys(found for call in calls for found in self._model(call))),
            tuple(dict.fromkeys(shape for call in calls for shape in self._shape(call))),
            next((node.lineno for node in self.tree.body if self._does(node)), None),
        )

    def full_name(self, node: ast.AST | None) -> str:
        """A dotted name with its import in place of its first part; empty for another thing."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value if node.value.replace(".", "").isidentifier() else ""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])

    def _definitions(self) -> Iterator[Definition]:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                yield self._class(node)
            elif isinstance(node, ast.FunctionDef):
                made = [
                    self.full_name(inner.value.func)
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Call)
                ]
                returned = (self.full_name(node.returns), *made)
                needs = _needed(node.args)
                yield Definition(
                    node.name, node.lineno, False, returned, needs, None, self._calls(node)
                )

    def _class(self, node: ast.ClassDef) -> Definition:
        methods = {inner.name: inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
        # The first argument is the module itself.
        needs, takes = (
            _needed(methods[name].args) - 1 if name in methods else None
            for name in ("__init__", "forward")
        )
        bases = tuple(map(self.full_name, node.bases))
        return Definition(node.name, node.lineno, True, bases, needs, takes, self._calls(node))

    def _calls(self, node: ast.AST) -> frozenset[str]:
        called = (
            self.full_name(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call)
        )
        return frozenset(name.rpartition(".")[2] for name in called)

    def _model(self, call: ast.Call) -> Iterator[tuple[str, int]]:
        """A model of timm's or torchvision's that a call makes."""
        name = self.full_name(call.func)
        given = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        library, _, function = name.rpartition(".")
        if name.startswith("timm.") and function == "create_model" and isinstance(given, str):
            yield f"timm:{given.partition('.')[0]}", call.lineno
        elif name in ("torchvision.models.get_model", "torchvision.models.get_model_builder"):
            if isinstance(given, str):
                yield f"torchvision:{given}", call.lineno
        elif library.startswith("torchvision.models") and function.islower():
            yield f"torchvision:{function}", call.lineno

    def _shape(self, call: ast.Call) -> Iterator[Shape]:
        """The sizes that a tensor is made with, where all of them stand there; a batch of one."""
        if self.full_name(call.func) not in {f"torch.{name}" for name in _TENSORS}:
            return
        nodes = call.args
        if len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List):
            nodes = nodes[0].elts
        sizes = [node.value if isinstance(node, ast.Constant) else None for node in nodes]
        whole = tuple(size for size in sizes if type(size) is int and 0 < size < 10**6)
        if _FEWEST <= len(whole) <= _MOST and len(whole) == len(sizes):
            yield (1, *whole[1:])

    def _does(self, node: ast.stmt) -> bool:
        """Whether a statement of a module's top level does more than define things."""
        if isinstance(node, ast.For | ast.While | ast.With | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            return False
        return not self.full_name(node.value.func).startswith(_HARMLESS)


def _needed(arguments: ast.arguments) -> int:
    """How many arguments must be given."""
    placed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return placed + sum(default is None for default in arguments.kw_defaults)
