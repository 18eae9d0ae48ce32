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
    from shufflenet_flops.report.view.models import model_result, models_grids

    with open_outputs(form, output or []) as writer:
        is_glob = any(sign in pattern for sign in "*?[")
        names = zoo.names(pattern if is_glob else f"*{pattern}*")
        if not names:
            raise UnknownNameError("model", pattern, zoo.names())
        results = list(map(model_result, names))
        if family is not None:
            known = dict.fromkeys(zoo.find(name).family for name in zoo.names())
            if family not in known:
                raise UnknownNameError("family", family, known)
            results = [result for result in results if result.family == family]
        grids = models_grids(results, families=pattern == "*" and family is None)
        writer.write(Document("models", "paper", results, grids))
