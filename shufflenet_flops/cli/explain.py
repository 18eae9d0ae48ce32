"""`explain`: why counters disagree on a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.options import (
    FormatOption,
    InputOption,
    OutputOption,
    at_input,
    whole_number,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from shufflenet_flops.measure.counters import Counter
    from shufflenet_flops.zoo import Model


def command(
    model: Annotated[
        str, typer.Argument(help="A network (`models` lists them), or family@option=value,…")
    ],
    input: InputOption = None,
    reported: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Name the counter that gives this total, without running any.",
        ),
    ] = None,
    counter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Run this counter. Repeatable.", show_default="all"),
    ] = None,
    limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="The longest that a counter may take.")
    ] = 120.0,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Say why counters disagree on a model, down to the last FLOP.

    Every counter's total, predicted op class by op class from the ops that ran.
    """
    if limit <= 0:
        raise InputError(f"--limit {limit:g}: must be more than 0 seconds")
    with open_outputs(form, output or []) as writer:
        total = _total(reported) if reported is not None else None
        found = _find(model, input)
        if total is not None:
            writer.write(_name(found, total))
        else:
            writer.write(_explain(found, _chosen(counter), limit))


def _find(name: str, shape: str | None) -> Model:
    from shufflenet_flops import zoo

    found = at_input(zoo.find(name), shape)
    if found.input[0] != 1:
        raise InputError(
            f"--input {shape}: counters are compared at batch 1; "
            f"write {'x'.join(map(str, (1, *found.input[1:])))}"
        )
    return found


def _built(model: Model, device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    import torch

    from shufflenet_flops.measure.build import build

    with torch.device(device):
        return build(model.spec).eval(), (torch.randn(model.input),)


def _total(text: str) -> int:
    """A total as people paste it: 149455872, 149,455,872 or 149_455_872."""
    return whole_number(text.replace(",", "").replace("_", ""))


def _name(model: Model, reported: int) -> Document:
    from shufflenet_flops.measure.explain import name_number
    from shufflenet_flops.measure.trace import trace
    from shufflenet_flops.report.explain import match_grid, match_result

    module, inputs = _built(model, "meta")
    matches = name_number(reported, trace(module, *inputs))
    result = match_result(model.name, reported, matches)
    grid = match_grid(model.name, model.input, reported, matches)
    return Document("explain", None, [result], [grid], result["matches"])


def _chosen(names: Sequence[str] | None) -> tuple[Counter, ...]:
    from shufflenet_flops.measure.counters import ALL_COUNTERS

    known = {counter.name: counter for counter in ALL_COUNTERS}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("counter", name, known)
    return tuple(known[name] for name in dict.fromkeys(names or known))


def _explain(model: Model, counters: tuple[Counter, ...], limit_s: float) -> Document:
    from shufflenet_flops.measure.explain import explain
    from shufflenet_flops.report.explain import explain_grids, explain_records, explain_result

    module, inputs = _built(model, "cpu")
    found = explain(model.name, module, inputs, counters=counters, limit_s=limit_s)
    return Document(
        "explain",
        None,
        [explain_result(found)],
        explain_grids(found),
        explain_records(found),
    )
