"""Import what `package.module:name` says, and call it. This runs the user's code."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shufflenet_flops.errors import InputError, ModelError, UnknownNameError
from shufflenet_flops.foreign import contained


def find_object(text: str, path: Sequence[Path]) -> Any:
    """The object that `package.module:name` names; `path` are directories to import from first.

    Raises InputError for a module or name that does not exist, ModelError where the import fails.
    """
    module_name, _, name = text.partition(":")
    if not name or not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise InputError(f"{text}: write package.module:name, both of them Python names")
    _make_importable(path)
    try:
        with contained():
            module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name, module_name):
            raise InputError(
                f"{text}: there is no module {error.name!r} to import: {_advice(module_name, path)}"
            ) from None
        raise ModelError(f"{text}: importing {module_name} failed: {one_line(error)}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise UnknownNameError(f"factory in module {module_name}:", name, known) from None


def call(text: str, function: Any, args: Mapping[str, Any]) -> Any:
    """`function(**args)`. Raises ModelError with what went wrong in one line."""
    try:
        with contained():
            return function(**args)
    except Exception as error:
        raise ModelError(f"{text} failed: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The type and the first line of an exception's message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _make_importable(path: Sequence[Path]) -> None:
    """Put `path` first on sys.path, for the rest of the process: modules may import late."""
    for directory in reversed(path):
        if not directory.is_dir():
            raise InputError(f"--path {directory}: there is no such directory")
        entry = os.path.abspath(directory)
        if entry not in sys.path:
            sys.path.insert(0, entry)


def _advice(module_name: str, path: Sequence[Path]) -> str:
    """What may have been meant by a module that does not exist."""
    known = [file.stem for directory in path for file in directory.glob("*.py")]
    close = difflib.get_close_matches(module_name, ["timm", "torchvision", *known])
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "a module in a directory needs --path DIRECTORY (--path . for this one)"


def _is_part(missing: str | None, wanted: str) -> bool:
    """Whether the module that was not found is `wanted` itself or one of its parents."""
    return missing is not None and f"{wanted}.".startswith(f"{missing}.")
