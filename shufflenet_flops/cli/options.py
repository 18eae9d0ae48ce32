"""Options that several commands share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.output import SUFFIXES, Format
from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import shape_text, total_stride, walk
from shufflenet_flops.zoo import Model

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


def at_input(model: Model, text: str | None) -> Model:
    """`model` on the input shape that `text` asks for, if any, found to be one that it can take."""
    if text is None:
        return runnable(model)
    shape = parse_shape(text)
    if len(shape) != len(model.input):
        raise InputError(
            f"--input {text}: {model.name} takes {len(model.input)} sizes, batch first, "
            f"as in {shape_text(model.input)}"
        )
    return runnable(replace(model, input=shape))


def runnable(model: Model) -> Model:
    """`model` itself, once it is known that its input fits.

    Raises InputError for a map smaller than the product of the strides, below which the last
    layers see little but padding, and SpecError where an op cannot take its input.
    """
    smallest = total_stride(model.spec)
    if model.input[2] < smallest[0] or model.input[3] < smallest[1]:
        raise InputError(
            f"input {shape_text(model.input)} is too small: {model.name} divides height and width "
            f"by {shape_text(smallest)}, so the smallest is "
            f"{shape_text((*model.input[:2], *smallest))}"
        )
    walk(model.spec, model.input)
    return model


def whole_number(text: str | int) -> int:
    """A whole number of at least 1, as an option's value."""
    value = str(text)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise typer.BadParameter(f"{value} is not a whole number of at least 1")
    return int(value)
