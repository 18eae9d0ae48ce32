"""`env`: the machine and the versions."""

from __future__ import annotations

from dataclasses import asdict

from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs


def command(form: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Show the machine and the versions that figures depend on."""
    from shufflenet_flops.environment import environment
    from shufflenet_flops.report.grid import Column, grid

    with open_outputs(form, output or []) as writer:
        stamp = asdict(environment())
        rows = [
            (key, "–" if value is None else str(value))
            for key, value in (stamp | stamp["packages"]).items()
            if key != "packages"
        ]
        columns = [Column("what", figures=False), Column("value", figures=False)]
        writer.write(Document("env", None, [stamp], [grid("environment", columns, rows)]))
