"""Where a set of files is made ready before it replaces the old set."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import metadata
from pathlib import Path
from types import TracebackType

import shufflenet_flops
from shufflenet_flops.cli.output import open_together
from shufflenet_flops.errors import OutputError
from shufflenet_flops.files.whole_file import hold, replace_text, replace_together


class Staging:
    """A hidden folder inside `directory`: results kept for a next try, and files to publish.

    An interruption leaves the old files as they were, and the results that were ready; results of
    other programs, versions or arguments are not taken up again. One process at a time has it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = directory / ".report.part"
        self._files: dict[Path, bytes] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Staging:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(hold(self._directory / ".report.lock", self._directory))
            self._folder.mkdir(exist_ok=True)
        except OutputError:
            raise
        except OSError as error:
            self._stack.close()
            raise OutputError(f"cannot write {self._directory}: {error.strerror}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with self._stack:
            if kind is None:
                shutil.rmtree(self._folder)

    def kept(self, name: str, arguments: Sequence[str], make: Callable[[], str]) -> str:
        """The results of an earlier, interrupted try where there are any, and else made now.

        Only for results that follow from the arguments and the installed packages alone.
        """
        path = self._folder / f"{name}.json"
        inputs = _digest(json.dumps(list(arguments)), _installed())
        if (text := _read_kept(path, inputs)) is not None:
            return text
        text = make()
        replace_text(path, f"{inputs} {_digest(text)}\n{text}")
        return text

    def add(self, files: Mapping[str, bytes]) -> None:
        """Files to publish, by their path inside the directory."""
        self._files |= {self._directory / name: content for name, content in files.items()}

    def publish(self) -> None:
        """Put all files in place, each replaced in one step, once all are written."""
        with open_together(self._files) as files:
            replace_together(files)


def _read_kept(path: Path, inputs: str) -> str | None:
    """The kept text, None where it is of other inputs, cut short or damaged."""
    try:
        head, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if head == f"{inputs} {_digest(text)}" else None


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()


@cache
def _installed() -> str:
    """This program's own files, the Python, and every package with its version and its place."""
    root = Path(shufflenet_flops.__file__).parent
    own = [
        f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    packages = [
        f"{package.name} {package.version} {package.locate_file('')}"
        for package in metadata.distributions()
    ]
    settings = [f"{key}={value}" for key, value in os.environ.items() if key.startswith(_SETTINGS)]
    return "\n".join([sys.version, *own, *sorted(packages), *sorted(settings)])


_SETTINGS = ("SHUFFLENET_FLOPS", "TORCH", "PYTHON")  # variables that change what is counted
