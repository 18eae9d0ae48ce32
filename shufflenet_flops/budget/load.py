"""Find and read `flop-budget.toml`, or `[tool.shufflenet-flops]` in `pyproject.toml`."""

from __future__ import annotations

from pathlib import Path

from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.parse import parse
from shufflenet_flops.errors import InputError
from shufflenet_flops.files.text_file import read_text
from shufflenet_flops.files.toml_lines import KeyPath, TomlFile

OWN_FILE = "flop-budget.toml"
PYPROJECT = "pyproject.toml"
LARGEST = 2**19  # bytes of a configuration, of which some 200,000 are read in a second
TABLE: KeyPath = ("tool", "shufflenet-flops")


def load(file: Path | None = None) -> Config:
    """The configuration in `file`, or else the one of the current directory.

    Raises ConfigError for what is in it, InputError where there is none or there are two.
    """
    if file is None:
        file = _find()
    return parse_text(file, read_text(file, LARGEST))


def parse_text(file: Path, text: str) -> Config:
    """The configuration that a text is which stands, or could stand, in `file`.

    Raises ConfigError.
    """
    return parse(str(file), text, TABLE if file.name == PYPROJECT else (), file.parent)


def _find() -> Path:
    own, pyproject = Path(OWN_FILE), Path(PYPROJECT)
    in_pyproject = pyproject.is_file() and has_table(pyproject)
    if own.is_file() and in_pyproject:
        raise InputError(
            f"{OWN_FILE} and [tool.shufflenet-flops] in {PYPROJECT} are both here: keep one"
        )
    if own.is_file():
        return own
    if in_pyproject:
        return pyproject
    raise InputError(
        f"there is no {OWN_FILE} here, and no [tool.shufflenet-flops] in {PYPROJECT}: "
        "`shufflenet-flops init` proposes one, and --config FILE names one that is elsewhere"
    )


def has_table(file: Path) -> bool:
    tool = TomlFile(str(file), read_text(file, LARGEST)).data.get("tool", {})
    return isinstance(tool, dict) and TABLE[-1] in tool
