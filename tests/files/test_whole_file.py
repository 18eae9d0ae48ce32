"""Files are replaced whole, as what they are, and by one process at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shufflenet_flops.errors import OutputError
from shufflenet_flops.files.whole_file import replace_text, replacement

HOLDER = """
import sys
from pathlib import Path
from shufflenet_flops.files.whole_file import replacement
with replacement(Path(sys.argv[1])) as new:
    if len(sys.argv) > 2:
        new.stream.write(b"half")
        new.stream.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""


def holder(path: Path, *more: str) -> subprocess.Popen[str]:
    """A process that is about to write `path`, or with `more` in the middle of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(mode)
    replace_text(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_link_is_followed(tmp_path: Path) -> None:
    """To a file in another folder, to one that is not there yet, and through a second link."""
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "target"
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to("there/target")
    second.symlink_to(link)
    for path in (link, second):
        replace_text(path, path.name)

        assert target.read_text() == path.name
    assert link.is_symlink()
    assert second.is_symlink()
    assert list((tmp_path / "there").iterdir()) == [target]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """And left as it is, with nothing beside it."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "to-null").symlink_to(os.devnull)
    (tmp_path / "read-only").write_text("old")
    (tmp_path / "read-only").chmod(0o444)
    (tmp_path / "one").write_text("old")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    before = sorted(tmp_path.iterdir())
    for name, why in {
        "fifo": "it is a pipe, a socket or a device",
        "to-null": "it is a pipe, a socket or a device",
        "folder": "it is a directory",
        "to-folder": "it is a directory",
        "round": "it is a link that leads to itself",
        "read-only": "it is read-only",
        "one": "one file under 2 names",
        "no/x": "No such file or directory",
        "one/x": "Not a directory",
        "x" * 300: "File name too long",
        "x\0": "null",
    }.items():
        with pytest.raises(OutputError, match=why):
            replace_text(tmp_path / name, "new")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "one").read_text() == "old"


def test_a_long_name_is_a_name(tmp_path: Path) -> None:
    """Of as many bytes as a name can have, which leaves no room for a suffix."""
    path = tmp_path / ("é" * 127)
    replace_text(path, "new")

    assert list(tmp_path.iterdir()) == [path]


def test_of_two_writers_one_wins_and_the_other_says_who(tmp_path: Path) -> None:
    """By whatever name they call the file; a killed one is in nobody's way and leaves nothing."""
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)
    with holder(path) as first:
        for name in (path, link):
            with pytest.raises(OutputError, match=f"process {first.pid} is writing it"):
                replace_text(name, "new")
        assert path.read_text() == "old"
        first.kill()
    with holder(path, "half") as second:
        with pytest.raises(OutputError, match="another process is writing it"):
            replace_text(path, "new")
        second.kill()
    assert path.read_text() == "old"
    assert (tmp_path / ".x.part").exists()
    replace_text(link, "new")

    assert path.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == sorted([link, path])


def test_a_file_that_is_named_twice(tmp_path: Path) -> None:
    """Is not written twice."""
    (tmp_path / "link").symlink_to("x")
    with (
        replacement(tmp_path / "x"),
        pytest.raises(OutputError, match="it is named twice"),
        replacement(tmp_path / "link"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_what_is_in_the_way_of_the_new_file_is_left_alone(tmp_path: Path) -> None:
    """A stranger's link there is not followed, and a pipe not waited for."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".a.part").symlink_to(victim)
    os.mkfifo(tmp_path / ".b.part")
    (tmp_path / ".c.part").mkdir()
    for name in ("a", "b", "c"):
        with pytest.raises(OutputError, match="cannot write"):
            replace_text(tmp_path / name, "new")
    (tmp_path / ".d.part").hardlink_to(victim)
    replace_text(tmp_path / "d", "new")

    assert victim.read_text() == "precious"
