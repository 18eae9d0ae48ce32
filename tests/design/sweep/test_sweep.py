"""Sweeps: each row against the walk over ints, chunks, samples, summaries, and parts on disk."""

from __future__ import annotations

import errno
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from shufflenet_flops.counting import layer_table
from shufflenet_flops.design.sweep import pareto
from shufflenet_flops.design.sweep import store as store_module
from shufflenet_flops.design.sweep.axes import parse_axis
from shufflenet_flops.design.sweep.plan import (
    CountedChunk,
    Plan,
    Summary,
    check_plan,
    chunk_count,
    chunks,
    count_chunk,
)
from shufflenet_flops.design.sweep.store import Store, open_store
from shufflenet_flops.errors import (
    InputError,
    OutputError,
    ShufflenetFlopsError,
    SpecError,
    UnknownNameError,
)
from shufflenet_flops.zoo.designs import find_design

UNITS = ("resnet_unit", "resnext_unit", "shufflenet_unit")


def plan(designs: tuple[str, ...] = UNITS, chunk: int = 700, **options: Any) -> Plan:
    axes = {"c": "64:512:8", "g": "1,2,3,4,8", "h": "7,14,28"}
    axes |= {name: options.pop(name) for name in list(options) if name in ("c", "g", "h", "w", "k")}
    parsed = tuple(parse_axis(name, text) for name, text in axes.items() if text)
    return Plan(designs, parsed, chunk=chunk, **options)


def run(of: Plan) -> tuple[list[CountedChunk], Summary]:
    found = [count_chunk(of, chunk) for chunk in chunks(of)]
    total = Summary()
    for counted in found:
        total = total.plus(counted.summary, of)
    return found, total


def rows(found: list[CountedChunk]) -> list[dict[str, Any]]:
    return [
        {"design": counted.design, **dict(zip(counted.columns, row, strict=True))}
        for counted in found
        for row in zip(*(column.tolist() for column in counted.columns.values()), strict=True)
    ]


NETWORKS = ("shufflenet_v1", "shufflenet_v2", "resnet", "mobilenet_v1", "shufflenet_v1@se=true")


@pytest.mark.parametrize(
    "of",
    [plan(), plan(NETWORKS, c="32:2048:32", g="1,2,3,4,8", h="128:256:32")],
    ids=["units", "networks"],
)
def test_rows_equal_the_layer_table_of_ints(of: Plan) -> None:
    """On a random sample of rows, all columns, exactly."""
    found, total = run(of)
    all_rows = rows(found)

    assert total.kept == len(all_rows) > 300
    for row in random.Random(3).sample(all_rows, 100):
        design = find_design(row["design"])
        network = design.build(**design.known(row))
        table = layer_table(network.spec, network.input)
        for metric in ("macs", "flops", "params", "activations", "memory_bytes"):
            assert row[metric] == getattr(table, metric)


def test_every_configuration_is_kept_or_invalid_once() -> None:
    of = plan()
    found, total = run(of)
    expected = []
    for name in of.designs:
        design = find_design(name)
        groups = of.axes[1] if "g" in design.variables else [1]
        for c in of.axes[0]:
            for g in groups:
                for h in of.axes[2]:
                    try:
                        design.build(**design.fill({"c": c, "g": g, "h": h}))
                        expected.append((name, c, g, h))
                    except SpecError:
                        continue

    assert [(row["design"], row["c"], row["g"], row["h"]) for row in rows(found)] == expected
    assert total.configurations == sum(of.size(design) for design in of.found_designs())
    assert total.invalid == total.configurations - len(expected)


@pytest.mark.parametrize("chunk", [1, 97, 10**6])
def test_chunks_change_nothing(chunk: int) -> None:
    of = plan(("shufflenet_unit",), c="64:256:8", where="macs < 2e6 and g > 1")
    other = replace(of, chunk=chunk)
    (found, total), (again, same) = run(of), run(other)

    assert rows(found) == rows(again)
    assert total.front == same.front
    assert (total.kept, total.filtered, total.invalid) == (same.kept, same.filtered, same.invalid)
    assert len(list(chunks(other))) == chunk_count(other)


def test_the_front_is_of_what_the_filter_keeps() -> None:
    of = plan(where="macs < 3e6 and h == 14", minimise=("macs", "params"), maximise=("c",))
    found, total = run(of)
    kept = rows(found)

    assert total.filtered > 0
    assert all(row["macs"] < 3e6 and row["h"] == 14 for row in kept)
    for row in total.front:
        assert row in kept
        assert not any(
            other["macs"] <= row["macs"] and other["params"] <= row["params"]
            and other["c"] >= row["c"]
            and (other["macs"], other["params"], other["c"])
            != (row["macs"], row["params"], row["c"])
            for other in kept
        )  # fmt: skip


def test_a_sample_has_no_point_twice_and_is_the_same_again() -> None:
    of = plan(("conv_unit",), c="1:100000", g="", h="1:1000", sample=5000, chunk=999)
    found, total = run(of)
    points = [(row["c"], row["h"]) for row in rows(found)]

    assert total.configurations == len(points) == len(set(points)) == 5000
    assert rows(run(of)[0]) == rows(found)
    assert rows(run(replace(of, seed=1))[0]) != rows(found)
    quarters = np.histogram([c for c, _ in points], 4, (1, 10**5))[0]
    assert (abs(quarters - 1250) <= 1).all()


def test_a_sample_of_everything_is_everything() -> None:
    of = plan(("conv_unit",), c="1:40", g="", h="7,14")
    everything = rows(run(of)[0])

    assert rows(run(replace(of, sample=80))[0]) == everything


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"c": "1:1000000", "h": "1:1000000"}, InputError, r"1,000,000,000,000 conf.*--sample"),
        ({"where": "mac < 3"}, UnknownNameError, "did you mean macs"),
        ({"minimise": ("mcas",)}, UnknownNameError, "did you mean macs"),
        ({"sample": 10**6}, InputError, "the grid of resnet_unit has"),
        ({"k": "1,3"}, InputError, "cannot vary it"),
        ({"c": "", "g": "", "h": ""}, InputError, "what is to vary"),
        ({"where": "k > 1", "designs": ("conv_unit", "resnet_unit")}, UnknownNameError, "'k'"),
        ({"designs": ("conv_unit",), "g": "1", "k": "3"}, InputError, "--g: conv_unit"),
    ],
)
def test_plans_that_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    if message == r"1,000,000,000,000 conf.*--sample":
        change |= {"g": "", "designs": ("resnet_unit",)}
    if "k > 1" in str(change.get("where")):
        change |= {"g": ""}
    with pytest.raises(error, match=message):
        check_plan(plan(**change), 10**9)


# ---- parts on disk


def save(
    of: Plan, folder: Path, form: Any, *, resume: bool = False, stop_after: int = 10**9
) -> Store:
    """Every chunk that is not done; `stop_after` ends as a kill does, between two chunks."""
    with open_store(folder, form, of, resume=resume) as store:
        left = [chunk for chunk in chunks(of) if chunk.number not in store.done]
        for chunk in left[:stop_after]:
            counted = count_chunk(of, chunk)
            store.write(chunk.number, counted, of.columns())
            store.record(chunk.number, counted.summary)
    return store


def opened(of: Plan, folder: Path, form: Any, *, resume: bool = True) -> Store:
    """What is there, looked at and closed again."""
    with open_store(folder, form, of, resume=resume) as store:
        return store


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_saved_rows_read_back(form: str, tmp_path: Path) -> None:
    of = plan()
    store = save(of, tmp_path / "out", form)
    read = pq.read_table if form == "parquet" else pd.read_csv
    frames = []
    for chunk in chunks(of):
        part = read(store.part(chunk.number))
        frames.append(part.to_pandas() if form == "parquet" else part)
    frame = pd.concat([one.astype({"design": str}) for one in frames], ignore_index=True)
    expected = pd.DataFrame(rows(run(of)[0]))[list(frame.columns)]

    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert list(frame.columns) == ["design", *of.columns()]


def test_columns_that_a_design_lacks_are_empty(tmp_path: Path) -> None:
    of = plan(("conv_unit", "shufflenet_v2_unit"), c="8,16", g="")
    store = save(of, tmp_path, "parquet")

    assert pq.read_table(store.part(0))["k"].to_pylist() == [3] * 6
    assert pq.read_table(store.part(1))["k"].to_pylist() == [None] * 6


def test_resume_does_what_is_left_and_nothing_else(tmp_path: Path) -> None:
    of = plan()
    half = save(of, tmp_path / "half", "parquet", stop_after=2)
    times = {number: half.part(number).stat().st_mtime_ns for number in (0, 1)}
    (tmp_path / "half" / ".part-000002.parquet.1.part").write_bytes(b"cut off")
    with (tmp_path / "half" / "manifest.jsonl").open("a") as manifest:
        manifest.write('{"chunk": 2, "confi')  # as a kill leaves it
    resumed = save(of, tmp_path / "half", "parquet", resume=True)
    whole = save(of, tmp_path / "whole", "parquet")

    assert set(resumed.done) == {0, 1}
    assert {number: half.part(number).stat().st_mtime_ns for number in (0, 1)} == times
    names = sorted(path.name for path in (tmp_path / "half").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "whole").iterdir())
    for chunk in chunks(of):
        left, right = (pq.read_table(one.part(chunk.number)) for one in (half, whole))
        assert left.equals(right)
    assert opened(of, tmp_path / "half", "parquet").done.keys() == {
        chunk.number for chunk in chunks(of)
    }


def test_summaries_that_are_read_back_add_up_to_the_same(tmp_path: Path) -> None:
    of = plan(where="macs < 9e6")
    save(of, tmp_path, "csv")
    total = Summary()
    for summary in opened(of, tmp_path, "csv").done.values():
        total = total.plus(summary, of)

    assert total == run(of)[1]


def test_a_part_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    of = plan()
    store = save(of, tmp_path, "csv")
    store.part(1).unlink()

    assert 1 not in opened(of, tmp_path, "csv").done


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    of = plan()
    save(of, tmp_path / "a", "csv", stop_after=1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").touch()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "manifest.jsonl").write_text("hello\n")

    with pytest.raises(InputError, match="1 chunks of a sweep are there already; --resume"):
        opened(of, tmp_path / "a", "csv", resume=False)
    with pytest.raises(InputError, match="holds another sweep"):
        opened(replace(of, seed=1), tmp_path / "a", "csv", resume=True)
    with pytest.raises(InputError, match="holds another sweep"):
        opened(of, tmp_path / "a", "parquet", resume=True)
    with pytest.raises(InputError, match="holds other files"):
        opened(of, tmp_path / "b", "csv", resume=False)
    with pytest.raises(InputError, match="is no manifest"):
        opened(of, tmp_path / "c", "csv", resume=True)


def test_a_full_disk_leaves_no_part_of_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = plan()

    def fill(file: BinaryIO, counted: CountedChunk, columns: Any) -> None:
        file.write(b"half a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    store = save(of, tmp_path, "csv", stop_after=1)
    monkeypatch.setattr(store_module, "_write_csv", fill)
    with pytest.raises(OSError, match="No space left"):
        save(of, tmp_path, "csv", resume=True)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.jsonl",
        store.part(0).name,
    ]


def test_a_second_sweep_is_refused_before_it_touches_anything(tmp_path: Path) -> None:
    """With and without --resume; the first one's parts under way are its own."""
    of = plan()
    save(of, tmp_path, "csv", stop_after=1)
    with open_store(tmp_path, "csv", of, resume=True):
        under_way = tmp_path / ".part-000001.csv.part"
        under_way.write_bytes(b"half")
        for resume in (False, True):
            with pytest.raises(OutputError, match="it is named twice"):  # by one process
                opened(of, tmp_path, "csv", resume=resume)
        assert under_way.exists()
    assert set(opened(of, tmp_path, "csv").done) == {0}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"chunk": "0"}', "chunk"),
        ("[1]", "must be an object"),
        ('{"chunk": 0, "kept": 1e999}', "kept"),
        ('{"chunk": 0, "front": [{"macs": null}]}', "front"),
        ("[" * 9999, "is no manifest"),
    ],
)
def test_a_manifest_is_read_with_care(tmp_path: Path, line: str, message: str) -> None:
    """Its lines are data like any other."""
    of = plan()
    save(of, tmp_path, "csv", stop_after=1)
    with (tmp_path / "manifest.jsonl").open("a") as manifest:
        manifest.write(f"{line}\n")
    with pytest.raises(ShufflenetFlopsError, match=message):
        opened(of, tmp_path, "csv")


def test_points_of_a_figure_survive_a_resume(tmp_path: Path) -> None:
    """Those of an earlier run are there, too: all of them, where they are few."""
    of = plan(chunk=100, c="64:512:64")
    save(of, tmp_path, "csv", stop_after=2)
    save(of, tmp_path, "csv", resume=True)
    total = Summary()
    for _, summary in sorted(opened(of, tmp_path, "csv").done.items()):
        total = total.plus(summary, of)

    assert total.shown == run(of)[1].shown
    assert len(total.shown) == total.kept > 100


def test_a_figure_has_few_points_of_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread over them."""
    monkeypatch.setattr(pareto, "SHOWN", 20)
    for chunk in (2, 30, 100):
        assert 10 <= len(run(plan(chunk=chunk, c="64:512:64"))[1].shown) <= 20
