"""The command line: commands, and the one place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from shufflenet_flops.cli import compare, count, env, fit, formula, latency, models, paper, shuffle
from shufflenet_flops.errors import ShufflenetFlopsError

app = typer.Typer(
    name="shufflenet-flops",
    help="FLOPs of convolutional networks: exact integers, each under a named convention.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare")(compare.command)
app.command("count")(count.command)
app.command("formula")(formula.command)
app.command("fit")(fit.command)
app.command("paper")(paper.command)
app.command("latency")(latency.command)
app.command("shuffle")(shuffle.command)
app.command("models")(models.command)
app.command("env")(env.command)

_debug = False
_INTERRUPTED = 130  # what typer makes of Ctrl-C
_NOTHING_WRITTEN = "interrupted: nothing was written"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"shufflenet-flops {version('shufflenet-flops')}")
        raise typer.Exit


_EXAMPLES = """
Try:
  shufflenet-flops compare --c 240 --g 3
  shufflenet-flops compare resnet50 resnext50_32x4d shufflenet_v1_x1_0_g3
  shufflenet-flops count shufflenet_v1_x1_0_g3 --by kind
  shufflenet-flops count shufflenet_v1@g=8,scale=2 --input 1x3x480x640
  shufflenet-flops latency alexnet shufflenet_v1_x0_5_g3 --engine eager --engine onnxruntime
  shufflenet-flops shuffle --g 3 --n 6
  shufflenet-flops models 'shufflenet*' --format json
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
    if context.invoked_subcommand is None:
        print(context.get_help() + "\n" + _EXAMPLES.rstrip())


def main() -> None:
    """Run the command line. Exit codes: 0 fine, 1 a check failed, 2 usage or error."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    try:
        code = typer.main.get_command(app).main(
            arguments, prog_name="shufflenet-flops", standalone_mode=False
        )
    except BrokenPipeError:
        # The reader of our stdout has gone, as `head` does; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail(_NOTHING_WRITTEN)
    except ShufflenetFlopsError as error:
        if _debug:
            raise
        return _fail(str(error))
    except Exception as error:
        if _debug:
            raise
        if hasattr(error, "format_message"):  # a usage error found by typer
            return _fail(f"{error.format_message()} (see --help)")
        return _fail(
            f"{type(error).__name__}: {error} (a defect of shufflenet-flops; "
            "`shufflenet-flops --debug …` shows where)"
        )
    if code == _INTERRUPTED:
        return _fail(_NOTHING_WRITTEN)
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    return 2
