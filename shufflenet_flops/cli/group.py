"""The commands by name, each imported only when it is run or told of."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# In the order of `--help`; each is a module beside this one with a function `command`.
NAMES = (
    *("compare", "count", "formula", "fit", "sweep", "explain", "paper", "report"),
    *("check", "lock", "diff", "latency", "shuffle", "models", "env"),
)
# What follows `report` is the command line of another command.
_SETTINGS = {"report": {"allow_extra_args": True, "ignore_unknown_options": True}}


class Commands(TyperGroup):
    """A group whose commands are there by name before they are imported."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict.fromkeys(NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported on first use; None where there is none of that name."""
        if cmd_name in self.commands and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands.get(cmd_name)


def _load(name: str) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    module = import_module(f"shufflenet_flops.cli.{name}")
    alone.command(name, context_settings=_SETTINGS.get(name))(module.command)
    return typer.main.get_command(alone)
