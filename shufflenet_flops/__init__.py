"""FLOPs of convolutional networks: exact integers, each under a named convention.

The analytic side is here and imports no torch; the measured side is in `build`, `trace` and
`counters`.
"""

from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.conventions import COUNTER_CONVENTIONS
from shufflenet_flops.counting import CONVENTIONS as CONVENTIONS
from shufflenet_flops.counting import Convention as Convention
from shufflenet_flops.counting import Row as Row
from shufflenet_flops.counting import Table as Table
from shufflenet_flops.counting import layer_table as layer_table
from shufflenet_flops.counting.convention import register
from shufflenet_flops.errors import ShufflenetFlopsError as ShufflenetFlopsError
from shufflenet_flops.zoo import Model as Model
from shufflenet_flops.zoo import find as find
from shufflenet_flops.zoo import names as names

if TYPE_CHECKING:
    from shufflenet_flops.budget.check import check as check
    from shufflenet_flops.budget.verdict import Report as Report
    from shufflenet_flops.budget.verdict import Verdict as Verdict
    from shufflenet_flops.trace.rules.supplied import rule as rule

register(*COUNTER_CONVENTIONS)

_LATER = {
    "check": "budget.check",
    "Report": "budget.verdict",
    "Verdict": "budget.verdict",
    "rule": "trace.rules.supplied",
}


def __getattr__(name: str) -> Any:
    """Budgets, and what needs torch, are imported when asked for: other commands start without."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"shufflenet_flops.{_LATER[name]}"), name)
