"""How to install an extra beside the package, from wherever the package itself came."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_NAME = "shufflenet-flops"
# What an installer leaves in an environment that it keeps for one tool, and how to install it anew.
_TOOLS = {
    "uv-receipt.toml": "uv tool install --force",
    "pipx_metadata.json": "pipx install --force",
}


def install_command(extra: str) -> str:
    """The command that adds `extra`: by the installer that was used, from where it was told."""
    origin = _origin()
    url = origin.get("url", "")
    if "vcs_info" in origin:
        return _command(f"{_NAME}[{extra}] @ {origin['vcs_info'].get('vcs', 'git')}+{url}")
    if urlsplit(url).scheme != "file":
        return _command(f"{_NAME}[{extra}]" + (f" @ {url}" if url else ""))
    editable = origin.get("dir_info", {}).get("editable", False)
    return _command(f"{unquote(urlsplit(url).path)}[{extra}]", "-e " if editable else "")


def _command(requirement: str, option: str = "") -> str:
    return f"{_installer()} {option}{shlex.quote(requirement)}"


def _installer() -> str:
    for left, command in _TOOLS.items():
        if (Path(sys.prefix) / left).is_file():
            return command
    # An environment that uv made has no pip.
    return "uv pip install" if (_note("INSTALLER") or "").strip() == "uv" else "pip install"


def _note(name: str) -> str | None:
    """A file beside the package that tells how it was installed."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import

    try:
        return distribution(_NAME).read_text(name)
    except PackageNotFoundError:
        return None


def _origin() -> dict[str, Any]:
    """Where the package was installed from, as pip notes it; empty for an index."""
    try:
        origin = json.loads(_note("direct_url.json") or "{}")
    except ValueError:
        return {}
    return origin if isinstance(origin, dict) else {}
