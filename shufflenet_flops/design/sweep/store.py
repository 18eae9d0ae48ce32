"""A sweep's rows on disk: one file for each chunk, whole or absent, and a manifest of what is done.

A part is written beside its place and then renamed, so a run that is killed leaves whole parts
only. The manifest's first line is the plan; each line after it is a chunk that is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shufflenet_flops.design.sweep.plan import CountedChunk, Plan, Summary
from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.extras import install_command

PartFormat = Literal["parquet", "csv"]
_MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Store:
    """A folder of parts; `done` are the summaries of chunks that were there when it was opened."""

    folder: Path
    form: PartFormat
    done: dict[int, Summary] = field(default_factory=dict)

    def part(self, number: int) -> Path:
        """Where a chunk's rows are."""
        return self.folder / f"part-{number:06d}.{self.form}"

    def write(self, number: int, counted: CountedChunk, columns: Sequence[str]) -> None:
        """Write a chunk's rows, all or none; a second time gives the same file again."""
        path = self.part(number)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            if self.form == "parquet":
                _write_parquet(beside, counted, columns)
            else:
                _write_csv(beside, counted, columns)
            with beside.open("rb") as stream:
                os.fsync(stream.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def record(self, number: int, summary: Summary) -> None:
        """Note in the manifest that a chunk is whole."""
        line = {
            "chunk": number,
            "configurations": summary.configurations,
            "invalid": summary.invalid,
            "filtered": summary.filtered,
            "kept": summary.kept,
            "front": summary.front,
        }
        with (self.folder / _MANIFEST).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def open_store(folder: Path, form: PartFormat, plan: Plan, *, resume: bool) -> Store:
    """A folder for `plan`: a new one, or with `resume` one where a part of it is done.

    Raises OutputError where it cannot be written, InputError where it holds something else.
    """
    if form == "parquet":
        _need_pyarrow()
    head = {"plan": plan.as_json(), "format": form}
    manifest = folder / _MANIFEST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not manifest.exists():
            if any(path.suffix != ".part" for path in folder.iterdir()):
                raise InputError(f"--save {folder}: the folder holds other files; name a new one")
            _replace(manifest, json.dumps(head) + "\n")
            return Store(folder, form)
        for left in folder.glob(".part-*.part"):
            left.unlink()
        lines = _whole_lines(manifest)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    if not resume:
        raise InputError(
            f"--save {folder}: {len(lines) - 1} chunks of a sweep are there already; "
            "--resume goes on with it, or name a new folder"
        )
    if not lines or lines[0] != head:
        raise InputError(
            f"--save {folder}: it holds another sweep, or one in another format; "
            "repeat that command with --resume, or name a new folder"
        )
    store = Store(folder, form)
    for line in lines[1:]:
        number = line.pop("chunk")
        if store.part(number).exists():
            store.done[number] = Summary(**(line | {"front": tuple(line["front"])}))
    return store


def _whole_lines(manifest: Path) -> list[dict[str, Any]]:
    """The manifest's lines; what a kill has cut off at the end is removed."""
    text = manifest.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        _replace(manifest, whole)
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except json.JSONDecodeError:
        raise InputError(f"{manifest} is no manifest of a sweep: name a new folder") from None


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        command = install_command("distributed")
        raise InputError(f"Parquet needs pyarrow: {command}, or --save-as csv")


def _write_parquet(path: Path, counted: CountedChunk, columns: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = counted.summary.kept
    names = pa.DictionaryArray.from_arrays(
        np.zeros(size, np.int32), pa.array([counted.design], pa.string())
    )
    arrays = {
        name: pa.array(counted.columns[name])
        if name in counted.columns
        else pa.nulls(size, pa.int64())
        for name in columns
    }
    pq.write_table(pa.table({"design": names, **arrays}), path)


def _write_csv(path: Path, counted: CountedChunk, columns: Sequence[str]) -> None:
    import pandas as pd

    frame = pd.DataFrame({"design": counted.design, **counted.columns})
    frame.reindex(columns=["design", *columns]).to_csv(path, index=False, lineterminator="\n")
