"""Two distributions install a package `thop`; the one whose file is there counts."""

from __future__ import annotations

import hashlib
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from shufflenet_flops.counters import thop

RULES = {"thop": b"old rules", "ultralytics-thop": b"new rules"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which both are installed, and nothing else is."""
    (tmp_path / "thop").mkdir()
    for name, content in RULES.items():
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        (info / "RECORD").write_text(f"thop/profile.py,sha256={digest},{len(content)}\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    thop._distribution.cache_clear()
    yield tmp_path
    thop._distribution.cache_clear()


@pytest.mark.parametrize("last", RULES)
def test_the_one_that_was_installed_last_decides(site: Path, last: str) -> None:
    (site / "thop" / "profile.py").write_bytes(RULES[last])

    assert thop._distribution() == last


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        (["ultralytics-thop"], "thop"),
        (["thop"], "ultralytics-thop"),
        (["thop", "ultralytics-thop"], "thop"),
    ],
)
def test_the_one_that_is_installed_counts(site: Path, removed: list[str], expected: str) -> None:
    """Where there is none, the name is that of the package."""
    for name in removed:
        shutil.rmtree(site / f"{name.replace('-', '_')}-1.0.dist-info")

    assert thop._distribution() == expected


def test_a_file_that_was_edited_is_nobodys(site: Path) -> None:
    """Nor is one that is not there; the newer name is as good a guess as any."""
    assert thop._distribution() == "ultralytics-thop"
    thop._distribution.cache_clear()
    (site / "thop" / "profile.py").write_bytes(b"my rules")
    assert thop._distribution() == "ultralytics-thop"
