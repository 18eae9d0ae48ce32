"""Files replaced in one step: the old content or the new one is there whole, whatever happens."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shufflenet_flops.errors import OutputError
from shufflenet_flops.files import locks

_LONGEST_NAME = 255 - len("..part")  # bytes, in the file systems of today


@dataclass(frozen=True)
class Replacement:
    """A new file beside the one it is to replace, open to be written from its beginning.

    Until then it has the number of the process.
    """

    path: Path
    target: Path
    part: Path
    stream: BinaryIO

    def finish(self) -> None:
        """Bring what was written to the disk. Raises OSError where there is no room."""
        self.stream.truncate()
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def put_in_place(self) -> None:
        """Make it the target, in one step. Raises OSError where that cannot be."""
        self.part.replace(self.target)


@contextmanager
def replacement(path: Path, *, wait: bool = False) -> Iterator[Replacement]:
    """A Replacement for the file `path`; what is not put in place leaves nothing behind.

    Links are followed, and the file keeps its mode and, where that is allowed, its owner. What a
    killed process has left is removed. Raises OutputError at once for what cannot be replaced so:
    a directory, a device or pipe, a read-only file, a file of several names, and a file that
    another process is about to replace, which `wait` waits for.
    """
    try:
        target = Path(os.path.realpath(path))
        old = _state(target)
        if old is not None and (rule := _forbids(target, old)):
            raise OutputError(f"cannot write {path}: {rule}")
        part = _beside(target)
    except (OSError, ValueError) as error:
        raise _refused(path, error) from None
    with hold(part, path, wait=wait) as handle:
        if old is not None:
            with suppress(OSError):  # only root may give a file away
                os.chown(handle, old.st_uid, old.st_gid)
            os.chmod(part, stat.S_IMODE(old.st_mode))
        stream = os.fdopen(os.dup(handle), "r+b")
        try:
            yield Replacement(path, target, part, stream)
        finally:
            with suppress(OSError):  # what does not fit on the disk has been told of
                stream.close()


@contextmanager
def open_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that replaces the content of the file `path`, all or nothing.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    with replacement(path) as new:
        yield lambda content: replace_together([(new, content)])


def replace_together(files: Sequence[tuple[Replacement, bytes]]) -> None:
    """Put several files in place, none before all are written.

    Raises OutputError where one cannot be.
    """
    for new, content in files:
        try:
            new.stream.write(content)
            new.finish()
        except OSError as error:
            raise _refused(new.path, error) from None
    for new, _ in files:
        try:
            new.put_in_place()
        except OSError as error:
            raise _refused(new.path, error) from None


def replace_text(path: Path, text: str) -> None:
    """Replace the content of the file `path`. Raises OutputError where that cannot be done."""
    with replacement(path) as new:
        replace_together([(new, text.encode())])


@contextmanager
def hold(lock: Path, wanted: Path, *, wait: bool = False) -> Iterator[int]:
    """The descriptor of the file `lock`, new and this process's alone; it is removed afterwards.

    Raises OutputError that `wanted` cannot be written, with the process that holds it.
    """
    try:
        handle = _take(lock, wanted, wait)
    except OSError as error:
        raise _refused(wanted, error) from None
    try:
        yield handle
    finally:
        with suppress(OSError):
            if _is_at(handle, lock):
                lock.unlink()
        os.close(handle)


def _take(lock: Path, wanted: Path, wait: bool) -> int:
    """Make the file and lock it; one that is there and not locked was left by a killed process."""
    while True:
        try:
            handle, is_new = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            try:
                handle, is_new = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), False
            except FileNotFoundError:
                continue
        taken = False
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OutputError(f"cannot write {wanted}: {lock.name} beside it is in the way")
            _lock(handle, wanted, wait)
            taken = is_new and _is_at(handle, lock)
            if taken:
                os.write(handle, str(os.getpid()).encode())
                os.lseek(handle, 0, os.SEEK_SET)
                return handle
            if _is_at(handle, lock):
                lock.unlink()
        finally:
            if not taken:
                os.close(handle)


def _lock(handle: int, wanted: Path, wait: bool) -> None:
    try:
        locks.lock(handle, wait=wait)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode(errors="replace")
        if holder == str(os.getpid()):
            raise OutputError(f"cannot write {wanted}: it is named twice") from None
        who = f"process {holder}" if holder.isdecimal() else "another process"
        raise OutputError(f"cannot write {wanted}: {who} is writing it") from None
    except OSError:
        return  # a file system without locks


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def _state(target: Path) -> os.stat_result | None:
    """What is there; None where there is nothing. Raises OSError where that cannot be told."""
    try:
        return os.lstat(target)  # a link is left only where links go round
    except FileNotFoundError:
        return None


def _forbids(target: Path, old: os.stat_result) -> str:
    """The rule by which what is there cannot be replaced; empty where it can."""
    if stat.S_ISDIR(old.st_mode):
        return "it is a directory"
    if stat.S_ISLNK(old.st_mode):
        return "it is a link that leads to itself"
    if not stat.S_ISREG(old.st_mode):
        return "it is a pipe, a socket or a device, and only a file can be replaced"
    if old.st_nlink > 1:
        return f"it is one file under {old.st_nlink} names (hard links); name a new file"
    if not old.st_mode & 0o222 or not os.access(target, os.W_OK):
        return "it is read-only"
    return ""


def _beside(target: Path) -> Path:
    """Where the new file is made; the same place each time, so that two writers meet there."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        from hashlib import sha256  # starts OpenSSL, for a name that few have

        name = sha256(os.fsencode(name)).hexdigest()
    return target.with_name(f".{name}.part")


def _refused(path: Path, error: OSError | ValueError) -> OutputError:
    if isinstance(error, OutputError):
        return error
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return OutputError(f"cannot write {path}: {reason or error}")
