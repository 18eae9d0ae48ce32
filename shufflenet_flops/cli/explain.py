"""`explain`: why counters disagree on a model."""

from __future__ import annotations

from typing import Annotated

import typer

from shufflenet_flops.api.explain import (
    TIMEOUT_S,
    chosen_counters,
    explain_source,
    explain_training,
    name_total,
)
from shufflenet_flops.cli.completion import complete_counter, complete_model
from shufflenet_flops.cli.options import (
    MODEL_HELP,
    ArgOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    RulesOption,
    refuse_typed,
    seconds,
    source_options,
)
from shufflenet_flops.cli.output import Format, open_outputs
from shufflenet_flops.cli.training import HEADING, FreezeOption, TrainOption
from shufflenet_flops.counting.amount import parse_printed
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import resolve


def command(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
    ],
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    reported: Annotated[
        str | None,
        typer.Option(
            metavar="TOTAL",
            help="Name who gives this total, as it was printed: 4.13G, 4.1e9, 4.134 GMAC or all "
            "digits; no counter is run.",
        ),
    ] = None,
    counter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Run this counter. Repeatable.",
            show_default="all",
            autocompletion=complete_counter,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            parser=seconds, metavar="SECONDS", help="The longest that a counter may take."
        ),
    ] = TIMEOUT_S,
    training: Annotated[
        bool,
        typer.Option(
            "--training",
            help="Explain a training step, forward and back, by torch's own counter.",
            rich_help_panel=HEADING,
        ),
    ] = False,
    freeze: FreezeOption = None,
    train: TrainOption = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 if any op is unknown, or a counter's total is not explained.",
        ),
    ] = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> int:
    """Say why counters disagree on a model, down to the last FLOP.

    Every counter's total is predicted, op class by op class, from the ops that ran. With --training
    it is that of torch's own counter for a training step, which no other counter sees.
    """
    if training:
        why = "has no use with --training, for which torch's own counter alone is run"
        refuse_typed(context, ("counter", "reported"), why)
    else:
        refuse_typed(context, ("freeze", "train"), "is about a training step: add --training")
    if reported is not None:
        refuse_typed(context, ("counter", "timeout"), "no counter is run with --reported")
    if not timeout:
        raise InputError(f"--timeout {timeout:g}: must be more than 0 seconds")
    with open_outputs(form, output or []) as writer:
        total = parse_printed(reported) if reported is not None else None
        chosen = chosen_counters(counter)
        source = resolve(model, source_options(input, arg, path, input_factory))
        if total is not None:
            writer.write(name_total(source, total).document())
            return int(strict and bool(source.trace().unknown_ops))
        if training:
            patterns = Trained(tuple(freeze or ()), tuple(train or ()))
            of_step = explain_training(source, patterns, timeout)
            writer.write(of_step.document())
            return int(strict and not of_step.complete)
        explained = explain_source(source, chosen, timeout)
        writer.write(explained.document())
    return int(strict and not explained.complete)
