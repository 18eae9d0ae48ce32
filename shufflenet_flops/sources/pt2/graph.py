"""The graph of an exported program, from JSON to calls of torch's ops, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.pt2.graph_ops import (
    WITHIN_ATTENTION,
    check_arguments,
    device_argument,
    find_function,
)

Json = Mapping[str, Any]
Bindings = dict[str, Any]

DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_STRIDED = 7


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that an earlier node, or an input, put into the environment."""

    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """One call: `path` is the module it was made in, `outputs` the names of what it returns.

    `name` is that of its node in the graph that torch loads: of the call, and in files of torch up
    to 2.9, which do not name the calls of several results, of the node for the first of them.
    """

    name: str
    path: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order they run, between named inputs and outputs."""

    inputs: tuple[str | None, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Any, ...]

    def run(self, values: Sequence[Any], call: Callable[..., Any]) -> tuple[Any, ...]:
        """The outputs for these inputs; `call(node, args, kwargs)` makes each call."""
        env = {name: value for name, value in zip(self.inputs, values, strict=True) if name}
        for node in self.nodes:
            args, kwargs = lookup(node.args, env), lookup(node.kwargs, env)
            _bind(node.outputs, call(node, args, kwargs), env)
        return tuple(lookup(self.outputs, env))


def parse_graph(graph: Json) -> Graph:
    """A Graph from the JSON of torch's serialiser.

    Raises InputError for an op outside the closed list; KeyError, TypeError and the like for JSON
    that is no graph.
    """
    return Graph(
        tuple(_input_name(argument) for argument in graph["inputs"]),
        tuple(_node(node) for node in graph["nodes"] if not _is_check(node["target"])),
        tuple(value(argument) for argument in graph["outputs"]),
    )


def lookup(template: Any, env: Bindings) -> Any:
    """`template` with every Ref replaced by its value."""
    if isinstance(template, Ref):
        if template.name not in env:
            raise InputError(f"it uses {template.name}, which nothing before it gives")
        return env[template.name]
    if isinstance(template, list | tuple):
        return type(template)(lookup(item, env) for item in template)
    if isinstance(template, dict):
        return {key: lookup(item, env) for key, item in template.items()}
    return template


def value(argument: Json) -> Any:
    """An argument from its JSON, a union written as a dictionary with one key."""
    ((kind, content),) = argument.items()
    try:
        read = _READERS[kind]
    except KeyError:
        raise InputError(f"it uses a value of kind {kind}, which is not supported") from None
    return read(content)


def _ref(content: Json) -> Ref:
    return Ref(str(content["name"]))


def _symbol(content: Json) -> Any:
    """A size that is a number, or the name of one."""
    ((kind, inner),) = content.items()
    return Ref(str(inner)) if kind == "as_name" else _SCALARS[kind](inner)


def _device(content: Json) -> torch.device:
    return torch.device("cpu")  # wherever it was exported, it is counted here


def _layout(content: int) -> torch.layout:
    if content != _STRIDED:
        raise InputError("it uses a sparse tensor, which is not supported")
    return torch.strided


def _all(read: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda items: [read(item) for item in items]


def _graph(content: Json) -> Graph:
    return parse_graph(content["graph"])


_SCALARS: dict[str, Callable[[Any], Any]] = {"as_int": int, "as_float": float, "as_bool": bool}
_READERS: dict[str, Callable[[Any], Any]] = {
    **_SCALARS,
    "as_none": lambda content: None,
    "as_string": str,
    "as_tensor": _ref,
    "as_tensors": _all(_ref),
    "as_nested_tensors": _all(_all(_ref)),
    "as_optional_tensor": value,
    "as_optional_tensors": _all(value),
    "as_ints": _all(int),
    "as_floats": _all(float),
    "as_bools": _all(bool),
    "as_strings": _all(str),
    "as_int_lists": _all(_all(int)),
    "as_float_lists": _all(_all(float)),
    "as_sym_int": _symbol,
    "as_sym_ints": _all(_symbol),
    "as_sym_float": _symbol,
    "as_sym_floats": _all(_symbol),
    "as_sym_bool": _symbol,
    "as_sym_bools": _all(_symbol),
    "as_complex": lambda content: complex(content["real"], content["imag"]),
    "as_scalar_type": DTYPES.__getitem__,
    "as_memory_format": _MEMORY_FORMATS.__getitem__,
    "as_layout": _layout,
    "as_device": _device,
    "as_graph": _graph,
}


def _input_name(argument: Json) -> str | None:
    read = value(argument)
    return read.name if isinstance(read, Ref) else None


def _node(node: Json) -> Node:
    function = find_function(node["target"])
    args: list[Any] = []
    kwargs: dict[str, Any] = dict(device_argument(function))
    for argument in node["inputs"]:
        if argument["name"] and argument.get("kind") != _POSITIONAL:
            kwargs[str(argument["name"])] = value(argument["arg"])
        else:
            args.append(value(argument["arg"]))
    check_arguments(function, args, kwargs)
    stack = node["metadata"].get("nn_module_stack", "")
    if stack.endswith("torch.nn.modules.activation.MultiheadAttention"):
        function = WITHIN_ATTENTION.get(function, function)
    outputs = tuple(value(argument) for argument in node["outputs"])
    return Node(
        str(node.get("name") or _first_name(outputs)),
        _module_path(stack),
        function,
        tuple(args),
        kwargs,
        outputs,
    )


_POSITIONAL = 1


def _first_name(outputs: tuple[Any, ...]) -> str:
    """The name of the first tensor or size among outputs; empty where there is none."""
    for output in outputs:
        if isinstance(output, Ref):
            return output.name
        if isinstance(output, list) and (name := _first_name(tuple(output))):
            return name
    return ""


def _module_path(stack: str) -> str:
    """`body.3` of `L__self__,,M;L__self__body,body,Sequential;L__self__body.3,body.3,ReLU`."""
    parts = stack.rpartition(";")[2].split(",")
    path = re.sub(r"@\d+", "", parts[1]) if len(parts) > 1 else ""
    return path if re.fullmatch(r"\w+(\.\w+)*", path) else ""


def _is_check(target: str) -> bool:
    """Whether a node only checks a value, which cannot change what is counted."""
    return target.startswith(("torch.ops.aten._assert", "torch.ops.aten.sym_constrain"))


def _bind(outputs: tuple[Any, ...], result: Any, env: Bindings) -> None:
    """Give the names in `outputs` the values in `result`, which is built alike."""
    if len(outputs) == 1 and not (isinstance(result, tuple) and len(result) == 1):
        result = (result,)
    for names, values in zip(outputs, result if outputs else (), strict=True):
        if isinstance(names, Ref):
            env[names.name] = values
        elif isinstance(names, list):
            env.update(
                (name.name, element) for name, element in zip(names, values, strict=True) if name
            )
