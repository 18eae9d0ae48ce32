"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.output import SUFFIXES, Format
from shufflenet_flops.errors import InputError
from shufflenet_flops.spec.ops import shape_text

FormatOption = Annotated[
    Format, typer.Option("--format", help="How to print the result.", show_default=True)
]
OutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help=f"Also write a file, its format chosen by suffix ({' '.join(SUFFIXES)}). Repeatable.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no warnings on stderr.")
]
InputOption = Annotated[
    str | None,
    typer.Option("--input", metavar="NxCxHxW", help="Input shape, batch first: 1x3x224x224."),
]


def parse_shape(text: str) -> tuple[int, ...]:
    """`1x3x224x224` as a tuple of positive sizes."""
    parts = text.lower().split("x")
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(
            f"--input {text}: sizes must be positive whole numbers joined by x, as in 1x3x224x224"
        )
    return tuple(int(part) for part in parts)


def check_input(shape: tuple[int, ...], like: tuple[int, ...]) -> tuple[int, ...]:
    """`shape`, refused unless it has the rank of the model's own input."""
    if len(shape) != len(like):
        raise InputError(
            f"--input {shape_text(shape)}: the model takes {len(like)} sizes, batch first, "
            f"as in {shape_text(like)}"
        )
    return shape
