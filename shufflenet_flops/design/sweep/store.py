"""A sweep's rows on disk: one file for each chunk, whole or absent, and a manifest of what is done.

A part is written beside its place and then renamed, so a run that is killed leaves whole parts
only. The manifest's first line is the plan; each line after it is a chunk that is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from shufflenet_flops.design.sweep.plan import CountedChunk, Plan, Summary
from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.extras import install_command
from shufflenet_flops.files.text_file import read_text
from shufflenet_flops.files.whole_file import hold, replace_text, replacement
from shufflenet_flops.saved import structured

PartFormat = Literal["parquet", "csv"]
_MANIFEST = "manifest.jsonl"
_LOCK = ".sweep.part"
_LARGEST_MANIFEST = 2**30  # bytes


@dataclass(frozen=True)
class _Done(Summary):
    """A line of the manifest: a chunk that is done, and what it came to."""

    chunk: int = -1


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
        write = _write_parquet if self.form == "parquet" else _write_csv
        # dask may give a chunk to a second worker while the first is still at it.
        with replacement(self.part(number), wait=True) as new:
            write(new.stream, counted, columns)
            new.finish()
            new.put_in_place()

    def record(self, number: int, summary: Summary) -> None:
        """Note in the manifest that a chunk is whole."""
        line = {"chunk": number, **asdict(summary)}
        with (self.folder / _MANIFEST).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


@contextmanager
def open_store(folder: Path, form: PartFormat, plan: Plan, *, resume: bool) -> Iterator[Store]:
    """A folder for `plan`: a new one, or with `resume` one where a part of it is done.

    Nobody else can open it until this is left. Raises OutputError where it cannot be written or
    another sweep writes it, InputError where it holds something else.
    """
    if form == "parquet":
        _need_pyarrow()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    with hold(folder / _LOCK, folder):
        yield _opened(folder, form, plan, resume)


def _opened(folder: Path, form: PartFormat, plan: Plan, resume: bool) -> Store:
    head = {"plan": plan.as_json(), "format": form}
    manifest = folder / _MANIFEST
    try:
        if not manifest.exists():
            if any(path.suffix != ".part" for path in folder.iterdir()):
                raise InputError(f"--save {folder}: the folder holds other files; name a new one")
            replace_text(manifest, json.dumps(head) + "\n")
            return Store(folder, form)
        for left in folder.glob(".part-*.part"):
            left.unlink()
        lines = _whole_lines(manifest)
    except OutputError:
        raise
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
    for i, line in enumerate(lines[1:], start=2):
        done = structured(_Done, line, f"{manifest}:{i}", "name a new folder")
        if store.part(done.chunk).exists():
            store.done[done.chunk] = Summary(
                **{field.name: getattr(done, field.name) for field in fields(Summary)}
            )
    return store


def _whole_lines(manifest: Path) -> list[Any]:
    """The manifest's lines; what a kill has cut off at the end is removed."""
    text = read_text(manifest, _LARGEST_MANIFEST)
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        replace_text(manifest, whole)
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except (ValueError, RecursionError):
        raise InputError(f"{manifest} is no manifest of a sweep: name a new folder") from None


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        command = install_command("distributed")
        raise InputError(f"Parquet needs pyarrow: {command}, or --save-as csv")


def _write_parquet(file: BinaryIO, counted: CountedChunk, columns: Sequence[str]) -> None:
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
    pq.write_table(pa.table({"design": names, **arrays}), file)


def _write_csv(file: BinaryIO, counted: CountedChunk, columns: Sequence[str]) -> None:
    import pandas as pd

    frame = pd.DataFrame({"design": counted.design, **counted.columns})
    frame.reindex(columns=["design", *columns]).to_csv(file, index=False, lineterminator="\n")
