"""The commands by name, each imported only when it is run or its own help is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType, MappingProxyType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from shufflenet_flops.cli.streams import results_apart
from shufflenet_flops.errors import InputError

# In the order of `--help`; each is a module beside this one with a function `command`.
NAMES = (
    *("compare", "count", "formula", "fit", "sweep", "explain"),
    *(
        "paper",
        "report",
        "init",
        "check",
        "lock",
        "diff",
        "history",
        "latency",
        "latency-diff",
        "calibrate",
        "predict",
        "shuffle",
    ),
    *("models", "env"),
)
# Beside `paper TABLE`, whose help tells of them.
PAPER_COMMANDS = ("fit-table-4", "time-table-8")
TWO_WORDS = tuple(f"paper {name}" for name in PAPER_COMMANDS)
# Where options went that earlier versions had, by command.
MOVED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "fit": {"--paper-table-4": "paper fit-table-4"},
        "latency": {
            "--paper-table-8": "paper time-table-8",
            "--compare": "latency-diff OLD NEW",
        },
        "sweep": {
            "--limit": "sweep --max-configurations",
        },
        "explain": {"--limit": "explain --timeout"},
    }
)
_OF_UNITS = ("--c", "--m", "--g", "--h", "--w")
# Options that people look for where they are not, by command, and the line that does it.
ELSEWHERE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "count": dict.fromkeys(_OF_UNITS, "count shufflenet_unit@c=240,g=3"),
        "explain": dict.fromkeys(_OF_UNITS, "explain shufflenet_unit@c=240,g=3"),
        "latency": dict.fromkeys(_OF_UNITS, "latency shufflenet_unit@c=240,g=3"),
        "fit": {"--flops": "fit shufflenet_v1 --macs 140M"},
        "paper": {"--table": "paper 4", "--list": "paper"},
        "models": dict.fromkeys(("--list", "--all"), "models"),
    }
)
# What people type who know other tools, and the command that answers.
ALSO: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("info", "summary", "show", "flops", "macs", "params"), "count MODEL"),
        **dict.fromkeys(("profile", "analyze", "analyse", "layers"), "count MODEL --by layer"),
        **dict.fromkeys(("bench", "benchmark", "time", "speed", "measure"), "latency MODEL"),
        **dict.fromkeys(("list", "ls", "zoo", "networks"), "models"),
        **dict.fromkeys(("table", "tables", "papers", "reproduce"), "paper TABLE"),
        **dict.fromkeys(("html", "plot"), "count MODEL -o x.html"),
        **dict.fromkeys(("why", "counters"), "explain MODEL"),
        **dict.fromkeys(("budget", "budgets", "ci"), "check"),
        **dict.fromkeys(("search", "widest"), "fit FAMILY --macs 140M"),
        "help": "--help",
        "version": "--version",
        "versions": "env",
    }
)
# What follows `report` is the command line of another command.
_SETTINGS = {"report": {"allow_extra_args": True, "ignore_unknown_options": True}}


class Commands(TyperGroup):
    """A group whose commands are there by name before they are imported."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict.fromkeys((*NAMES, *TWO_WORDS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported on first use; None where there is none of that name."""
        if cmd_name in self.commands and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command's name, the command, and its arguments.

        Raises InputError for an option that went elsewhere.
        """
        if args and args[0] in ALSO and not ctx.resilient_parsing:
            raise InputError(
                f"there is no command {args[0]!r}: write `shufflenet-flops {ALSO[args[0]]}`"
            )
        if args[:1] == ["report"] and {"-h", "--help"} & set(args[2:]) and args[1] in NAMES:
            args = args[1:]  # the help of what the report is on
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            _check_no_model(args[0])
        two_words = " ".join(args[:2])
        if two_words in TWO_WORDS:
            args = [two_words, *args[2:]]
        name, command, arguments = super().resolve_command(ctx, args)
        if not ctx.resilient_parsing:
            _check_moved(name, arguments)
        return name, command, arguments

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of one word, for `--help` and the shell's completion."""
        return list(NAMES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each command with its first sentence; none of them is imported for that."""
        limit = formatter.width - 6 - max(map(len, NAMES))
        told = {name: TyperCommand(name, help=_docstring(name)) for name in NAMES}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit)) for name, command in told.items()]
            )


class Command(TyperCommand):
    """A command whose `--help` puts each option under the heading that it names.

    While it runs, stdout is for its results alone.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with results_apart():
            return super().invoke(ctx)

    def get_short_help_str(self, limit: int = 200) -> str:
        """The first sentence, whole where nobody says how much room there is."""
        return super().get_short_help_str(limit)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS]` and the arguments as people write them: `MODEL`, `[MODEL...]`."""
        pieces = ["[OPTIONS]"]
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument":
                name = f"{parameter.metavar}{'...' if parameter.nargs == -1 else ''}"
                pieces.append(name if parameter.required else f"[{name}]")
        return pieces

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, each heading in the order in which they first come, and all other options."""
        headings: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            heading = getattr(parameter, "rich_help_panel", None)
            if parameter.param_type_name == "argument":
                # Typer adds the Python type, which says nothing to who types text.
                headings["Arguments"].append((record[0].partition(" ")[0], record[1]))
            elif heading:
                headings.setdefault(heading, []).append(record)
            else:
                others.append(record)
        for heading, records in {**headings, "Options": others}.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def _check_no_model(typed: str) -> None:
    """Raise InputError for a model where a command stands."""
    from shufflenet_flops.sources.resolve import is_a_model

    if is_a_model(typed):
        raise InputError(
            f"{typed}: is a model, and no command: write `shufflenet-flops count "
            f"{shlex.quote(typed)}`"
        )


def _check_moved(name: str | None, arguments: list[str]) -> None:
    moved = MOVED.get(name or "", {})
    elsewhere = ELSEWHERE.get(name or "", {})
    for argument in arguments:
        option = argument.partition("=")[0]
        if option in elsewhere:
            raise InputError(
                f"{name} has no {option}: write `shufflenet-flops {elsewhere[option]}`"
            )
        if option in moved:
            raise InputError(
                f"{name} {option} is no more: it is now `shufflenet-flops {moved[option]}`"
            )


def _load(name: str) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    module = import_module(_module(name))
    alone.command(name, cls=Command, context_settings=_SETTINGS.get(name))(module.command)
    return typer.main.get_command(alone)


def _docstring(name: str) -> str | None:
    """The docstring of a command, read from its compiled module, which is not run.

    None where Python leaves docstrings out (`-OO`).
    """
    # Not through the hooks of others, which may know how to run a module alone.
    spec = PathFinder.find_spec(_module(name), [str(Path(__file__).parent)])
    module = spec.loader.get_code(spec.name)  # type: ignore[union-attr]  # Python's loaders have it
    command = next(
        part
        for part in module.co_consts
        if isinstance(part, CodeType) and part.co_name == "command"
    )
    first = command.co_consts[0]
    return first if isinstance(first, str) else None


def _module(name: str) -> str:
    return f"{__package__}.{name.replace(' ', '_').replace('-', '_')}"
