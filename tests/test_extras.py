"""A hint is a command that works for how the package was installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops import extras

URLS: dict[str, tuple[dict[str, Any] | None, list[str]]] = {
    "an index": (None, ["shufflenet-flops[onnx]"]),
    "a checkout": (
        {"url": "file:///home/me/my%20tools", "dir_info": {"editable": True}},
        ["-e", "/home/me/my tools[onnx]"],
    ),
    "a folder": ({"url": "file:///tmp/tool", "dir_info": {}}, ["/tmp/tool[onnx]"]),
    "a wheel": (
        {"url": "file:///tmp/a-1.whl", "archive_info": {"hash": "sha256=0"}},
        ["/tmp/a-1.whl[onnx]"],
    ),
    "an address": (
        {"url": "https://example.org/a-1.whl", "archive_info": {}},
        ["shufflenet-flops[onnx] @ https://example.org/a-1.whl"],
    ),
    "a repository": (
        {"url": "https://example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "0"}},
        ["shufflenet-flops[onnx] @ git+https://example.org/a.git"],
    ),
}


class Noted:
    """A distribution that was installed from `origin`, by `installer`."""

    def __init__(self, origin: str | None, installer: str = "pip\n") -> None:
        self._notes = {"direct_url.json": origin, "INSTALLER": installer}

    def read_text(self, name: str) -> str | None:
        return self._notes[name]


@pytest.mark.parametrize("origin", URLS)
def test_the_command_takes_the_extra_from_where_the_package_came(
    origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shell reads it."""
    noted, requirement = URLS[origin]
    text = json.dumps(noted) if noted else None
    monkeypatch.setattr(metadata, "distribution", lambda name: Noted(text))

    assert shlex.split(extras.install_command("onnx")) == ["pip", "install", *requirement]


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_note_is_no_note(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command for an index."""
    monkeypatch.setattr(metadata, "distribution", lambda name: Noted(text))

    assert extras.install_command("timm") == "pip install 'shufflenet-flops[timm]'"


@pytest.mark.parametrize(
    ("left", "installer", "command"),
    [
        ("uv-receipt.toml", "uv", "uv tool install --force"),
        ("pipx_metadata.json", "pip", "pipx install --force"),
        ("pyvenv.cfg", "uv", "uv pip install"),
        ("pyvenv.cfg", "pip", "pip install"),
    ],
)
def test_the_command_is_the_installers(
    left: str, installer: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip would add to another environment than that of a tool, and may not be there at all."""
    (tmp_path / left).write_text("")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(metadata, "distribution", lambda name: Noted(None, installer))

    assert extras.install_command("onnx") == f"{command} 'shufflenet-flops[onnx]'"
