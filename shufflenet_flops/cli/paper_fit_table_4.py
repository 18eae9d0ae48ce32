"""`paper fit-table-4`: ShuffleNet V1, Table 4, by the widths that fit its budgets."""

from __future__ import annotations

from typing import Annotated

from shufflenet_flops.cli.options import DESIGN, FormatOption, OutputOption, number_option
from shufflenet_flops.cli.output import Document, Format, open_outputs


def command(
    stem: Annotated[
        int, number_option("Channels of conv1, which the paper does not give.", DESIGN)
    ] = 12,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Find the widths that fit the budgets of ShuffleNet V1's Table 4.

    The paper sets five structures side by side at 140, 38 and 13 MFLOPs, and publishes their
    widths at 38 MFLOPs: these are counted under every reading of what counts and how widths are
    rounded.
    """
    with open_outputs(form, output or []) as writer:
        from shufflenet_flops.paper.table4_fits import readings, rows
        from shufflenet_flops.report.view.table4_fits import (
            reading_result,
            structure_result,
            table4_grids,
        )

        fits = list(map(structure_result, rows(stem)))
        read = list(map(reading_result, readings()))
        grids = table4_grids(fits, read)
        writer.write(Document("paper fit-table-4", "paper", [*fits, *read], grids))
