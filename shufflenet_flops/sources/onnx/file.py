"""An `.onnx` file: its graph and shapes. Nothing in it is run, and external weights stay closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Never

from shufflenet_flops.errors import InputError
from shufflenet_flops.extras import install_command
from shufflenet_flops.files.text_file import read_content
from shufflenet_flops.sources.onnx.disk import file_size
from shufflenet_flops.sources.onnx.given import Given, at_batch, set_inputs
from shufflenet_flops.sources.onnx.graph import count
from shufflenet_flops.sources.onnx.schemas import MALFORMED
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.source import Counted, Source
from shufflenet_flops.sources.torch_modules.imports import one_line

if TYPE_CHECKING:
    from onnx import ModelProto

    from shufflenet_flops.peak.result import FileSize
    from shufflenet_flops.peak.timeline import Timeline

MAX_BYTES = 2**31 - 1  # what protobuf can hold


@dataclass(frozen=True)
class OnnxSource(Source):
    """A graph whose every size is a number where the file and the inputs give one."""

    model: ModelProto
    given: Given

    @property
    def can_run(self) -> bool:
        return False

    def within_autocast(self, dtype: str) -> Never:
        raise InputError(
            f"{self.name}: --autocast takes a network of the zoo or a torch module, and not an "
            "ONNX graph, whose tensors have the types that it gives them"
        )

    def with_batch(self, batch: int) -> OnnxSource:
        """The graph on this batch; a batch that the file gives as a number is replaced by it.

        Raises InputError where nodes of the graph have that number written into them.
        """
        own = _batch_of(self)
        if batch == own:
            return self
        try:
            given = at_batch(self.model.graph, self.given, batch)
        except InputError as error:
            raise InputError(f"{self.name}: --batch {batch}: {error}") from None
        other = replace(self, inputs=tuple(given.inputs.values()), given=given)
        if not given.as_declared and not _is_in_proportion(self, other):
            raise InputError(
                f"{self.name}: --batch {batch}: nodes of its graph hold for a batch of {own} "
                "alone: export it with dynamic_shapes, which leave the batch free"
            )
        return other

    def trace(self) -> Never:
        raise self._cannot_run()

    def timeline(self) -> Timeline:
        return self._read[1]

    def module(self) -> Never:
        raise self._cannot_run()

    def _cannot_run(self) -> InputError:
        return InputError(f"{self.name}: an ONNX graph is read for its shapes, and cannot be run")

    @property
    def counted(self) -> Counted:
        return self._read[0]

    @property
    def file_size(self) -> FileSize:
        return file_size(self.name, self.model)

    @cached_property
    def _read(self) -> tuple[Counted, Timeline]:
        try:
            return count(self.model, self.given)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        except MALFORMED as error:
            raise InputError(f"{self.name}: its graph is malformed: {one_line(error)}") from None


def _is_in_proportion(source: OnnxSource, other: OnnxSource) -> bool:
    """Whether the batch of the other goes through all of the graph, to its products and outputs."""
    macs = source.table.macs
    try:
        grown = other.table.macs
    except InputError:
        return False
    return grown * _batch_of(source) == macs * _batch_of(other)


def _batch_of(source: OnnxSource) -> int:
    return next((given.shape[0] for given in source.inputs if given.shape), 0)


def find(path: str, options: Options) -> OnnxSource:
    """The graph in the `.onnx` file at `path`, on the inputs given or else the file's own.

    Raises InputError for a file that is truncated, hostile, or no ONNX graph, and for inputs that
    it cannot take.
    """
    options.refuse(path, "args", why="a graph is built already")
    options.refuse(path, "input_factory", why="only shapes matter to a graph: use --input")
    model = _read(path)
    try:
        given = set_inputs(model.graph, options.inputs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return OnnxSource(path, "ONNX graph", tuple(given.inputs.values()), model, given)


def _read(path: str) -> ModelProto:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise InputError(
            f"{path}: reading it needs the package onnx: {install_command('onnx')}"
        ) from None
    content = read_content(path, MAX_BYTES)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise InputError(f"{path}: truncated, or not an ONNX file") from None
    if not model.graph.node or not model.opset_import:
        raise InputError(f"{path}: truncated, or not an ONNX file: it has no graph")
    return model
