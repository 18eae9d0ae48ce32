"""What is added up of rows: a metric, or their work under a convention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shufflenet_flops.counting.convention import find_convention
from shufflenet_flops.counting.metric import FLOPS, MACS, MetricName, find_metric
from shufflenet_flops.counting.row import Row

PAPER = "paper"  # under which work is the metric macs


@dataclass(frozen=True)
class Measure:
    """A metric; one of macs or flops goes by a convention, in the unit of its total."""

    metric: MetricName
    convention: str = PAPER

    def each(self, rows: Iterable[Row]) -> list[Any]:
        """That of every row, in whatever numbers it has."""
        if self.convention == PAPER:
            return find_metric(self.metric).each(rows)
        convention = find_convention(self.convention)
        return [convention.total(row.counts) for row in rows]

    def of(self, rows: Iterable[Row]) -> Any:
        """The sum over the rows."""
        return sum(self.each(rows))


def measure(metric: MetricName, convention: str = PAPER) -> Measure:
    """The measure of a metric, which a convention replaces by its unit.

    Raises UnknownNameError for a convention that there is not.
    """
    if convention == PAPER:
        return Measure(metric)
    unit = find_convention(convention).unit
    return Measure(MACS.name if unit == MACS.unit else FLOPS.name, convention)
