"""Where a set of files is made ready before it replaces the old set."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import shufflenet_flops
from shufflenet_flops.errors import OutputError


class Staging:
    """A hidden folder inside `directory`: results kept for a next try, and files to publish.

    An interruption leaves the old files as they were, and the results that were ready; results of
    another version of this program, or of other arguments, are not taken up again.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = directory / ".report.part"
        self._files: dict[str, bytes] = {}

    def __enter__(self) -> Staging:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {self._directory}: {error.strerror}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            shutil.rmtree(self._folder)

    def kept(self, name: str, arguments: Sequence[str], make: Callable[[], str]) -> str:
        """The results of an earlier, interrupted try where there are any, and else made now."""
        path = self._folder / f"{name}.json"
        fingerprint = _fingerprint(arguments)
        if path.exists():
            with path.open(encoding="utf-8") as stream:
                if stream.readline().strip() == fingerprint:
                    return stream.read()
        text = make()
        beside = path.with_suffix(".new")
        beside.write_text(f"{fingerprint}\n{text}", encoding="utf-8")
        beside.replace(path)
        return text

    def add(self, files: Mapping[str, bytes]) -> None:
        """Files to publish, by their path inside the directory."""
        self._files |= files

    def publish(self) -> None:
        """Put all files in place, each replaced in one step, once all are written."""
        ready = [(self._folder / "files" / name, name) for name in self._files]
        try:
            for path, name in ready:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._files[name])
            for path, name in ready:
                target = self._directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
        except OSError as error:
            raise OutputError(f"cannot write {self._directory}: {error.strerror}") from None


def _fingerprint(arguments: Sequence[str]) -> str:
    """Of the arguments and of this program's own source."""
    root = Path(shufflenet_flops.__file__).parent
    digest = hashlib.sha256(json.dumps(list(arguments)).encode())
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
