"""`explain`: why counters disagree on a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.completion import complete_counter, complete_model
from shufflenet_flops.cli.options import (
    MODEL_HELP,
    ArgOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    refuse_typed,
    seconds,
    source_options,
    whole_number,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.sources import Source, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shufflenet_flops.counters import Counter
    from shufflenet_flops.counters.explain import Explanation


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
    reported: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Name the counter that gives this total; no counter is run.",
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
    ] = 120.0,
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

    Every counter's total is predicted, op class by op class, from the ops that ran.
    """
    if reported is not None:
        refuse_typed(context, ("counter", "timeout"), "no counter is run with --reported")
    if not timeout:
        raise InputError(f"--timeout {timeout:g}: must be more than 0 seconds")
    with open_outputs(form, output or []) as writer:
        total = _total(reported) if reported is not None else None
        chosen = _chosen(counter)
        source = _single(resolve(model, source_options(input, arg, path, input_factory)))
        if total is not None:
            writer.write(_name(source, total))
            return int(strict and bool(source.trace().unknown_ops))
        explanation = _explanation(source, chosen, timeout)
        writer.write(_document(explanation))
    return int(strict and not explanation.complete)


def _single(source: Source) -> Source:
    """`source`, refused unless its batch is 1, at which every counter is exact."""
    shape = source.first_shape
    if shape and shape[0] != 1:
        raise InputError(
            f"--input {source.inputs[0]}: counters are compared at batch 1; "
            f"write {'x'.join(map(str, (1, *shape[1:])))}"
        )
    return source


def _total(text: str) -> int:
    """A total as people paste it: 149455872, 149,455,872 or 149_455_872."""
    return whole_number(text.replace(",", "").replace("_", ""))


def _name(source: Source, reported: int) -> Document:
    from shufflenet_flops.counters.explain import NamedNumber, name_number
    from shufflenet_flops.report.view.explain import match_grid

    matches = tuple(name_number(reported, source.trace()))
    named = NamedNumber(source.name, source.first_shape, reported, matches)
    return Document("explain", None, [named], [match_grid(named)], matches)


def _chosen(names: Sequence[str] | None) -> tuple[Counter, ...]:
    from shufflenet_flops.counters import all_counters

    known = {counter.name: counter for counter in all_counters()}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("counter", name, known)
    return tuple(known[name] for name in dict.fromkeys(names or known))


def _explanation(source: Source, counters: tuple[Counter, ...], timeout_s: float) -> Explanation:
    from shufflenet_flops.comparison import check_memory
    from shufflenet_flops.counters.explain import explain

    check_memory(source)
    return explain(
        source.name,
        source.module(),
        source.example_inputs(),
        counters=counters,
        limit_s=timeout_s,
    )


def _document(explanation: Explanation) -> Document:
    from shufflenet_flops.report.view.explain import explain_grids, explain_records, explain_result

    return Document(
        "explain",
        None,
        [explain_result(explanation)],
        explain_grids(explanation),
        explain_records(explanation),
    )
