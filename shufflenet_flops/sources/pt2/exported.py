"""A `.pt2` exported program, rebuilt as a module from its graph; its weights are not read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import MAX_ELEMENTS, Input
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.pt2.archive import read_program
from shufflenet_flops.sources.pt2.graph import (
    DTYPES,
    Graph,
    Json,
    Node,
    Ref,
    parse_graph,
    value,
)
from shufflenet_flops.sources.pt2.graph_ops import with_autocast, with_set_grad_enabled
from shufflenet_flops.sources.torch_modules.factory import inputs_for
from shufflenet_flops.sources.torch_modules.imports import one_line
from shufflenet_flops.sources.torch_modules.module import ModuleSource
from shufflenet_flops.spec import shape_text

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


def find(path: str, options: Options) -> ModuleSource:
    """The program in the `.pt2` file at `path`, on the input given or else as it was exported.

    Raises InputError for a file that is no exported program or that asks for anything but torch's
    own ops, and for inputs that the program was not exported for.
    """
    options.refuse(path, "args", why="an exported program is built already")
    json, weights = read_program(path)
    try:
        program = _parse(
            json["graph_module"], json.get("range_constraints") or {}, weights.get("config") or {}
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except _MALFORMED as error:
        raise InputError(f"{path}: its graph is malformed: {one_line(error)}") from None
    build = partial(_build, path, program)
    with torch.device("meta"):
        build()  # so that what cannot be built is found before anything runs
    inputs, given = inputs_for(path, build, options, program.inputs)
    _check_inputs(path, program, inputs)
    return ModuleSource(path, "exported program", inputs, build, given=given)


def _build(path: str, spec: ProgramSpec) -> Program:
    """The module, on torch's default device. Raises InputError where memory would not do."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if spec.held_bytes > memory and torch.get_default_device().type != "meta":
        raise InputError(
            f"{path}: its weights take {spec.held_bytes:,} bytes, and this machine has {memory:,}"
        )
    try:
        return Program(spec)
    except (*_MALFORMED, RuntimeError) as error:
        raise InputError(f"{path}: its graph is malformed: {one_line(error)}") from None


@dataclass(frozen=True)
class Tensorlike:
    """What the file says of a tensor that it holds or expects."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    # For each axis that may vary, the least and greatest size.
    ranges: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Held:
    """A tensor that the program holds, under the name it has in the original model.

    `tied` is the first name of a tensor that is stored once and held under several names.
    """

    name: str
    like: Tensorlike
    is_parameter: bool
    tied: str


@dataclass(frozen=True)
class ProgramSpec:
    """A program as its file describes it: each input of its graph is held, given or a constant."""

    graph: Graph
    feeds: tuple[Held | Tensorlike | Any, ...]

    @property
    def user_inputs(self) -> tuple[Tensorlike, ...]:
        """The tensors that a caller gives, in order."""
        return tuple(feed for feed in self.feeds if isinstance(feed, Tensorlike))

    @property
    def held_bytes(self) -> int:
        """Bytes of the tensors that the program holds."""
        held = {feed.tied: feed.like for feed in self.feeds if isinstance(feed, Held)}
        return sum(prod(like.shape) * like.dtype.itemsize for like in held.values())

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs as they were when the program was exported."""
        return tuple(
            Input(ref.shape, str(ref.dtype).removeprefix("torch.")) for ref in self.user_inputs
        )


class _Scope(nn.Module):
    """A module of the original model: it holds parameters, and makes the calls made in it."""

    def forward(self, function: Any, args: Any, kwargs: Any) -> Any:
        return function(*args, **kwargs)


class Program(nn.Module):
    """The module that a ProgramSpec describes, with the original model's paths.

    Its weights are noise, as only their shapes are known.
    """

    def __init__(self, spec: ProgramSpec) -> None:
        super().__init__()
        self._spec = spec
        self._owners: dict[str, nn.Module] = {"": self}
        self._tensors: dict[str, nn.Parameter] = {}
        for feed in spec.feeds:
            if isinstance(feed, Held):
                self._hold(feed)
        for path in {node.path for node in spec.graph.nodes}:
            self._scope(path)

    def forward(self, *inputs: Tensor) -> tuple[Any, ...]:
        """The program's outputs, in order."""
        remaining = iter(inputs)
        values = [
            self._held(feed)
            if isinstance(feed, Held)
            else next(remaining)
            if isinstance(feed, Tensorlike)
            else feed
            for feed in self._spec.feeds
        ]
        return self._spec.graph.run(values, self._call)

    def _call(self, node: Node, args: Any, kwargs: Any) -> Any:
        if node.function is with_set_grad_enabled:
            _, graph, *values = args
            return graph.run(values, self._call)
        if node.function is with_autocast:
            _, dtype, enabled, cache_enabled, graph, *values = args
            # Wherever it was exported, it is counted here.
            with torch.autocast("cpu", dtype, enabled, cache_enabled):
                return graph.run(values, self._call)
        if not node.path:
            return node.function(*args, **kwargs)
        return self._scope(node.path)(node.function, args, kwargs)

    def _scope(self, path: str) -> nn.Module:
        """The module at `path`, made with its parents where it is missing."""
        scope = self._owners.get(path)
        if scope is None:
            parent, _, name = path.rpartition(".")
            scope = _Scope()
            self._scope(parent).add_module(name, scope)
            self._owners[path] = scope
        return scope

    def _hold(self, held: Held) -> None:
        owner, _, name = held.name.rpartition(".")
        if held.tied in self._tensors:
            self._scope(owner).register_parameter(name, self._tensors[held.tied])
            return
        tensor = torch.empty(held.like.shape, dtype=held.like.dtype)
        if not tensor.is_floating_point():
            tensor.zero_()  # an index into any table
        elif held.is_parameter:
            tensor.normal_(std=0.02)
        else:
            tensor.fill_(1)
        if held.is_parameter:
            parameter = nn.Parameter(tensor, requires_grad=tensor.is_floating_point())
            self._tensors[held.tied] = parameter
            self._scope(owner).register_parameter(name, parameter)
        else:
            self._scope(owner).register_buffer(name, tensor)

    def _held(self, held: Held) -> Any:
        owner, _, name = held.name.rpartition(".")
        return getattr(self._owners[owner], name)


def _parse(module: Json, ranges: Json, stored: Json) -> ProgramSpec:
    graph = parse_graph(module["graph"])
    tensors = module["graph"]["tensor_values"]
    specs = module["signature"]["input_specs"]
    if len(specs) != len(graph.inputs):
        raise ValueError(f"{len(graph.inputs)} inputs, described {len(specs)} times")
    first = _first_names(stored)
    return ProgramSpec(graph, tuple(_feed(spec, tensors, ranges, first) for spec in specs))


def _first_names(stored: Json) -> Mapping[str, str]:
    """For each parameter the first name under which the same bytes in the same shape are stored."""
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for name, entry in stored.items():
        if entry["is_param"]:
            place = repr((entry["path_name"], sorted(entry["tensor_meta"].items())))
            names[name] = places.setdefault(place, name)
    return names


def _feed(
    spec: Json, tensors: Json, ranges: Json, first: Mapping[str, str]
) -> Held | Tensorlike | Any:
    ((kind, content),) = spec.items()
    if kind == "user_input":
        given = value(content["arg"])
        if not isinstance(given, Ref):
            return given
        if "as_tensor" not in content["arg"]:
            raise InputError("it takes a number that varies, which is not supported")
        return _tensorlike(tensors[given.name], ranges)
    if kind == "constant_input":
        return value(content["value"])
    if kind not in _HELD:
        raise InputError(f"it holds a {kind}, which is not supported")
    like = _tensorlike(tensors[content["arg"]["name"]], ranges)
    if like.ranges:
        raise ValueError("a weight whose size varies")
    name = str(content[_HELD[kind]])
    return Held(name, like, kind == "parameter", first.get(name, name))


_HELD = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}


def _tensorlike(meta: Json, ranges: Json) -> Tensorlike:
    shape, varying = [], {}
    elements = 1
    for axis, size in enumerate(meta["sizes"]):
        ((kind, content),) = size.items()
        if kind == "as_expr":
            symbol = re.match(r"Symbol\('(\w+)'", content["expr_str"])
            limits = ranges.get(symbol[1], {}) if symbol else {}
            varying[axis] = (limits.get("min_val") or 0, limits.get("max_val") or MAX_ELEMENTS)
            content = content["hint"]["as_int"]
        shape.append(int(content))
        elements *= max(shape[-1], 1)
        if shape[-1] < 0 or elements >= MAX_ELEMENTS:
            raise InputError(f"it declares a tensor of shape {shape_text(tuple(shape))}…")
    return Tensorlike(tuple(shape), DTYPES[meta["dtype"]], varying)


def _check_inputs(path: str, program: ProgramSpec, inputs: tuple[Input, ...]) -> None:
    """Raise InputError where an input is none that the program was exported for."""
    expected = program.user_inputs
    if len(inputs) != len(expected):
        raise InputError(
            f"{path}: takes {' and '.join(map(str, program.inputs)) or 'no input'}, "
            f"and --input is given {len(inputs)} times"
        )
    for given, want, exported in zip(inputs, expected, program.inputs, strict=True):
        fits = len(given.shape) == len(want.shape) and all(
            low <= size <= high
            for axis, size in enumerate(given.shape)
            for low, high in [want.ranges.get(axis, (want.shape[axis],) * 2)]
        )
        if not fits or given.dtype != exported.dtype:
            sizes = "x".join(
                f"[{low}..{'' if high >= MAX_ELEMENTS else high}]" if low != high else str(low)
                for axis, size in enumerate(want.shape)
                for low, high in [want.ranges.get(axis, (size, size))]
            )
            raise InputError(
                f"{path}: cannot take {given}: it was exported for {sizes}:{exported.dtype}"
            )
