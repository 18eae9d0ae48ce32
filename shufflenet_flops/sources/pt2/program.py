"""What the file of an exported program describes: its graph, what it holds and what it is given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import MAX_ELEMENTS, Input
from shufflenet_flops.sources.pt2.archive import read_program
from shufflenet_flops.sources.pt2.graph import DTYPES, Graph, Json, Ref, parse_graph, value
from shufflenet_flops.sources.torch_modules.imports import one_line
from shufflenet_flops.spec import shape_text

MALFORMED = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError),
    RecursionError,
)


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
        return sum(size for _, size in self.held_by_dtype)

    @property
    def held_by_dtype(self) -> list[tuple[str, int]]:
        """The same for each type of tensors, the most first."""
        sizes: Counter[str] = Counter()
        held = {feed.tied: feed.like for feed in self.feeds if isinstance(feed, Held)}
        for like in held.values():
            dtype = str(like.dtype).removeprefix("torch.")
            sizes[dtype] += prod(like.shape) * like.dtype.itemsize
        return sizes.most_common()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs as they were when the program was exported."""
        return tuple(
            Input(ref.shape, str(ref.dtype).removeprefix("torch.")) for ref in self.user_inputs
        )


def read(path: str) -> ProgramSpec:
    """The program in the `.pt2` file at `path`.

    Raises InputError for a file that is no exported program or that asks for anything but torch's
    own ops.
    """
    json, weights = read_program(path)
    try:
        return _parse(
            json["graph_module"], json.get("range_constraints") or {}, weights.get("config") or {}
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except MALFORMED as error:
        raise InputError(f"{path}: its graph is malformed: {one_line(error)}") from None


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
