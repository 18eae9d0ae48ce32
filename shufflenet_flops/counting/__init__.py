"""Facts and conventions: rows of counted work, their totals, and the papers' closed forms."""

from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.backward import backward_macs as backward_macs
from shufflenet_flops.counting.convention import CONVENTIONS as CONVENTIONS
from shufflenet_flops.counting.convention import Convention as Convention
from shufflenet_flops.counting.convention import find_convention as find_convention
from shufflenet_flops.counting.row import Call as Call
from shufflenet_flops.counting.row import Kind as Kind
from shufflenet_flops.counting.row import ModuleCall as ModuleCall
from shufflenet_flops.counting.row import Row as Row
from shufflenet_flops.counting.table import Grouping as Grouping
from shufflenet_flops.counting.table import Table as Table
from shufflenet_flops.counting.table import layer_table as layer_table

if TYPE_CHECKING:
    from shufflenet_flops.counting.closed_forms import CLOSED_FORMS as CLOSED_FORMS
    from shufflenet_flops.counting.closed_forms import ClosedForm as ClosedForm
    from shufflenet_flops.counting.closed_forms import walk_macs as walk_macs


def __getattr__(name: str) -> Any:
    """The closed forms, which few commands need, are imported when they are asked for."""
    if name not in ("CLOSED_FORMS", "ClosedForm", "walk_macs"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from shufflenet_flops.counting import closed_forms

    return getattr(closed_forms, name)
