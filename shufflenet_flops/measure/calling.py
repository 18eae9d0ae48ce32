"""How ops were called: the names of torch functions, and what is known of the calling modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from opcode import opname
from types import FrameType
from typing import Any

from torch import Tensor, nn

from shufflenet_flops.count import ModuleCall
from shufflenet_flops.count.row import IntShape


@dataclass(frozen=True, slots=True)
class Place:
    """A module's first place in the tree; the names are those of `Call` and `ModuleCall`."""

    path: str
    module: str
    within: tuple[str, ...]
    occurrences: int
    leaf: bool
    params: Mapping[str, int]


class Places:
    """The place of each module of a model, worked out when it is asked for."""

    def __init__(self, model: nn.Module) -> None:
        self._modules = dict(model.named_modules())
        self._paths = {id(module): path for path, module in self._modules.items()}
        self._occurrences = Counter(id(module) for module in _with_descendants(model))
        self._known: dict[int, Place] = {}

    def __call__(self, module: nn.Module) -> Place:
        """A module that is not in the model's tree, such as one made on the way, has no path."""
        found = self._known.get(id(module))
        if found is None:
            found = self._known[id(module)] = self._find(module)
        return found

    def _find(self, module: nn.Module) -> Place:
        path = self._paths.get(id(module), "")
        names = path.split(".") if path else []
        holders = [self._modules[".".join(names[:i])] for i in range(len(names))]
        return Place(
            path=path,
            module=type_name(module),
            within=tuple(type_name(holder) for holder in holders),
            occurrences=self._occurrences[id(module)],
            leaf=not any(True for _ in module.children()),
            params={
                name: param.numel()
                for name, param in module._parameters.items()
                if param is not None
            },
        )

    def call(self, module: nn.Module, output: IntShape) -> ModuleCall:
        """The record of one call of `module`."""
        place = self(module)
        return ModuleCall(place.path, place.module, place.leaf, place.params, output)


def _with_descendants(module: nn.Module) -> Iterator[nn.Module]:
    """A module and all below it, once for each parent that holds it, as `Module.apply` goes."""
    yield module
    for child in module.children():
        yield from _with_descendants(child)


def type_name(module: nn.Module) -> str:
    """The exact type of a module, qualified."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def first_shape(output: Any) -> IntShape:
    """The shape of a tensor, or of the first in a nest of tuples, lists and dictionaries."""
    while not isinstance(output, Tensor):
        if isinstance(output, Mapping):
            output = list(output.values())
        if not isinstance(output, list | tuple) or not output:
            return ()
        output = output[0]
    return tuple(output.shape)


# torch does not tell `x + y` from `x.add(y)`; counters that patch methods see only the second.
OPERATORS = frozenset({Tensor.add, Tensor.mul, Tensor.matmul})


def written_as_operator(function: Any, frame: FrameType) -> bool:
    """Whether a method in OPERATORS was called by its sign, by the instruction of the caller.

    A builtin such as `sum` adds without the method's name in the code that calls it.
    """
    instruction = opname[frame.f_code.co_code[frame.f_lasti]]
    return instruction == "BINARY_OP" or function.__name__ not in frame.f_code.co_names


@lru_cache(maxsize=4096)
def function_name(function: Any) -> str:
    """Where users find a torch function: in `torch`, `torch.Tensor` or `torch.nn.functional`."""
    name: str = getattr(function, "__name__", "")
    if hasattr(function, "__objclass__"):
        return f"torch.Tensor.{name}"
    module = getattr(function, "__module__", None) or "torch"
    # `torch.nn.functional` hands these out under its own name.
    return f"{module.replace('torch._C._nn', 'torch.nn.functional')}.{name}"
