"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.output import Format
from shufflenet_flops.report.format.registry import RESULTS, suffixes
from shufflenet_flops.sources import Options, parse_args, parse_input

FormatOption = Annotated[
    Format, typer.Option("--format", help="How to print the result.", show_default=True)
]
OutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Also write a file, its format chosen by suffix "
        f"({' '.join(suffixes(RESULTS))}). Repeatable.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no warnings on stderr.")
]
MODEL_HELP = (
    "A network (`models` lists them) or family@option=value,…; package.module:factory, which is "
    "imported, and that runs its code; timm:NAME; torchvision:NAME; a .pt2 or .onnx file."
)
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="SHAPE[:DTYPE]",
        help="Input, batch first: 1x3x224x224, 1x128:int64. Repeatable, for several inputs.",
    ),
]
ArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        metavar="KEY=VALUE",
        help="Argument of the factory: a Python literal, else text. Repeatable.",
    ),
]
PathOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--path",
        metavar="DIR",
        help="Also import from this directory; without it, not even from the current one.",
    ),
]
InputFactoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        help="Function that returns the inputs: a tensor, a tuple, or a dictionary by name.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if any op is unknown, and so not counted.")
]


def source_options(
    inputs: Sequence[str] | None,
    args: Sequence[str] | None,
    path: Sequence[Path] | None,
    input_factory: str | None,
) -> Options:
    """The options of a source from the command line's texts."""
    return Options(
        tuple(parse_input(text) for text in inputs or ()),
        parse_args(args or ()),
        tuple(path or ()),
        input_factory,
    )


def whole_number(text: str | int) -> int:
    """A whole number of at least 1, as an option's value."""
    value = str(text)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise typer.BadParameter(f"{value} is not a whole number of at least 1")
    return int(value)
