"""`count`: one network's layer table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shufflenet_flops.cli.options import (
    FormatOption,
    InputOption,
    OutputOption,
    at_input,
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
        str, typer.Argument(help="A network (`models` lists them), or family@option=value,…")
    ],
    input: InputOption = None,
    by: Annotated[By, typer.Option(help="One row per layer, unit, stage or kind.")] = By.STAGE,
    convention: Annotated[
        str, typer.Option(help="What counts: paper, paper-conv, flops, fvcore, thop.")
    ] = "paper",
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Count one network: MACs, parameters, activations and memory access, with shares."""
    from shufflenet_flops import zoo
    from shufflenet_flops.count import find_convention, layer_table
    from shufflenet_flops.report.count import count_grids, count_result

    with open_outputs(form, output or []) as writer:
        weights = find_convention(convention)
        found = at_input(zoo.find(model), input)
        table = layer_table(found.spec, found.input)
        result = count_result(found, table, weights)
        grids = count_grids(found, table, weights, by.value)
        writer.write(Document("count", weights.name, [result], grids, result["rows"]))
