"""Options that several commands share, and the headings they stand under in `--help`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shufflenet_flops.cli.completion import complete_calibrated_engine
from shufflenet_flops.cli.output import Format
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.format.registry import (
    RESULTS,
    check_command,
    format_for,
    formats,
    suffixes,
)
from shufflenet_flops.sources import Options, parse_args, parse_input

# Headings in `--help`.
DESIGN = "Design space"
MEASUREMENT = "Measurement"
MODEL = "Model"
PREDICTION = "Prediction"
OUTPUT = "Output"

DEFAULT_ENGINE = "onnxruntime"  # whose time is predicted where none is named


_LONGEST = 30  # digits of a number; 2^63 has 19


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def whole_number(text: str | int, least: int = 1, most: int | None = None) -> int:
    """An option's value as a whole number. Raises BadParameter unless least ≤ number ≤ most."""
    value = str(text)
    if not (value.isascii() and value.isdigit()) or int(value[:_LONGEST]) < least:
        raise typer.BadParameter(f"{_cut(value)} is not a whole number of at least {least}")
    if len(value) > _LONGEST:
        raise typer.BadParameter(f"{_cut(value)} has more than {_LONGEST} digits")
    if most is not None and int(value) > most:
        raise typer.BadParameter(f"{value} is not a whole number of at most {most:,}")
    return int(value)


def number_option(
    help: str,
    heading: str | None = None,
    *,
    least: int = 1,
    most: int | None = None,
    show_default: str | bool = True,
) -> Any:
    """An option whose value is a whole number, from `least` to `most`."""

    def number(text: str | int) -> int:
        return whole_number(text, least, most)

    return typer.Option(
        help=help, parser=number, metavar="N", show_default=show_default, rich_help_panel=heading
    )


def seconds(text: str | float) -> float:
    """An option's value as a number of seconds. Raises BadParameter for less than 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise typer.BadParameter(f"{_cut(str(text))} is not a number of seconds, 0 or more")
    return value


def list_option(help: str) -> Any:
    """An option of the design space: one number, several or ranges, as text."""
    return typer.Option(metavar="LIST", help=help, rich_help_panel=DESIGN)


ScaleWidthOption = Annotated[
    str | None, list_option("A family's width multipliers, as 0.5,1 or 0.35:1.4:0.05.")
]
ScaleDepthOption = Annotated[
    str | None, list_option("A family's depths: multipliers, or layers where these name it.")
]
ScaleResolutionOption = Annotated[str | None, list_option("Sides of a square image, as 96:224:32.")]
ScalePhiOption = Annotated[
    str | None, list_option("EfficientNet's compound coefficients, as 0:6:0.5.")
]


def plot_option(help: str) -> Any:
    """An option that names the file of a figure."""
    return typer.Option(
        metavar="FILE", help=f"{help}, in a file .svg or .png.", rich_help_panel=OUTPUT
    )


def _check_format(context: typer.Context, form: Format) -> Format:
    """Before any work is done. Raises InputError for a format that is another command's."""
    check_command(formats(RESULTS)[form], context.command.name or "", f"--format {form}")
    return form


def _check_outputs(context: typer.Context, paths: list[Path] | None) -> list[Path] | None:
    for path in paths or []:
        check_command(format_for(RESULTS, path), context.command.name or "", f"-o {path}")
    return paths


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="How to print the result.",
        show_default=True,
        callback=_check_format,
        rich_help_panel=OUTPUT,
    ),
]
OutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        callback=_check_outputs,
        help="Also write this file, in the format that its suffix stands for "
        f"({', '.join(suffixes(RESULTS))}). Repeatable.",
        rich_help_panel=OUTPUT,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Show no progress and no warnings.", rich_help_panel=OUTPUT),
]

CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="What `calibrate` wrote.",
        rich_help_panel=PREDICTION,
        show_default="calibration-ENGINE.json here, else the one that comes with the package",
    ),
]
CalibratedEngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="The engine whose time is predicted: one that `predict` takes.",
        autocompletion=complete_calibrated_engine,
        rich_help_panel=PREDICTION,
    ),
]
MODEL_HELP = (
    "A network (`models` lists them) or family@option=value,…; net.py:Net or package.module:Net, "
    "which is imported, and that runs its code; timm:NAME; torchvision:NAME; transformers:TYPE; a "
    ".pt2 or .onnx file."
)
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="SHAPE[:DTYPE]",
        help="The input's shape, batch first: 1x3x224x224, 1x128:int64; 224 is enough for an "
        "image. Repeatable, for a model with several inputs.",
        rich_help_panel=MODEL,
    ),
]
ArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        metavar="KEY=VALUE",
        help="An argument of the factory: a Python literal, else text. Repeatable.",
        rich_help_panel=MODEL,
    ),
]
PathOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--path",
        metavar="DIR",
        help="Also import from this directory, and before any other. Repeatable.",
        rich_help_panel=MODEL,
    ),
]
InputFactoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        help="A function that returns the inputs: a tensor, a tuple, or a dictionary by name.",
        rich_help_panel=MODEL,
    ),
]

AtOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZES",
        help="Sizes to put into a model's formula, as h=320,w=320.",
        rich_help_panel=MODEL,
    ),
]


def _load_rules(context: typer.Context, files: list[Path] | None) -> list[Path] | None:
    if files and not context.resilient_parsing:
        from shufflenet_flops.sources.torch_modules.imports import load_rules

        for file in files:
            load_rules(file)
    return files


RulesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        callback=_load_rules,
        help="Run this Python file first, which gives formulas of ops by shufflenet_flops.rule. "
        "Repeatable.",
        rich_help_panel=MODEL,
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if any op is unknown, and so not counted.")
]


def unit_option(show_default: str | bool) -> Any:
    """An option that names units."""
    return typer.Option(
        metavar="UNIT",
        help="A unit: resnet, resnext, shufflenet, shufflenet_v2, mobilenet, conv, pointwise, or "
        "guideline_1 to guideline_4. Repeatable.",
        show_default=show_default,
        rich_help_panel=DESIGN,
    )


UnitOption = Annotated[list[str] | None, unit_option("resnet, resnext, shufflenet")]


def refuse_typed(context: typer.Context, names: Collection[str], why: str) -> None:
    """Raise InputError, with `why`, if a parameter of these names was typed: it has no use here."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise InputError(f"{parameter.opts[0]}: {why}")


def check_designs(names: Sequence[str], over: str) -> None:
    """Raise InputError for a model of no family, of which `over` is what can be asked."""
    from shufflenet_flops.sources.resolve import may_be_a_design, refuse_results

    for name in names:
        refuse_results(name)
        if not may_be_a_design(name):
            raise InputError(
                f"{name}: a model has no width to vary, but sizes of its input: {over}"
            )


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
