"""An `.onnx` file: its graph and shapes. Nothing in it is run, and external weights stay closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Never

from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import DTYPES, MAX_ELEMENTS, Input
from shufflenet_flops.sources.onnx.rows import count_graph
from shufflenet_flops.sources.onnx.rules import Operand
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.source import Counted, Source
from shufflenet_flops.sources.torch_modules.imports import one_line
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

MAX_BYTES = 2**31 - 1  # what protobuf can hold
FEW_ELEMENTS = 16
KEPT_ELEMENTS = 4096  # shape inference needs the values of sizes and axes, which are few

# Element types by ONNX's number: name, bytes. Those of less than a byte are counted as one.
_TYPES: Mapping[int, tuple[str, int]] = {
    1: ("float32", 4),
    2: ("uint8", 1),
    3: ("int8", 1),
    4: ("uint16", 2),
    5: ("int16", 2),
    6: ("int32", 4),
    7: ("int64", 8),
    9: ("bool", 1),
    10: ("float16", 2),
    11: ("float64", 8),
    12: ("uint32", 4),
    13: ("uint64", 8),
    14: ("complex64", 8),
    15: ("complex128", 16),
    16: ("bfloat16", 2),
    **{number: (f"type{number}", 1) for number in range(17, 28)},
}
_TRAINED = (1, 10, 11, 16)


@dataclass(frozen=True)
class OnnxSource(Source):
    """A graph whose every size is a number where the file and the inputs give one."""

    model: ModelProto

    @property
    def can_run(self) -> bool:
        return False

    def trace(self) -> Never:
        raise self._cannot_run()

    def module(self) -> Never:
        raise self._cannot_run()

    def _cannot_run(self) -> InputError:
        return InputError(f"{self.name}: an ONNX graph is read for its shapes, and cannot be run")

    @cached_property
    def counted(self) -> Counted:
        try:
            return _count(self.model)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        except _MALFORMED as error:
            raise InputError(f"{self.name}: its graph is malformed: {one_line(error)}") from None


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def find(path: str, options: Options) -> OnnxSource:
    """The graph in the `.onnx` file at `path`, on the inputs given or else the file's own.

    Raises InputError for a file that is truncated, hostile, or no ONNX graph, and for inputs that
    it cannot take.
    """
    options.refuse(path, "args", why="a graph is built already")
    options.refuse(path, "input_factory", why="only shapes matter to a graph: use --input")
    model = _read(path)
    try:
        inputs = _set_inputs(model, options.inputs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return OnnxSource(path, "ONNX graph", inputs, model)


def _read(path: str) -> ModelProto:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise InputError(
            f"{path}: reading it needs the package onnx: pip install 'shufflenet-flops[onnx]'"
        ) from None
    try:
        size = Path(path).stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size:,} bytes, and protobuf holds at most {MAX_BYTES:,}")
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise InputError(f"{path}: truncated, or not an ONNX file") from None
    if not model.graph.node or not model.opset_import:
        raise InputError(f"{path}: truncated, or not an ONNX file: it has no graph")
    return model


def _set_inputs(model: ModelProto, given: tuple[Input, ...]) -> tuple[Input, ...]:
    """Write sizes into the graph's inputs: those given, or else 1 for a batch without a size."""
    weights = {tensor.name for tensor in model.graph.initializer}
    wanted = [one for one in model.graph.input if one.name not in weights]
    if given and len(given) != len(wanted):
        raise InputError(
            f"takes {', '.join(one.name for one in wanted) or 'no input'}, "
            f"and --input is given {len(given)} times"
        )
    symbols: dict[str, int] = {}
    inputs = tuple(
        _set_input(one, given[i] if given else None, symbols) for i, one in enumerate(wanted)
    )
    for value in (*model.graph.value_info, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in symbols:
                dim.dim_value = symbols[dim.dim_param]
    return inputs


def _set_input(wanted: ValueInfoProto, given: Input | None, symbols: dict[str, int]) -> Input:
    tensor = wanted.type.tensor_type
    dtype, _ = _TYPES.get(tensor.elem_type, ("", 0))
    if dtype not in DTYPES or not tensor.HasField("shape"):
        raise InputError(f"its input {wanted.name} is no tensor of numbers with a known rank")
    text = _text(wanted)
    if given is None:
        given = Input(_default_sizes(wanted, text), dtype)
    if len(given.shape) != len(tensor.shape.dim) or given.dtype != dtype:
        raise InputError(f"cannot take {given}: its input {wanted.name} is {text}:{dtype}")
    for dim, size in zip(tensor.shape.dim, given.shape, strict=True):
        fixed = dim.dim_value if dim.HasField("dim_value") else size
        if dim.dim_param:
            fixed = symbols.setdefault(dim.dim_param, size)
        if fixed != size:
            raise InputError(f"cannot take {given}: its input {wanted.name} is {text}:{dtype}")
        dim.dim_value = size
    return given


def _default_sizes(wanted: ValueInfoProto, text: str) -> IntShape:
    dims = wanted.type.tensor_type.shape.dim
    sizes = tuple(
        dim.dim_value if dim.HasField("dim_value") else int(axis == 0)
        for axis, dim in enumerate(dims)
    )
    if not all(size > 0 for size in sizes) or prod(sizes) >= MAX_ELEMENTS:
        raise InputError(f"its input {wanted.name} is {text}: give its sizes with --input")
    return sizes


def _text(value: ValueInfoProto) -> str:
    return "x".join(
        dim.dim_param or (str(dim.dim_value) if dim.HasField("dim_value") else "?")
        for dim in value.type.tensor_type.shape.dim
    )


def _count(model: ModelProto) -> Counted:
    graph = model.graph
    operands: dict[str, Operand] = {}
    trained: dict[str, int] = {}
    for tensor in graph.initializer:
        operands[tensor.name] = _weight(tensor)
        if tensor.data_type in _TRAINED and tensor.dims:
            trained[tensor.name] = operands[tensor.name].elements
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            for name in node.input[3:5]:  # running statistics
                trained.pop(name, None)
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    operands[node.output[0]] = replace(_weight(attribute.t), is_weight=False)
    for value in _inferred(model):
        shape, itemsize = _known_shape(value), _TYPES.get(value.type.tensor_type.elem_type)
        if shape is not None and itemsize is not None:
            operands.setdefault(value.name, Operand(_checked(value.name, shape), itemsize[1]))
    return count_graph(graph, operands, trained)


def _known_shape(value: ValueInfoProto) -> IntShape | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim)
    return sizes if -1 not in sizes else None


def _weight(tensor: TensorProto) -> Operand:
    for entry in tensor.external_data:
        if entry.key == "location" and _leaves_directory(entry.value):
            raise InputError(
                f"its weight {tensor.name} is said to lie in {entry.value!r}, outside the "
                "directory of the file: such a file is not to be trusted"
            )
    _, itemsize = _TYPES.get(tensor.data_type, ("", 0))
    shape = _checked(tensor.name, tuple(tensor.dims))
    return Operand(shape, itemsize, is_weight=True, values=_few_values(tensor))


def _few_values(tensor: TensorProto) -> tuple[float, ...] | None:
    """The values of a tensor that holds as many as a bound, a size or a few axes do."""
    from onnx import numpy_helper

    if tensor.external_data or prod(tensor.dims) > FEW_ELEMENTS:
        return None
    try:
        return tuple(numpy_helper.to_array(tensor).ravel().tolist())
    except (ValueError, TypeError, IndexError):  # fewer bytes than its shape says: not our matter
        return None


def _leaves_directory(location: str) -> bool:
    return any(
        path.is_absolute() or bool(path.drive) or ".." in path.parts
        for path in (PurePosixPath(location), PureWindowsPath(location))
    )


def _checked(name: str, shape: IntShape) -> IntShape:
    if any(size < 0 for size in shape) or prod(shape) >= MAX_ELEMENTS:
        raise InputError(f"it declares {name} with shape {shape_text(shape)}, which cannot exist")
    return shape


def _inferred(model: ModelProto) -> list[Any]:
    """All values of the graph with the types and shapes that ONNX infers.

    It is given a copy without the values of weights, and without functions, which could expand
    without end.
    """
    import onnx
    from onnx import shape_inference

    bare = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    graph = bare.graph
    graph.name = "graph"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    named = {one.name for one in graph.input}
    for tensor in model.graph.initializer:
        if not tensor.external_data and prod(tensor.dims) <= KEPT_ELEMENTS:
            graph.initializer.append(tensor)
        elif tensor.name not in named:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    try:
        found = shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph
    except Exception as error:  # its C++ raises RuntimeError, and types of its own
        raise InputError(f"its shapes do not fit: {_inference_error(error)}") from None
    return [*found.input, *found.value_info, *found.output]


def _inference_error(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__
