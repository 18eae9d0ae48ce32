"""Where a counter is wrong rather than of another opinion: MACs that ran and it does not count.

What norms, pools and additions are worth is a matter of opinion. That a convolution which ran
once counts once is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from shufflenet_flops.counters.cost_model import Part, is_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class Miscount:
    """MACs counted too often (more than 0) or missed (less), for one reason in some places."""

    reason: str
    macs: int
    paths: tuple[str, ...]


def miscounts(
    unit: Unit, parts: Iterable[Part], trace: Trace, terms: Mapping[str, int] | None = None
) -> tuple[Miscount, ...]:
    """The miscounts of a counter with these parts, the largest first.

    `terms` are what it counts by class of work, where that is more than its parts by its rules.
    """
    per_mac = 2 if unit == "FLOP" else 1
    classes = {op_class.value for op_class in MAC_CLASSES}
    counted: dict[str, int] = defaultdict(int)
    for part in parts:
        if part.term in classes:
            counted[part.path] += part.amount
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in trace.table.rows:
        if row.macs:
            rows[row.path].append(row)
    places_of: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, here in rows.items():
        ran = sum(row.macs for row in here)
        if counted[path] != per_mac * ran:
            difference = counted[path] // per_mac - ran
            places_of[_reason(counted[path] / per_mac / ran, here)].append((path, difference))
    listed = [
        Miscount(reason, sum(macs for _, macs in places), tuple(path for path, _ in places))
        for reason, places in places_of.items()
    ]
    if terms is not None and trace.as_called is not None:
        seen = sum(amount for term, amount in terms.items() if term in classes)
        if rest := (seen - sum(counted.values())) // per_mac:
            listed.append(Miscount("sees transforms of torch.func in its own way", rest, ("",)))
    return tuple(sorted(listed, key=lambda miscount: -abs(miscount.macs)))


_FEW = 5  # operations per unit of work, at most, in any cost model


def suspects(residual: int, trace: Trace) -> tuple[str, ...]:
    """The ops that may make a residual: those whose work divides it, or else those unknown to us.

    Where neither tells, every op with MACs.
    """
    if not residual:
        return ()
    work: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in trace.table.rows:
        for op_class, count in row.counts.items():
            work[row.op][op_class.value] += count
    amount = abs(residual)
    fitting = [
        op
        for op, counts in work.items()
        if any(
            count and amount % count == 0 and amount <= _FEW * count for count in counts.values()
        )
    ]
    with_macs = {row.op: None for row in trace.table.rows if row.macs}
    return tuple(fitting or trace.unknown_ops or with_macs)


def _reason(share: float, rows: list[Row]) -> str:
    """Why a counter's share of the MACs of one module is not 1."""
    call = rows[0].call
    parents = call.occurrences
    if share > 1 and parents > 1:
        return f"counts a module that {parents} parents share {share:g} times"
    if share > 1:
        return f"counts the work of {_short(call.module)} {share:g} times"
    if all(row.call.apart for row in rows):
        return "misses what runs in other threads"
    if any(is_attention(row) for row in rows):
        return "misses the products inside of fused attention"
    if share > 0 and prod(call.samples) > 1:
        return "counts one of the samples that torch.vmap runs at once"
    if share > 0:
        return f"counts only a part of the work of {_short(call.module)}"
    if "weight" in call.params:
        return f"misses modules of type {_short(call.module)}"
    return f"misses {_short(call.function)} called as a function"


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]
