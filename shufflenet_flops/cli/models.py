"""`models`: what the zoo has."""

from __future__ import annotations

from typing import Annotated

import typer

from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import UnknownNameError


def command(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="A part of names, such as resnext, or a pattern of them, such as 'resnext*d'.",
        ),
    ] = "*",
    family: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only networks of this family, as regnet."),
    ] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the zoo's networks and families, with MACs and params."""
    from shufflenet_flops import zoo
    from shufflenet_flops.no_gc import no_gc
    from shufflenet_flops.report.view.models import model_result, models_grids
    from shufflenet_flops.zoo.registry import parse_name

    with open_outputs(form, output or []) as writer:
        is_glob = any(sign in pattern for sign in "*?[")
        names = zoo.names(pattern if is_glob else f"*{pattern}*")
        if not names:
            raise UnknownNameError("model", pattern, zoo.names())
        if family is not None:
            families = {name: parse_name(name)[0].name for name in zoo.names()}
            if family not in families.values():
                raise UnknownNameError("family", family, dict.fromkeys(families.values()))
            names = [name for name in names if families[name] == family]
        with no_gc(kept=True):
            results = list(map(model_result, names))
        grids = models_grids(results, families=pattern == "*" and family is None)
        writer.write(Document("models", "paper", results, grids))
