"""What an ONNX file takes on disk, with the files beside it that hold its weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.peak.result import FileSize, PeakTerm
from shufflenet_flops.sources.onnx.elements import TYPES, check_location, size_bytes
from shufflenet_flops.sources.onnx.subgraphs import held_tensors

if TYPE_CHECKING:
    from onnx import ModelProto


def file_size(path: str, model: ModelProto) -> FileSize:
    """Of the file at `path`, whose graph is `model`; no file beside it is opened.

    Raises InputError where weights are said to lie outside the directory of the file.
    """
    weights: Counter[str] = Counter()
    beside: dict[str, None] = {}
    for tensor in held_tensors(model):
        check_location(tensor)
        weights[TYPES.get(tensor.data_type, ("text", 0))[0]] += size_bytes(tensor)
        places = (entry.value for entry in tensor.external_data if entry.key == "location")
        beside.update(dict.fromkeys(places))
    sizes = {name: _size(Path(path).parent / name) for name in beside}
    return FileSize(
        Path(path).stat().st_size + sum(size or 0 for size in sizes.values()),
        tuple(PeakTerm(dtype, size) for dtype, size in weights.most_common()),
        tuple(name for name, size in sizes.items() if size is None),
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:  # a name longer than any file has
        return None
