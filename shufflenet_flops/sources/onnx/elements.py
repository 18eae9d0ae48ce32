"""Element types of ONNX, and tensors that a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import MAX_ELEMENTS
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from onnx import TensorProto, TypeProto

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16 = 1, 2, 3, 6, 7, 8, 9, 10
FEW_ELEMENTS = 4096  # as many as sizes, axes and bounds ever are

# Element types by ONNX's number: name, bytes. Those of less than a byte are counted as one.
TYPES: Mapping[int, tuple[str, int]] = {
    FLOAT: ("float32", 4),
    UINT8: ("uint8", 1),
    INT8: ("int8", 1),
    4: ("uint16", 2),
    5: ("int16", 2),
    INT32: ("int32", 4),
    INT64: ("int64", 8),
    BOOL: ("bool", 1),
    FLOAT16: ("float16", 2),
    11: ("float64", 8),
    12: ("uint32", 4),
    13: ("uint64", 8),
    14: ("complex64", 8),
    15: ("complex128", 16),
    16: ("bfloat16", 2),
    **{number: (f"type{number}", 1) for number in range(17, 28)},
}
# What weights are kept in: numbers with a fraction, and numbers of a byte or less.
FRACTIONAL = frozenset({FLOAT, FLOAT16, 11, 16})
NARROW = frozenset({UINT8, INT8, *range(17, 28)})


def itemsize(elem_type: int) -> int:
    """Bytes of an element; KeyError for a type without a size, such as text."""
    return TYPES[elem_type][1]


def checked_shape(name: str, shape: IntShape) -> IntShape:
    """`shape` if a tensor can have it. Raises InputError otherwise."""
    if any(size < 0 for size in shape) or prod(shape) >= MAX_ELEMENTS:
        raise InputError(f"it declares {name} with shape {shape_text(shape)}, which cannot exist")
    return shape


def shape_of_type(value: TypeProto) -> IntShape | None:
    """The sizes of a tensor type, None where it is no tensor or one of them is not a number."""
    if value.WhichOneof("value") != "tensor_type" or not value.tensor_type.HasField("shape"):
        return None
    dims = value.tensor_type.shape.dim
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims)
    return sizes if -1 not in sizes else None


def check_location(tensor: TensorProto) -> None:
    """Raise InputError where the values of a tensor are said to lie outside the file's place."""
    for entry in tensor.external_data:
        if entry.key == "location" and _leaves_directory(entry.value):
            raise InputError(
                f"its weight {tensor.name} is said to lie in {entry.value!r}, outside the "
                "directory of the file: such a file is not to be trusted"
            )


def _leaves_directory(location: str) -> bool:
    return any(
        path.is_absolute() or bool(path.drive) or ".." in path.parts
        for path in (PurePosixPath(location), PureWindowsPath(location))
    )


def few_values(tensor: TensorProto) -> Any:
    """The values of a tensor of few elements as an array, None where there are many or none."""
    from onnx import numpy_helper

    if tensor.external_data or prod(tensor.dims) > FEW_ELEMENTS:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, LookupError):  # other bytes than its shape says, or no type
        return None


def size_bytes(tensor: TensorProto) -> int:
    """What a tensor of the file takes; nothing where its elements have no size, such as text."""
    _, each = TYPES.get(tensor.data_type, ("", 0))
    elements: int = prod(tensor.dims)
    return each * elements
