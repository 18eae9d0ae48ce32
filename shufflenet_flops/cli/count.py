"""`count`: one network's layer table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shufflenet_flops.cli.completion import complete_convention, complete_model
from shufflenet_flops.cli.options import (
    MODEL_HELP,
    ArgOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    RulesOption,
    StrictOption,
    source_options,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs


class By(StrEnum):
    """How rows are grouped."""

    LAYER = "layer"
    UNIT = "unit"
    STAGE = "stage"
    KIND = "kind"


def command(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
    ],
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    by: Annotated[By, typer.Option(help="One row per layer, unit, stage or kind.")] = By.STAGE,
    convention: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The convention of what counts: paper, paper-conv, flops, fvcore or thop.",
            autocompletion=complete_convention,
        ),
    ] = "paper",
    strict: StrictOption = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> int:
    """Count one network: MACs, params, activations, memory access."""
    from shufflenet_flops.counting import find_convention
    from shufflenet_flops.report.view.count import count_grids, count_result
    from shufflenet_flops.sources import resolve

    with open_outputs(form, output or []) as writer:
        weights = find_convention(convention)
        source = resolve(model, source_options(input, arg, path, input_factory))
        result = count_result(source, weights)
        grids = count_grids(result, weights, by.value)
        writer.write(Document("count", weights.name, [result], grids, result.rows))
    return int(strict and bool(source.counted.unknown_ops))
