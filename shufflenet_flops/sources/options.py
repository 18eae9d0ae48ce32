"""What the user says beside MODEL: inputs, arguments of a factory, where to import from."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import Input


@dataclass(frozen=True)
class Options:
    """Everything a source may need beside its name.

    `inputs` replace the model's own; `args` go to the function that builds the model; `path` are
    directories to import from; `input_factory` is `package.module:function`.
    """

    inputs: tuple[Input, ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    path: tuple[Path, ...] = ()
    input_factory: str | None = None

    def refuse(self, name: str, *options: str, why: str) -> None:
        """Raise InputError if any of `options` (field names) is given for a model without a use."""
        for option in options:
            if getattr(self, option):
                flag = option.removesuffix("s").replace("_", "-")
                raise InputError(f"{name}: --{flag} cannot be used: {why}")


def parse_args(texts: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as keyword arguments: a Python literal, or else the text itself."""
    args: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"--arg {text}: write key=value, where key names a parameter")
        if key in args:
            raise InputError(f"--arg {text}: {key} is given twice")
        try:
            args[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            args[key] = value
    return args
