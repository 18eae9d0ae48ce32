"""A budget file's TOML as a configuration: read in one go, every problem with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args

from shufflenet_flops.budget.config import Config, Entry, Level
from shufflenet_flops.budget.guard import GUARDED, Guard, parse_guards
from shufflenet_flops.budget.limit import LIMITED, SHORT, Limit, parse_limit
from shufflenet_flops.counting import CONVENTIONS, Convention, find_convention
from shufflenet_flops.counting.metric import TIME
from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.errors import ConfigError, InputError, Problem, UnknownNameError, shown
from shufflenet_flops.files.toml_lines import KeyPath, TomlFile
from shufflenet_flops.sources import Input, parse_input

SCHEMA = 1

T = TypeVar("T")
Guards: TypeAlias = Mapping[str, tuple[Guard, ...]]


def parse(file: str, text: str, root: KeyPath = (), directory: Path = Path()) -> Config:
    """The configuration in the table at `root` of a TOML text. Raises ConfigError with everything
    that is wrong."""
    toml_file = TomlFile(file, text)
    reader = _Reader(toml_file)
    table: Any = toml_file.data
    for key in root:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    config = _config(reader, root, table, directory)
    if reader.problems:
        raise ConfigError(*sorted(reader.problems, key=lambda problem: problem.line))
    return config


class _Reader:
    """A file of budgets, and the problems found in it so far."""

    def __init__(self, toml_file: TomlFile) -> None:
        self.toml_file = toml_file
        self.problems: list[Problem] = []

    def report(self, path: KeyPath, what: str) -> None:
        self.problems.append(self.toml_file.problem(path, what))

    def value(self, path: KeyPath, default: T, read: Callable[[], T]) -> T:
        """What `read` gives, or the default and a problem where it raises."""
        try:
            return read()
        except (InputError, UnknownNameError) as error:
            self.report(path, str(error))
            return default

    def check_keys(self, path: KeyPath, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                self.report((*path, key), str(UnknownNameError("key", key, known)))


_TOP_KEYS = ("schema", "input", "path", "engine", "calibration", "guard", "budget")
_ENTRY_KEYS = ("model", "input", "args", *LIMITED, *SHORT, "convention", "level", "reason", "guard")


def _config(reader: _Reader, root: KeyPath, table: Any, directory: Path) -> Config:
    if not isinstance(table, dict):
        reader.report(root, f"must be a table, not {_kind(table)}")
        table = {}
    reader.check_keys(root, table, _TOP_KEYS)
    schema = table.get("schema")
    if schema != SCHEMA or isinstance(schema, bool | float):
        fault = f"{shown(schema)} is not known" if "schema" in table else "is missing"
        reader.report((*root, "schema"), f"{fault}: write schema = {SCHEMA}")
    default = _inputs(reader, root, table)
    nowhere: tuple[Path, ...] = ()
    path = reader.value((*root, "path"), nowhere, lambda: _path(table.get("path", []), directory))
    guards = _guards(reader, (*root, "guard"), table.get("guard", {}))
    budgets = table.get("budget", [])
    if not isinstance(budgets, list) or not budgets:
        reader.report((*root, "budget"), "write one [[budget]] or more")
        budgets = []
    entries = [
        _entry(reader, (*root, "budget", i), entry, default, guards)
        for i, entry in enumerate(budgets)
    ]
    engine = _text(reader, (*root, "engine"), table["engine"]) if "engine" in table else ""
    calibration = None
    if "calibration" in table:
        calibration = directory / _text(reader, (*root, "calibration"), table["calibration"])
    for i, entry in enumerate(entries):
        if not engine and any(limit.metric == TIME.key for limit in entry.limits):
            what = 'is predicted on an engine: write engine = "onnxruntime" at the top of the file'
            reader.report((*root, "budget", i, TIME.key), what)
    return Config(reader.toml_file.file, tuple(entries), path, directory, engine, calibration)


def _entry(
    reader: _Reader, path: KeyPath, table: Any, default: tuple[Input, ...], guards: Guards
) -> Entry:
    if not isinstance(table, dict):
        reader.report(path, f"must be a table, not {_kind(table)}")
        return Entry("", ())
    reader.check_keys(path, table, _ENTRY_KEYS)
    if "model" not in table:
        reader.report(path, "has no model: name one of the zoo, package.module:factory, or a file")
    model = _text(reader, (*path, "model"), table.get("model", "-"))
    limits = [
        limit
        for metric, key in _metrics(reader, path, table, LIMITED).items()
        if (limit := _limit(reader, (*path, key), metric, table[key]))
    ]
    own = _guards(reader, (*path, "guard"), table.get("guard", {}))
    guards = {**guards, **own}
    if not guards and not any(metric in table for metric in (*LIMITED, *SHORT)):
        reader.report(path, f"has no limit: give one or more of {', '.join(LIMITED)}, or a guard")
    args = table.get("args", {})
    if not isinstance(args, dict):
        reader.report(
            (*path, "args"), f"must be a table of the factory's arguments, not {shown(args)}"
        )
        args = {}
    convention = CONVENTIONS["paper"]
    if "convention" in table:
        convention = reader.value(
            (*path, "convention"), convention, lambda: _convention(table["convention"])
        )
    for limit in limits:
        if not counts_in(convention, limit.metric):
            reader.report((*path, limit.metric), _wrong_unit(convention, limit.metric))
    for metric in guards:
        if not counts_in(convention, metric):
            where = "guard" if metric in own else "convention"
            reader.report((*path, where), f"guard: {_wrong_unit(convention, metric)}")
    return Entry(
        model,
        tuple(limits),
        _inputs(reader, path, table) or (() if _is_graph(model) else default),
        args,
        convention,
        reader.value((*path, "level"), None, lambda: _level(table.get("level"))),
        _text(reader, (*path, "reason"), table.get("reason", "-"), lines=True)
        if "reason" in table
        else "",
        tuple(guard for of_metric in guards.values() for guard in of_metric),
        {SHORT.get(key, key): reader.toml_file.line((*path, key)) for key in table}
        | {"": reader.toml_file.line(path)},
    )


def _guards(reader: _Reader, path: KeyPath, table: Any) -> Guards:
    """What a table `guard` holds each metric to."""
    if not isinstance(table, dict):
        reader.report(path, f'must be a table, as in guard = {{macs = "+2 %"}}, not {_kind(table)}')
        return {}
    short = [key for key, metric in SHORT.items() if metric in GUARDED]
    reader.check_keys(path, table, (*GUARDED, *short))
    return {
        metric: reader.value((*path, key), (), partial(parse_guards, metric, table[key]))
        for metric, key in _metrics(reader, path, table, GUARDED).items()
    }


def _metrics(
    reader: _Reader, path: KeyPath, table: Mapping[str, Any], known: Sequence[str]
) -> dict[str, str]:
    """The metrics that a table is about, each with the key that it is written by."""
    keys = {metric: metric for metric in known if metric in table}
    for key, metric in SHORT.items():
        if key in table and metric in keys:
            reader.report((*path, key), f"is {metric}, which is there too: write one of them")
        elif key in table and metric in known:
            keys[metric] = key
    return {metric: keys[metric] for metric in known if metric in keys}


def _limit(reader: _Reader, path: KeyPath, metric: str, value: Any) -> Limit | None:
    return reader.value(path, None, lambda: parse_limit(metric, value))


def _convention(value: Any) -> Convention:
    return find_convention(value if isinstance(value, str) else shown(value))


def counts_in(convention: Convention, metric: str) -> bool:
    """Whether a limit on `macs` or `flops` means something under a convention.

    One multiply-accumulate is two FLOPs, so either goes where nothing else is counted.
    """
    if metric not in ("macs", "flops") or f"{convention.unit.lower()}s" == metric:
        return True
    return all(op_class in MAC_CLASSES for op_class in convention.weights)


def _wrong_unit(convention: Convention, metric: str) -> str:
    right = f"{convention.unit.lower()}s"
    return (
        f"convention {convention.name} counts more than multiply-accumulates, in "
        f"{convention.unit}s, so they cannot be turned into {metric}: write {right}"
    )


def _is_graph(model: str) -> bool:
    """Whether the model is a file that says what its inputs are."""
    return model.endswith((".onnx", ".pt2"))


def _inputs(reader: _Reader, path: KeyPath, table: Mapping[str, Any]) -> tuple[Input, ...]:
    if "input" not in table:
        return ()
    return reader.value((*path, "input"), (), lambda: parse_inputs(table["input"]))


def parse_inputs(value: Any) -> tuple[Input, ...]:
    """The inputs that a list of sizes, a text or a list of texts stands for. Raises InputError."""
    advice = (
        "write a shape, batch first, as in [1, 3, 224, 224], or text with a dtype, as in "
        '"1x128:int64", or an array of such texts for several inputs'
    )
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and texts:
        if all(isinstance(item, int) and not isinstance(item, bool) for item in texts):
            return (_parse_input("x".join(map(_size, texts))),)
        if all(isinstance(item, str) for item in texts):
            return tuple(map(_parse_input, texts))
    raise InputError(f"{shown(value)} is no input: {advice}")


def _size(value: int) -> str:
    # Python refuses to write integers of thousands of digits.
    return str(value) if abs(value) < 2**63 else "-1"


def _parse_input(text: str) -> Input:
    try:
        return parse_input(text)
    except (InputError, UnknownNameError) as error:
        # The command line's option has another name here.
        raise InputError(str(error).replace("--input ", "")) from None


def _path(value: Any, directory: Path) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError('write an array of directories to import from, as in ["."]')
    for item in value:
        if "\0" in item or not (directory / item).is_dir():
            raise InputError(f"{item!r}: there is no such directory beside the file")
    return tuple(directory / item for item in value)


def _level(value: Any) -> Level | None:
    levels: tuple[Level, ...] = get_args(Level)
    for level in levels:
        if value == level:
            return level
    if value is None:
        return None
    raise UnknownNameError("level", value if isinstance(value, str) else shown(value), levels)


def _text(reader: _Reader, path: KeyPath, value: Any, *, lines: bool = False) -> str:
    """A text that is not empty and, but for line breaks, can be printed."""
    if isinstance(value, str) and value.strip():
        if ("".join(value.split()) if lines else value).isprintable():
            return value
        reader.report(path, "holds characters that cannot be printed")
    else:
        reader.report(path, f"must be a text, not {shown(value)}")
    return ""


def _kind(value: Any) -> str:
    return f"a value of type {type(value).__name__}"
