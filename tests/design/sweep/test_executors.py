"""Threads and a real dask cluster of two worker processes give the same sweep."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster

from shufflenet_flops.cli.app import run
from shufflenet_flops.design.sweep.executors import carry_out, threads

SWEEP = ["--c", "16:2048:16", "--g", "1,2,3,4,8", "--h", "7:56:7", "--chunk", "250", "--quiet"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as found:
        yield found


def sweep(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = run(["sweep", *SWEEP, "--save", str(folder), "--format", "json", *arguments])
    captured = capsys.readouterr()

    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)["results"][0]
    return {key: value for key, value in result.items() if key not in ("seconds", "output")}


def rows(folder: Path) -> pa.Table:
    parts = sorted(folder.glob("part-*.parquet"))

    assert len(parts) > 20
    assert [path.name for path in parts] == [f"part-{i:06d}.parquet" for i in range(len(parts))]
    return pa.concat_tables([pq.read_table(part) for part in parts])


def test_dask_gives_the_rows_of_the_threads(
    cluster: LocalCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    local = sweep(tmp_path / "local", capsys)
    remote = sweep(
        tmp_path / "dask", capsys, "--executor", "dask", "--scheduler", cluster.scheduler_address
    )

    assert local == remote
    assert rows(tmp_path / "local").equals(rows(tmp_path / "dask"))


def test_a_worker_that_is_killed_changes_nothing(
    cluster: LocalCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    local = sweep(tmp_path / "local", capsys)
    killed: list[int] = []

    def kill() -> None:
        while len(list((tmp_path / "dask").glob("part-*"))) < 5:
            time.sleep(0.005)
        victim = next(iter(cluster.workers.values())).process.process.pid
        os.kill(victim, signal.SIGKILL)
        killed.append(len(list((tmp_path / "dask").glob("part-*"))))

    killer = Thread(target=kill)
    killer.start()
    remote = sweep(
        tmp_path / "dask", capsys, "--executor", "dask", "--scheduler", cluster.scheduler_address
    )
    killer.join()
    whole = rows(tmp_path / "dask")

    assert killed[0] < len(list((tmp_path / "dask").glob("part-*")))
    assert local == remote
    assert whole.equals(rows(tmp_path / "local"))


def test_a_cluster_that_is_lost_leaves_whole_chunks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    )
    folder = tmp_path / "rows"

    def close() -> None:
        while len(list(folder.glob("part-*"))) < 5:
            time.sleep(0.005)
        cluster.close()

    closer = Thread(target=close)
    closer.start()
    command = ["sweep", *SWEEP, "--save", str(folder)]
    code = run([*command, "--executor", "dask", "--scheduler", cluster.scheduler_address])
    closer.join()
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    # The cluster is this process's own, and logs its end here too.
    (error,) = (line for line in captured.err.splitlines() if line.startswith("error: "))
    assert error.startswith("error: stopped (the dask cluster was lost): ")
    assert "chunks are whole in" in error
    resumed = sweep(folder, capsys, "--resume")
    assert resumed["resumed_chunks"] >= 3
    assert resumed["kept"] == len(rows(folder))


def test_a_cluster_of_its_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = sweep(tmp_path, capsys, "--executor", "dask", "--workers", "2")

    assert found["kept"] == len(rows(tmp_path))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "x://y"])
def test_a_scheduler_that_is_not_there(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Or speaks TLS, for which dask has no certificates here."""
    code = run(["sweep", *SWEEP, "--executor", "dask", "--scheduler", address])
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    assert captured.err.startswith(f"error: --scheduler {address}: ")
    assert "defect" not in captured.err
    assert captured.err.count("\n") == 1


def test_never_more_at_once_than_asked_for() -> None:
    """Memory is bounded by what is under way, however many tasks there are."""
    handed_out = 0
    done = 0
    most = 0

    def tasks() -> Iterator[int]:
        nonlocal handed_out, most
        for i in range(200):
            handed_out += 1
            most = max(most, handed_out - done)
            yield i

    with threads(2) as executor:
        for _ in carry_out(executor, lambda task: task, tasks(), 4):
            done += 1

    assert done == 200
    assert most <= 8  # four under way, and up to four results that the loop has yet to see


def test_a_failure_stops_the_rest() -> None:
    done: list[int] = []

    def work(task: int) -> int:
        if task == 3:
            raise ValueError("task 3")
        done.append(task)
        return task

    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="task 3"):
        list(carry_out(executor, work, range(1000), 4))

    assert len(done) < 20
