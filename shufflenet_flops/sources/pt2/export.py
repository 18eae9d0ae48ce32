"""Any torch module as the exported program that `torch.export` makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from shufflenet_flops.counting import Table
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.running.foreign import contained, silenced
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.pt2.exported import ProgramSource, find
from shufflenet_flops.sources.source import Source
from shufflenet_flops.sources.torch_modules.imports import one_line


def tables_by_node(source: Source) -> Mapping[str, Table]:
    """The rows of each node of a source's exported program, by the name that torch.fx gives it.

    A program in a file is taken as it is, and a module is exported on its inputs, in eval mode.
    Raises InputError for an ONNX graph, which is no module, and for a program that asks for
    anything but torch's own ops; ModelError where torch.export fails.
    """
    if isinstance(source, ProgramSource):
        return source.by_node()
    if not source.can_run:
        raise InputError(
            f"{source.name}: an {source.origin} has no nodes of an exported program: "
            "count the module that it was made of, or its .pt2 file"
        )
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "program.pt2")
        _export(source, path)
        try:
            return find(path, Options()).by_node()
        except InputError as error:
            why = str(error).removeprefix(f"{path}: ")
            raise InputError(f"{source.name}: its exported program cannot be read: {why}") from None


def _export(source: Source, path: str) -> None:
    module, inputs = source.module(), source.example_inputs()
    try:
        with contained(), silenced():
            torch.export.save(torch.export.export(module, inputs), path)
    except Exception as error:
        raise ModelError(
            f"{source.name}: torch.export cannot export it, and a node's name is that of its "
            f"exported program: {one_line(error)}"
        ) from error
