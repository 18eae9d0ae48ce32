"""Import what `package.module:name` or `file.py:name` says, and call it. This runs the user's code.

A module that is not installed is looked for in the current directory: who names it wants it run.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import re
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from shufflenet_flops.errors import (
    InputError,
    ModelError,
    ShufflenetFlopsError,
    UnknownNameError,
    close_names,
)
from shufflenet_flops.running.foreign import contained


def find_object(text: str, path: Sequence[Path]) -> Any:
    """The object that `package.module:name` or `file.py:name` names.

    `path` are directories to import from first; the current one comes last. Raises InputError for a
    module or name that does not exist, ModelError where the import fails.
    """
    module, name = find_module(text, path)
    try:
        return getattr(module, name)
    except AttributeError:
        known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        hint = ""
        file = f"{module.__name__}.py"
        if Path(file).is_file() and getattr(module, "__file__", None) != os.path.abspath(file):
            hint = f"; for the one in this directory write {file}:{name}"
        error = UnknownNameError(f"factory in module {module.__name__}:", name, known)
        raise InputError(f"{error}{hint}") if hint else error from None


def find_module(text: str, path: Sequence[Path]) -> tuple[ModuleType, str]:
    """The imported module of `module:name` or `file.py:name`, and the name, empty without one."""
    _make_importable(path)
    file, name = split_file(text)
    if file:
        return _load_file(text, Path(file), path), _checked_name(text, name)
    module_name, _, name = text.partition(":")
    if not name or not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise InputError(
            f"{text}: write package.module:name, both of them Python names, or file.py:name"
        )
    _make_current_importable(module_name)
    try:
        with contained():
            return importlib.import_module(module_name), name
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name, module_name):
            raise InputError(
                f"{text}: there is no module {error.name!r} to import: {_advice(module_name, path)}"
            ) from None
        raise ModelError(f"{text}: importing {module_name} failed: {one_line(error)}") from error


def split_file(text: str) -> tuple[str, str]:
    """`dir/file.py:name` as the file and the name, which may be empty; no file for other texts."""
    if text.endswith(".py"):
        return text, ""
    file, colon, name = text.rpartition(":")
    return (file, name) if colon and file.endswith(".py") else ("", text)


def _checked_name(text: str, name: str) -> str:
    if name and not name.isidentifier():
        raise InputError(f"{text}: write file.py:name, where name is a Python name")
    return name


def _load_file(text: str, file: Path, path: Sequence[Path]) -> ModuleType:
    """The module in a file, run anew, so that what was edited is what counts.

    Its directory is importable from then on, for what stands beside it.
    """
    found = next(
        (place for place in (file, *(one / file for one in path)) if os.path.isfile(place)), None
    )
    if found is None:
        if os.path.exists(file):  # a pipe, a device, a directory
            raise InputError(f"{text}: {file} is no regular file")
        raise InputError(f"{text}: there is no file {file}{_close_file(file)}")
    location = found.resolve()
    _make_importable([location.parent])
    _add_current()
    # Under its own name where that is free, as what is pickled or annotated there looks for it.
    name = location.stem
    while (taken := sys.modules.get(name)) and getattr(taken, "__file__", None) != str(location):
        name = f"_{name}"
    spec = importlib.util.spec_from_file_location(name, location)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with contained():
            spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise ModelError(f"{text}: running {file} failed: {one_line(error)}") from error
    return module


def _close_file(file: Path) -> str:
    beside = [str(file.parent / one.name) for one in file.parent.glob("*.py")]
    close = difflib.get_close_matches(str(file), beside)
    return f": did you mean {' or '.join(close)}?" if close else ""


def load_rules(file: Path) -> None:
    """Run a Python file that gives formulas of ops by `shufflenet_flops.rule`.

    Raises InputError where there is no such file, or it gives none, ModelError where it fails.
    """
    from shufflenet_flops.trace.rules.supplied import supplied_count

    if not file.is_file():
        raise InputError(f"--rules {file}: there is no such file")
    before = supplied_count()
    try:
        with contained():
            runpy.run_path(os.fspath(file))
    except ShufflenetFlopsError as error:
        raise InputError(f"--rules {file}: {error}") from error
    except Exception as error:
        raise ModelError(f"--rules {file}: {one_line(error)}") from error
    if supplied_count() == before:
        raise InputError(
            f"--rules {file}: it gives no formula: put @shufflenet_flops.rule(op) above a function"
        )


def call(text: str, function: Any, args: Mapping[str, Any]) -> Any:
    """`function(**args)`. Raises InputError for wrong arguments, ModelError where it fails."""
    parameters = _parameters(function)
    known = [parameter.name for parameter in parameters if parameter.kind not in _VARIADIC]
    takes_any = not known or any(one.kind is one.VAR_KEYWORD for one in parameters)
    for name in () if takes_any else args:
        if name not in known:
            close = " or ".join(close_names(name, known))
            advice = f"did you mean {close}?" if close else f"it has {', '.join(known)}"
            raise InputError(f"{text} has no argument {name}: {advice}")
    missing = _missing(parameters, args)
    if missing:
        options = " ".join(f"--arg {name}=…" for name in missing)
        raise InputError(f"{text} needs {' and '.join(missing)}: give {options}")
    try:
        with contained():
            return function(**args)
    except Exception as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if isinstance(error, TypeError) and unknown and unknown[1] in args:
            raise InputError(f"{text} has no argument {unknown[1]}") from error
        raise ModelError(f"{text} failed: {one_line(error)}") from error


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _parameters(function: Any) -> Sequence[inspect.Parameter]:
    """Those of a call; none where what is written in C does not tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _missing(parameters: Sequence[inspect.Parameter], args: Mapping[str, Any]) -> list[str]:
    """The parameters without a default that are not given."""
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in _VARIADIC
        and parameter.name not in args
    ]


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


def _make_current_importable(module_name: str) -> None:
    """Put the current directory last on sys.path if it has the module: what is installed wins."""
    top = module_name.partition(".")[0]
    if Path(f"{top}.py").is_file() or Path(top).is_dir():
        _add_current()


def _add_current() -> None:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()


def _advice(module_name: str, path: Sequence[Path]) -> str:
    """What may have been meant by a module that does not exist."""
    places = (Path(), *path)
    known = [file.stem for directory in places for file in directory.glob("*.py")]
    close = difflib.get_close_matches(module_name, ["timm", "torchvision", *known])
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "it is neither installed nor in this directory; --path DIRECTORY names another one"


def _is_part(missing: str | None, wanted: str) -> bool:
    """Whether the module that was not found is `wanted` itself or one of its parents."""
    return missing is not None and f"{wanted}.".startswith(f"{missing}.")
