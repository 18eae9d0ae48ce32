"""The names of libraries' models, read from their files, are those that the libraries give."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from shufflenet_flops.sources.registered import holders


@pytest.mark.parametrize(
    ("prefix", "module", "names"),
    [
        ("torchvision", "torchvision.models", lambda models: models.list_models()),
        ("timm", "timm", lambda timm: timm.list_models()),
        ("transformers", "transformers.models.auto.modeling_auto", lambda m: m.MODEL_MAPPING_NAMES),
    ],
)
def test_names_are_the_librarys_own(
    prefix: str, module: str, names: Callable[[Any], list[str]]
) -> None:
    """All of them, and no other."""
    try:
        library = importlib.import_module(module)
    except (ImportError, RuntimeError) as error:  # as where torchvision does not fit torch
        pytest.skip(f"{prefix} cannot be imported: {error}")
    read = [name.partition(":")[2] for name in holders("")[1] if name.startswith(f"{prefix}:")]
    assert sorted(read) == sorted(names(library))


def test_no_library_is_imported() -> None:
    """Not torch either, for a name that is not known."""
    code = (
        "import sys\n"
        "from shufflenet_flops.sources.resolve import resolve\n"
        "try:\n    resolve('resnext50_32x4')\n"
        "except Exception as error:\n    print(error)\n"
        "print({'torch', 'timm', 'torchvision', 'transformers'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, imported = ran.stdout.splitlines()
    assert "did you mean" in said
    assert imported == "set()"
