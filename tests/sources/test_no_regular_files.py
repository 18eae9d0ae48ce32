"""Pipes, devices, directories and odd names in the place of every file that a user names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.predict.calibration import load_calibration
from shufflenet_flops.sources import resolve

SUFFIXES = ("onnx", "pt2", "py", "json", "json.gz", "json.xz")


def read(path: Path) -> None:
    if path.suffix in (".onnx", ".pt2", ".py"):
        resolve(str(path))
    else:
        load_calibration(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: os.symlink("/dev/zero", path),
        os.mkdir,
        lambda path: os.symlink(path, path),
    ],
    ids=["pipe", "device", "directory", "circle"],
)
def test_no_regular_file(tmp_path: Path, suffix: str, make: Callable[[Path], None]) -> None:
    """None is waited for, and none read without end."""
    path = tmp_path / f"x.{suffix}"
    make(path)
    with pytest.raises(InputError, match=r"regular file|directory|symbolic links|no file") as error:
        read(path)
    assert "\n" not in str(error.value)
    assert str(error.value).count("x." + suffix) < 2 or suffix == "py"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "\udcff"])
def test_names_that_no_file_has(suffix: str, name: str) -> None:
    with pytest.raises(InputError):
        read(Path(f"{name}.{suffix}"))


@pytest.mark.parametrize("name", ["model.ONNX", "model.onnx.gz", "model", "model.tflite"])
def test_a_file_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"let it end in \.onnx, \.pt2 or \.py"):
        resolve(name)
