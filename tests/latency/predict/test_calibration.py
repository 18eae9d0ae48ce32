"""A calibration is read back as it was written, and anything else refused in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.environment import environment
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.predict.calibration import as_bytes, load_calibration
from shufflenet_flops.latency.predict.prediction import doubts
from shufflenet_flops.latency.predict.shipped import SHIPPED, find_calibration
from shufflenet_flops.report.format.json import as_json
from tests.latency.predict.laws import lawful


def written(path: Path, change: Callable[[Any], None] = lambda data: None) -> Path:
    """A calibration in a file, after `change` to its JSON."""
    data = json.loads(as_json("calibrate", None, [lawful()]))
    change(data)
    path.write_bytes(as_bytes(json.dumps(data), path))
    return path


@pytest.mark.parametrize("name", ["c.json", "c.json.gz", "c.json.xz"])
def test_it_comes_back(tmp_path: Path, name: str) -> None:
    assert load_calibration(written(tmp_path / name)) == lawful()


def test_the_same_calibration_is_the_same_file() -> None:
    """Compressed too, so that a commit shows what changed."""
    assert as_bytes("text", Path("x.gz")) == as_bytes("text", Path("y.gz"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.update(schema=2), "schema 2, and this version reads 1"),
        (lambda data: data.update(command="latency"), "no run of `calibrate`"),
        (lambda data: data["results"][0].update(version=9), "version 9 of the format"),
        (lambda data: data["results"][0].pop("machine"), "has no machine"),
        (lambda data: data["results"][0].update(fields=["n"]), "other numbers"),
        (lambda data: data["results"][0].update(kinds=[]), "there are 0"),
        (lambda data: data["results"][0].update(hyperparameters={}), "must be trees, "),
        (lambda data: data["results"][0]["hyperparameters"].update(leaves=65), "leaves is 65"),
        (lambda data: data["results"][0]["hyperparameters"].update(trees=0), "trees is 0"),
        (lambda data: data["results"][0]["samples"][3].update(kernels=["1 2"]), "'1 2' must be"),
        (lambda data: data["results"][0]["samples"][3].update(kernels=["-1"]), "'-1' must be"),
    ],
)
def test_what_is_no_calibration_is_refused(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    """In one line that names the file and the rule."""
    path = written(tmp_path / "c.json", change)
    with pytest.raises(InputError) as error:
        load_calibration(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_damaged_file(tmp_path: Path) -> None:
    """Cut short, not compressed at all, compressed and no JSON, not there."""
    whole = written(tmp_path / "c.json.gz").read_bytes()
    for content in (whole[:-20], b"{}", b"", gzip.compress(b"\xff"), gzip.compress(b"{")):
        (tmp_path / "d.json.gz").write_bytes(content)
        with pytest.raises(ValueError, match=r"d\.json\.gz"):
            load_calibration(tmp_path / "d.json.gz")
    with pytest.raises(InputError, match="No such file"):
        load_calibration(tmp_path / "none.json.gz")


def test_another_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of onnxruntime, not of openvino"):
        load_calibration(written(tmp_path / "c.json"), "openvino")


def test_another_machine_and_another_version_are_told() -> None:
    """In a line each; where nothing differs nothing is said."""
    here = replace(environment(), cpu="a machine", cores=2)

    assert doubts(lawful(), here, "1.2") == []
    assert doubts(lawful(), here, "") == []
    (machine,) = doubts(lawful(), replace(here, cpu="another"), "1.2")
    assert "a machine, 2 cores; this is another" in machine
    (version,) = doubts(lawful(), here, "1.3")
    assert "onnxruntime 1.2, and 1.3 is installed" in version


@pytest.mark.parametrize("path", sorted(SHIPPED.iterdir()), ids=lambda path: path.name)
def test_what_comes_with_the_package(path: Path) -> None:
    """It is small, can be read, and holds no sign of whose machine it was."""
    engine = path.name.partition(".")[0]
    calibration, where = find_calibration(engine)

    assert path.stat().st_size < 300_000
    assert calibration.engine == engine
    assert 300 < len(calibration.log_errors) <= len(calibration.samples)
    assert 300 < len(calibration.compiled_log_errors) <= len(calibration.samples)
    assert where == "the one that comes with the package"


def test_one_in_this_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "calibration-onnxruntime.json")

    calibration, where = find_calibration("onnxruntime")
    assert calibration.machine == "a machine"
    assert where == "calibration-onnxruntime.json"
