"""The graph inside a `.pt2` file, read as JSON.

torch's own loader unpickles weights without restraint where its first attempt fails, evaluates the
text of symbolic sizes, looks up any attribute of torch that a node names, and loads compiled code
from the archive. None of that is needed to know what a model does on which shapes, so none of it is
done: the weights stay in the file, and only the JSON description of the graph is read.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.files.text_file import regular

MAX_JSON_BYTES = 256 * 1024**2  # an unpacked graph of some hundred thousand ops
# A graph packs to a tenth or a twentieth of its size; what packs further is made to fill memory.
MAX_RATIO = 40
SMALL_JSON_BYTES = 16 * 1024**2  # and up to here it cannot
SCHEMA_MAJOR = 8

_OLD_GRAPH = "serialized_exported_program.json"  # where torch up to 2.7 kept it
_WEIGHTS = "/data/weights/model_weights_config.json"
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression that this Python does not have
    RuntimeError,  # an encrypted member
    RecursionError,  # JSON nested without end
    ValueError,
)


def read_program(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON of the exported program in the archive at `path`, and that of where weights lie.

    The second is empty for a file of torch up to 2.7, which has none.
    Raises InputError for a file that is missing, truncated, too large, or no exported program.
    """
    try:
        with regular(path) as stream, zipfile.ZipFile(stream) as archive:
            program = _json(path, archive, _graph_member(path, archive))
            weights: Any = {}
            for member in archive.infolist():
                # What is no JSON there says nothing, and is not unpickled.
                if member.filename.endswith(_WEIGHTS):
                    with suppress(ValueError, RecursionError):
                        weights = _json(path, archive, member)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: truncated, or not a file that torch.export.save wrote: {error}"
        ) from None
    version = _schema_major(program)
    if version != SCHEMA_MAJOR:
        raise InputError(
            f"{path}: written in schema version {version}; version {SCHEMA_MAJOR} can be read "
            "(torch 2.5 and later)"
        )
    assert isinstance(program, dict)
    return program, weights if isinstance(weights, dict) else {}


def _json(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.file_size > MAX_JSON_BYTES:
        raise InputError(
            f"{path}: its graph unpacks to {member.file_size:,} bytes, "
            f"and at most {MAX_JSON_BYTES:,} are read"
        )
    # Whatever the archive says of a member, it is no larger than the file.
    packed = min(member.compress_size, Path(path).stat().st_size)
    if member.file_size > max(SMALL_JSON_BYTES, MAX_RATIO * packed):
        raise InputError(
            f"{path}: its graph of {packed:,} bytes unpacks to {member.file_size:,}, and at most "
            f"{MAX_RATIO} times as many are read"
        )
    with archive.open(member) as stream:
        # A lying header cannot make more than its stated size come out.
        return json.loads(stream.read(MAX_JSON_BYTES))


def _graph_member(path: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    models = [
        info
        for info in archive.infolist()
        if Path(info.filename).name == _OLD_GRAPH
        or (Path(info.filename).parent.name == "models" and info.filename.endswith(".json"))
    ]
    if len(models) == 1:
        return models[0]
    if models:
        raise InputError(f"{path}: holds {len(models)} programs; one for each file can be read")
    if any("/aotinductor/" in info.filename for info in archive.infolist()):
        raise InputError(
            f"{path}: holds compiled code, which is not run, and no exported program: "
            "save the model with torch.export.save"
        )
    raise InputError(f"{path}: holds no exported program: save one with torch.export.save")


def _schema_major(program: Any) -> Any:
    version = program.get("schema_version") if isinstance(program, dict) else None
    return version.get("major") if isinstance(version, dict) else None
