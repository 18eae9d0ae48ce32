"""The inputs of a graph, and the sizes that the user gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import DTYPES, MAX_ELEMENTS, SCALAR, TEXT, Input
from shufflenet_flops.sources.onnx.elements import STRING, TYPES
from shufflenet_flops.sources.onnx.subgraphs import initializers

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

Size = int | str | None  # a number, a name, or neither


@dataclass(frozen=True)
class Given:
    """What a graph is counted on: its inputs by name, and the sizes that its symbols have.

    `as_declared` tells that the sizes which the file gives as numbers are these.
    """

    inputs: Mapping[str, Input]
    symbols: Mapping[str, int]
    as_declared: bool = True
    maps: tuple[str, ...] = ()  # inputs that are maps of keys, which have no size


def sizes_of(value: ValueInfoProto) -> tuple[Size, ...] | None:
    """The sizes as the file declares them; None for what is no tensor or has no known rank.

    Paddle writes −1 for a size that may vary, and older exporters 0.
    """
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.dim_value > 0 else dim.dim_param or None for dim in tensor.shape.dim
    )


def known_shapes(
    values: Iterable[ValueInfoProto], symbols: Mapping[str, int]
) -> dict[str, IntShape]:
    """Shapes that a file declares for its values, where each size is a number or a known name."""
    shapes: dict[str, IntShape] = {}
    for value in values:
        sizes = sizes_of(value)
        if sizes is None:
            continue
        numbers = [symbols.get(size, -1) if isinstance(size, str) else size for size in sizes]
        if all(isinstance(size, int) and size >= 0 for size in numbers):
            shapes[value.name] = tuple(size for size in numbers if size is not None)
    return shapes


def set_inputs(graph: GraphProto, given: tuple[Input, ...]) -> Given:
    """The sizes of the graph's inputs: those given, or else 1 for a batch without a size.

    Raises InputError where those given are none that the graph takes.
    """
    weights = {tensor.name for tensor in initializers(graph)}
    asked = [value for value in graph.input if value.name not in weights]
    maps = tuple(value.name for value in asked if value.type.HasField("map_type"))
    wanted = [value for value in asked if value.name not in maps]
    if given and len(given) != len(wanted):
        raise InputError(
            f"takes {', '.join(value.name for value in wanted) or 'no input'}, "
            f"and --input is given {len(given)} times"
        )
    symbols: dict[str, int] = {}
    inputs = {
        value.name: _set_input(value, given[i] if given else None, symbols)
        for i, value in enumerate(wanted)
    }
    return Given(inputs, symbols, maps=maps)


def at_batch(graph: GraphProto, given: Given, batch: int) -> Given:
    """The same inputs with this batch, which is the first size of the first that has any.

    Another input has it where its own first size is the same: the same name, none at all, or the
    same number. Raises InputError where no input has a size.
    """
    sizes = {value.name: sizes_of(value) or () for value in graph.input}
    first = next((sizes[name][0] for name in given.inputs if sizes[name]), 0)
    if first == 0:
        raise InputError("no input of the graph has a first size, which could be the batch")
    inputs = {}
    for name, own in given.inputs.items():
        axes = range(len(own.shape) if isinstance(first, str) else 1)
        shape = tuple(
            batch if axis in axes and declared == first else chosen
            for axis, (declared, chosen) in enumerate(zip(sizes[name], own.shape, strict=True))
        )
        inputs[name] = replace(own, shape=shape)
    symbols = {**given.symbols, first: batch} if isinstance(first, str) else given.symbols
    return replace(given, inputs=inputs, symbols=symbols, as_declared=not isinstance(first, int))


def _set_input(wanted: ValueInfoProto, given: Input | None, symbols: dict[str, int]) -> Input:
    sizes = sizes_of(wanted)
    elem_type = wanted.type.tensor_type.elem_type
    dtype = TEXT if elem_type == STRING else TYPES.get(elem_type, ("", 0))[0]
    if dtype not in (*DTYPES, TEXT) or sizes is None:
        raise InputError(f"its input {wanted.name} is no tensor with a known rank")
    text = "x".join("?" if size is None else str(size) for size in sizes) or SCALAR
    if given is None:
        given = Input(_default_sizes(wanted.name, sizes, symbols, text), dtype)
    fits = len(given.shape) == len(sizes) and given.dtype == dtype
    for size, chosen in zip(sizes, given.shape, strict=False):
        fixed = symbols.setdefault(size, chosen) if isinstance(size, str) else size
        fits = fits and fixed in (chosen, None)
    if not fits:
        free = sizes[1:] == given.shape[1:] and given.dtype == dtype
        hint = f": --batch {given.shape[0]} replaces its first size" if free else ""
        raise InputError(f"cannot take {given}: its input {wanted.name} is {text}:{dtype}{hint}")
    return given


def _default_sizes(
    name: str, sizes: tuple[Size, ...], symbols: Mapping[str, int], text: str
) -> IntShape:
    shape = tuple(
        size if isinstance(size, int) else symbols.get(size or "", int(axis == 0))
        for axis, size in enumerate(sizes)
    )
    if prod(shape) >= MAX_ELEMENTS:
        raise InputError(f"its input {name} is {text}, which cannot exist")
    if 0 in shape:
        raise InputError(f"its input {name} is {text}: give its sizes with --input")
    return shape
