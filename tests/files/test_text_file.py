"""Reading files whole: as much as there is, up to a limit, however large they say they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflenet_flops.errors import InputError
from shufflenet_flops.files.text_file import read_content, read_text


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_up_to_a_limit(tmp_path: Path, size: int) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"a" * size)

    assert read_content(file, 100) == b"a" * size
    with pytest.raises(InputError, match=r"more than 99 bytes" if size == 100 else r"No such file"):
        read_content(file if size == 100 else tmp_path / "none", 99)


def test_a_file_that_does_not_tell_its_size() -> None:
    """As those that Linux makes when they are read."""
    own = Path("/proc/self/status")
    if not own.exists():
        pytest.skip("there are none")
    assert own.stat().st_size == 0
    assert "VmPeak" in read_text(own)
    with pytest.raises(InputError, match="more than 50 bytes"):
        read_text(own, 50)
