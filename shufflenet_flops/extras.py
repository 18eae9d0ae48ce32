"""How to install an extra beside the package, from wherever the package itself came."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any
from urllib.parse import unquote, urlsplit

_NAME = "shufflenet-flops"


def install_command(extra: str) -> str:
    """The command that adds `extra`: from the checkout, the wheel or the index that was used."""
    origin = _origin()
    url = origin.get("url", "")
    if "vcs_info" in origin:
        return _pip(f"{_NAME}[{extra}] @ {origin['vcs_info'].get('vcs', 'git')}+{url}")
    if urlsplit(url).scheme != "file":
        return _pip(f"{_NAME}[{extra}]" + (f" @ {url}" if url else ""))
    editable = origin.get("dir_info", {}).get("editable", False)
    return _pip(f"{unquote(urlsplit(url).path)}[{extra}]", "-e " if editable else "")


def _pip(requirement: str, option: str = "") -> str:
    return f"pip install {option}{shlex.quote(requirement)}"


def _origin() -> dict[str, Any]:
    """Where the package was installed from, as pip notes it; empty for an index."""
    try:
        noted = distribution(_NAME).read_text("direct_url.json")
        origin = json.loads(noted) if noted else {}
    except (PackageNotFoundError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}
