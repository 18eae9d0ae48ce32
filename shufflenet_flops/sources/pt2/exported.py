"""A `.pt2` exported program, rebuilt as a module from its graph; its weights are not read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.counting import Table
from shufflenet_flops.errors import InputError
from shufflenet_flops.peak.result import FileSize, PeakTerm
from shufflenet_flops.sources.inputs import MAX_ELEMENTS, Input
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.pt2.graph import Graph, Node
from shufflenet_flops.sources.pt2.graph_ops import with_autocast, with_set_grad_enabled
from shufflenet_flops.sources.pt2.program import MALFORMED, Held, ProgramSpec, Tensorlike, read
from shufflenet_flops.sources.source import Source
from shufflenet_flops.sources.torch_modules.factory import inputs_for
from shufflenet_flops.sources.torch_modules.imports import one_line
from shufflenet_flops.sources.torch_modules.module import ModuleSource


@dataclass(frozen=True)
class ProgramSource(ModuleSource):
    """An exported program, whose rows have the module paths of the original model."""

    program: ProgramSpec = field(kw_only=True)

    def with_batch(self, batch: int) -> Source:
        other = super().with_batch(batch)
        _check_inputs(self.name, self.program, other.inputs)
        return other

    @property
    def file_size(self) -> FileSize:
        weights = (PeakTerm(dtype, size) for dtype, size in self.program.held_by_dtype)
        return FileSize(Path(self.name).stat().st_size, tuple(weights))

    @property
    def single_shape(self) -> tuple[int, ...] | None:
        """See `Source`: a program takes the batches that it was exported for."""
        single = super().single_shape
        if single is None or not self.program.user_inputs:
            return single
        first = self.program.user_inputs[0]
        low, high = first.ranges.get(0, first.shape[:1] * 2)
        return single if low <= 1 <= high else None

    def by_node(self) -> dict[str, Table]:
        """The rows of each node of the graph that has any, by the name that torch.fx gives it.

        Raises ModelError where the program fails on its inputs.
        """
        spec = replace(self.program, graph=_in_nodes(self.program.graph))
        table = replace(self, build=partial(_build, self.name, spec)).table
        parts = table.by("layer")
        return {path.removeprefix(_NODE): part for path, part in parts.items()}


_NODE = "%"  # as torch.fx writes nodes; no module and no attribute of one is named so


def _in_nodes(graph: Graph, path: str = "") -> Graph:
    """The graph with each call in a scope of its node's own, and not in that of its module.

    What a node does with a graph of its own is that node's.
    """
    nodes = []
    for node in graph.nodes:
        own = path or f"{_NODE}{node.name}"
        args = tuple(_in_nodes(arg, own) if isinstance(arg, Graph) else arg for arg in node.args)
        nodes.append(replace(node, path=own, args=args))
    return replace(graph, nodes=tuple(nodes))


def find(path: str, options: Options) -> ProgramSource:
    """The program in the `.pt2` file at `path`, on the input given or else as it was exported.

    Raises InputError for a file that is no exported program or that asks for anything but torch's
    own ops, and for inputs that the program was not exported for.
    """
    options.refuse(path, "args", why="an exported program is built already")
    program = read(path)
    build = partial(_build, path, program)
    with torch.device("meta"):
        build()  # so that what cannot be built is found before anything runs
    inputs, given = inputs_for(path, build, options, program.inputs)
    _check_inputs(path, program, inputs)
    return ProgramSource(path, "exported program", inputs, build, given=given, program=program)


def _build(path: str, spec: ProgramSpec) -> Program:
    """The module, on torch's default device. Raises InputError where memory would not do."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if spec.held_bytes > memory and torch.get_default_device().type != "meta":
        raise InputError(
            f"{path}: its weights take {spec.held_bytes:,} bytes, and this machine has {memory:,}"
        )
    try:
        return Program(spec)
    except (*MALFORMED, RuntimeError) as error:
        raise InputError(f"{path}: its graph is malformed: {one_line(error)}") from None


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
