"""The module tree during a trace: where each module is, and how it is left as it was."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from shufflenet_flops.counting import Call, ModuleCall
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.call_site import function_name
from shufflenet_flops.trace.kept import SIMPLE, Kept
from shufflenet_flops.trace.process import process_untouched


class Place:
    """One module: its (first) path, and what rows say of the calls it makes.

    `within` are the exact types of the modules that hold it, the outermost first, `type_name` is
    its own, qualified and empty outside of all, `leaf` tells that it holds no other, `params` are
    the sizes of its own parameters, `calls` those of its calls that were asked for.
    """

    __slots__ = (
        *("calls", "leaf", "module", "occurrences", "params", "path", "scripted", "training"),
        *("type_name", "within"),
    )

    def __init__(self, module: Any, path: str, within: tuple[str, ...] = ()) -> None:
        self.module = module  # an nn.Module, or None outside of all
        self.path = path
        self.within = within
        self.occurrences = 1
        self.training = self.scripted = False
        self.type_name = ""
        self.leaf = True
        self.calls: dict[Any, Call] = {}
        self.params: dict[str, int] = {}
        if module is None:
            return
        kind = module.__class__
        self.type_name = f"{kind.__module__}.{kind.__qualname__}"
        self.scripted = isinstance(module, _SCRIPTED) and hasattr(module, "training")
        children = torch_private.children_of(module)
        self.leaf = not children or all(child is None for child in children.values())
        for name, param in torch_private.parameters_of(module).items():
            if param is None:
                continue
            if param.__class__ is not nn.Parameter and is_lazy(param):
                raise ModelError(
                    f"the module {path!r} is lazy and its {name} has no shape yet: "
                    "run the model once on an input, then trace it"
                )
            self.params[name] = param.numel()

    def call(self, callee: Any) -> Call:
        """The call of one torch function, or one with that name, by this module.

        With it may stand how many samples were run at once, and whether that was in another thread.
        """
        function, *how = callee if isinstance(callee, tuple) else (callee,)
        known = self.calls[callee] = Call(
            self.type_name,
            function if isinstance(function, str) else function_name(function),
            self.within,
            self.occurrences,
            tuple(self.params),
            *how,
        )
        return known

    def copied(self, module: Any) -> Place:
        """The place of a copy, which the tree does not hold, so that it occurs nowhere."""
        place = copy(self)
        place.module, place.occurrences, place.calls = module, 0, {}
        return place

    def called(self, output: IntShape) -> ModuleCall:
        """The record of a call of the module, which gave a tensor of this shape."""
        return ModuleCall._make((self.path, self.type_name, self.leaf, self.params, output))


NOWHERE = Place(None, "")  # outside of all modules


def find_places(model: nn.Module) -> list[Place]:
    """Every module once, in the order of `model.modules()`; a shared one under its first path.

    It occurs once for every parent that holds it, as `apply` visits modules.
    """
    places: dict[int, Place] = {}

    def visit(module: nn.Module, path: str, within: tuple[str, ...]) -> None:
        place = places.get(id(module))
        if place is not None:
            place.occurrences += 1
        else:
            place = places[id(module)] = Place(module, path, within=within)
        if not place.leaf:
            inside = (*place.within, place.type_name)
            seen = {id(None)}  # each child of one parent once
            for name, child in torch_private.children_of(module).items():
                if id(child) not in seen:
                    seen.add(id(child))
                    visit(child, f"{path}.{name}" if path else name, inside)

    visit(model, "", ())
    return list(places.values())


def state_tensors(places: list[Place]) -> tuple[list[Tensor], list[Tensor]]:
    """The distinct parameters and the buffers of all modules."""
    params: dict[int, Tensor] = {}
    buffers: list[Tensor] = []
    for place in places:
        assert place.module is not None
        if place.params:
            for param in torch_private.parameters_of(place.module).values():
                if param is not None:
                    params[id(param)] = param
        own = torch_private.buffers_of(place.module)
        if own:
            buffers += [buffer for buffer in own.values() if buffer is not None]
    return list(params.values()), buffers


@contextmanager
def untouched(places: list[Place], params: Sequence[Tensor], inputs: Any = ()) -> Iterator[None]:
    """On leaving, what a forward pass may change is as on entering.

    That is modules' attributes and what hangs on them and on the inputs (see `kept`), which
    parameters want gradients and which these are, and the process (see `process`). All is
    restored by identity.
    """
    before: list[tuple[dict[str, Any], dict[str, Any]]] = []
    containers: list[Any] = []
    others: list[Any] = []
    for place in places:  # one loop, because there are thousands of attributes
        attributes = vars(place.module)
        saved = attributes.copy()
        before.append((attributes, saved))
        for value in saved.values():
            kind = type(value)
            if kind in _CONTAINERS:
                containers.append(value)
            elif kind not in SIMPLE:
                others.append(value)
    # Each once, though several modules may hold it.
    filled = {id(value): (value, value.copy()) for value in filter(None, containers)}.values()
    kept = Kept()
    kept.ignore(place.module for place in places)
    kept.look_at(others)
    kept.look_at(
        value
        for container, _ in filled
        for value in (container.values() if isinstance(container, dict) else container)
        if type(value) not in SIMPLE
    )
    kept.look_at({type(place.module) for place in places})
    kept.look_at((inputs,))
    scripted = [place.module for place in places if place.scripted]
    modes = [module.training for module in scripted]
    wanted = [(param.requires_grad, param.grad) for param in params]
    try:
        with process_untouched():
            yield
    finally:
        for attributes, saved in before:
            attributes.clear()
            attributes.update(saved)
        for container in filter(None, containers):
            container.clear()
        for container, content in filled:
            container.extend(content) if isinstance(container, list) else container.update(content)
        kept.put_back()
        for module, mode in zip(scripted, modes, strict=True):
            module.training = mode
        for param, (wants_grad, grad) in zip(params, wanted, strict=True):
            if param.requires_grad != wants_grad:
                param.requires_grad_(wants_grad)
            if param.grad is not grad:
                param.grad = grad


# Exactly these: what a container of another type does when it is filled again is not known.
_CONTAINERS = frozenset({dict, OrderedDict, list, set})


def set_mode(place: Place, training: bool) -> None:
    """Put one module into training or inference mode, without its children."""
    if place.scripted:
        place.module.training = training  # kept on the side of C++
    else:
        vars(place.module)["training"] = training


_SCRIPTED = torch.jit.ScriptModule
