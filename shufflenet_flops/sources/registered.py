"""Which models the installed libraries have, read from their files: imports take seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# A function that its library registers, by its own name or by one that is given.
_REGISTERED = re.compile(
    r"^@register_model(?:\((?:\s*name=)?(?P<given>[\"']\w+[\"'])?\s*\))?\s*\n"
    r"(?:(?!def ).*\n)*?def (?P<own>\w+)",
    re.MULTILINE,
)
_TYPES = re.compile(r"^MODEL_MAPPING_NAMES = .*?^\s*\]?\)", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"^\s*\(\s*\"(?P<own>[\w.-]+)\",", re.MULTILINE)


def holders(name: str) -> tuple[list[str], list[str]]:
    """Where an installed library has a model of this name, as MODEL; and every name that they have.

    None of their code is run.
    """
    known = [
        *(f"torchvision:{one}" for one in _registered("torchvision")),
        *(f"timm:{one}" for one in _registered("timm")),
        *(f"transformers:{one}" for one in _types()),
    ]
    known = list(dict.fromkeys(known))
    return [one for one in known if one.partition(":")[2] == name], known


def _registered(library: str) -> Iterator[str]:
    for path in sorted(_folder(library, "models").rglob("*.py")):
        for match in _REGISTERED.finditer(path.read_text("utf-8", "replace")):
            yield (match["given"] or match["own"]).strip("\"'")


def _types() -> Iterator[str]:
    path = _folder("transformers", "models") / "auto" / "modeling_auto.py"
    if path.is_file():
        table = _TYPES.search(path.read_text("utf-8", "replace"))
        for match in _TYPE.finditer(table[0] if table else ""):
            yield match["own"]


def _folder(library: str, name: str) -> Path:
    """A folder of an installed library; one that is not there, where it is not installed."""
    spec = find_spec(library)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ()), "not installed"), name)
