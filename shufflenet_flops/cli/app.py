"""The command line: commands, and the one place that turns errors into exit codes."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated

import typer

from shufflenet_flops.cli import interrupts, streams
from shufflenet_flops.cli.group import Commands
from shufflenet_flops.cli.usage import usage
from shufflenet_flops.errors import ShufflenetFlopsError, inert, one_line, short

app = typer.Typer(
    name="shufflenet-flops",
    cls=Commands,
    help="FLOPs of convolutional networks: exact integers, each under a named convention.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OURS = "shufflenet_flops"
_debug = False


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        streams.emit(f"shufflenet-flops {version('shufflenet-flops')}\n")
        raise typer.Exit


_EXAMPLES = """
Try:
  shufflenet-flops compare --c 240 --g 3
  shufflenet-flops compare resnet50 resnext50_32x4d shufflenet_v1_x1_0_g3
  shufflenet-flops count shufflenet_v1_x1_0_g3 --by kind
  shufflenet-flops count shufflenet_v1@g=8,scale=2 --input 1x3x480x640
  shufflenet-flops report compare --c 240 --g 3 -o units.html
"""


@app.callback()
def root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """FLOPs of convolutional networks: exact integers, each under a named convention."""
    global _debug
    _debug = debug
    if debug:
        # Verdicts keep an error to one line; where it was raised goes to the log.
        logging.basicConfig(format="%(message)s")
        logging.getLogger("shufflenet_flops").setLevel(logging.DEBUG)
    if context.invoked_subcommand is None:
        streams.emit(f"{context.get_help()}\n{_EXAMPLES.rstrip()}\n")


def main() -> None:
    """Run the command line. Exit codes: 0 fine, 1 a check failed, 2 usage or error."""
    # What torch's C++ logs below that is for its own developers; our table stands beside it.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        interrupts.install()
        streams.prepare()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after all else
        code = _fail(interrupts.NOTHING_WRITTEN)
    interrupts.leave(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    try:
        code = typer.main.get_command(app).main(
            arguments, prog_name="shufflenet-flops", standalone_mode=False
        )
    except SystemExit:  # typer's way to say that the reader of its help has gone, as `head` does
        streams.drop(sys.stdout)
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail(interrupts.NOTHING_WRITTEN)
    except ShufflenetFlopsError as error:
        if _debug:
            raise
        return _fail(*error.messages)
    except Exception as error:
        if _debug:
            raise
        if isinstance(error, OSError):  # perhaps typer's, which writes help to stdout itself
            streams.drop(sys.stdout)
        return _fail(_unforeseen(error))
    if code == interrupts.INTERRUPTED:
        return _fail(interrupts.NOTHING_WRITTEN)
    return code if isinstance(code, int) else 0


def _unforeseen(error: Exception) -> str:
    """What to say of an exception: what it is about, and whose fault it is."""
    if hasattr(error, "format_message"):  # a usage error found by typer
        return usage(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for that"
    if isinstance(error, OSError) and error.strerror:
        about = "" if error.filename is None else f"{error.filename}: "
        return f"{about}{error.strerror}"
    if package := _not_imported(error):
        return f"{package} cannot be imported ({error}): install it, or install it again"
    return (
        f"{type(error).__name__}: {error} (a defect of shufflenet-flops; "
        "`shufflenet-flops --debug …` shows where)"
    )


def _not_imported(error: Exception) -> str:
    """The package of somebody else's that `error` kept from being imported, if that is what it did.

    One that is damaged raises anything at all, from the top level of its code or, where that cannot
    be read, from nowhere.
    """
    if isinstance(error, ImportError):
        name = (error.name or "a package").partition(".")[0]
        return "" if name == _OURS else name
    importing = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == _OURS:
            importing = ""
        elif frame.f_code.co_name == "<module>":
            importing = importing or package
    return importing or (isinstance(error, SyntaxError) and error.filename) or ""


def _fail(*messages: str) -> int:
    for message in messages:
        print(f"error: {short(inert(one_line(message)))}", file=sys.stderr)
    return 2
