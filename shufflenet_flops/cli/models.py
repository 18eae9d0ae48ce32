"""`models`: what the zoo has."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import InputError, UnknownNameError


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
    from shufflenet_flops.running.no_gc import no_gc
    from shufflenet_flops.sources.resolve import is_a_model, refuse_results
    from shufflenet_flops.zoo.registry import parse_name

    with open_outputs(form, output or []) as writer:
        is_glob = any(sign in pattern for sign in "*?[")
        part = pattern.lower()  # as all names are
        names = zoo.names(part if is_glob else f"*{part}*")
        if not names and is_a_model(pattern):
            raise InputError(
                f"{pattern}: is no network of the zoo: write `shufflenet-flops count "
                f"{shlex.quote(pattern)}`"
            )
        if not names:
            refuse_results(pattern)
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
