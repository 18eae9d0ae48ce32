"""What was learned is kept as arrays, and is the same when it is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.predict import learned as learning
from shufflenet_flops.latency.predict.learned import learned
from shufflenet_flops.latency.predict.regression import fit
from tests.latency.predict.laws import conv, lawful

KERNELS = [conv(21, 57, 13), conv(50, 40, 14), conv(400, 4, 7)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the folder of its files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "shufflenet-flops"


def test_it_is_learned_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is fitted, and every bit is as it was."""
    expected = fit(lawful().timed())
    first = learned(lawful())
    (file,) = cache.iterdir()
    assert file.suffix == ".npz"

    monkeypatch.setattr(learning, "fit", lambda *_: pytest.fail("it was learned again"))
    second = learned(lawful())
    for model in (first, second):
        assert model.seconds(KERNELS).tolist() == expected.seconds(KERNELS).tolist()
        assert [model.uncovered(kernel) for kernel in KERNELS] == [
            expected.uncovered(kernel) for kernel in KERNELS
        ]
        assert model.macs_only_s == expected.macs_only_s
        assert model.at_most(KERNELS[2]) == expected.at_most(KERNELS[2])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", None])
def test_a_damaged_file_is_made_anew(cache: Path, content: bytes | None) -> None:
    """Also one that holds objects, which would have to be unpickled."""
    expected = learned(lawful()).seconds(KERNELS).tolist()
    (file,) = cache.iterdir()
    if content is None:
        np.savez(file, kinds=np.array([{"a": 1}], dtype=object), macs_only_s=np.array(1.0))
    else:
        file.write_bytes(content)

    assert learned(lawful()).seconds(KERNELS).tolist() == expected
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["kinds"].tolist() == ["pointwise conv"]


def test_other_samples_are_learned_by_themselves(cache: Path) -> None:
    """Other hyperparameters too; old files go when there are many."""
    learned(lawful())
    learned(lawful(41))
    learned(replace(lawful(), hyperparameters={**lawful().hyperparameters, "trees": 3}))
    assert len(list(cache.iterdir())) == 3
    for number in range(42, 42 + 12):
        learned(lawful(number))
    assert len(list(cache.iterdir())) == 12


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a file"
    file.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert (
        learned(lawful()).seconds(KERNELS).tolist()
        == fit(lawful().timed()).seconds(KERNELS).tolist()
    )


def test_without_the_engines_own_kernels(cache: Path) -> None:
    with pytest.raises(InputError, match=r"--compile needs: run `calibrate --engine onnxruntime`"):
        learned(lawful(), compiled=True)
