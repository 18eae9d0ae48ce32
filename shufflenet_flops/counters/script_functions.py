"""Functions that were scripted, of which counters of TorchScript's graphs see the call alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Table

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.trace.trace import Trace

SCRIPTED = "scripted_functions"  # how many calls of them there are


def calls_of_scripts(model: nn.Module, inputs: Sequence[Any]) -> int:
    """How many calls of scripted functions a TorchScript trace of the model has."""
    from shufflenet_flops.counters.graphs import graph_of

    return sum(node.kind() == "prim::CallFunction" for node in graph_of(model, inputs).nodes())


def without_scripts(trace: Trace, facts: Mapping[str, int]) -> tuple[Trace, dict[str, int]]:
    """The trace without what scripted functions did, where there are such, and the other facts.

    No torch function is called in them, so their rows name none.
    """
    others = {term: amount for term, amount in facts.items() if term != SCRIPTED}
    if not facts.get(SCRIPTED):
        return trace, others
    rows = tuple(row for row in trace.table.rows if row.call.function)
    return replace(trace, table=Table(rows)), others
