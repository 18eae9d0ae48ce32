"""Models of which an argument says how often layers are repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shufflenet_flops.closed_form.domain import Range
from shufflenet_flops.closed_form.samples import Samples
from shufflenet_flops.closed_form.sized import SizedModel, Sizes
from shufflenet_flops.counting import Row


@dataclass(frozen=True)
class RepeatedModel(SizedModel):
    """A model of which rows that are alike but for numbers in their paths are one row."""

    def rows_at(self, sizes: Sizes) -> Sequence[Row]:
        return repeated(super().rows_at(sizes))

    @property
    def how(self) -> str:
        return "# stands for every number at its place: layers that are repeated are one"


def repeated(rows: Sequence[Row]) -> list[Row]:
    """One row for all that are alike but for numbers in their paths, in their order.

    It counts for all of them, has `#` for these numbers, and one axis more in its output, of as
    many; so the sum over all rows is as it was.
    """
    first: dict[tuple[Any, ...], Row] = {}
    number: dict[tuple[Any, ...], int] = {}
    for row in rows:
        path = re.sub(r"\d+", "#", row.path)
        counts = tuple(row.counts.items())
        moved = row.params, row.read_bytes, row.write_bytes
        key = path, row.op, row.inputs, row.operands, row.output, counts, moved
        first.setdefault(key, row._replace(path=path))
        number[key] = number.get(key, 0) + 1
    return [_times(row, number[key]) for key, row in first.items()]


def _times(row: Row, number: int) -> Row:
    return row._replace(
        counts={op_class: number * count for op_class, count in row.counts.items()},
        params=number * row.params,
        read_bytes=number * row.read_bytes,
        write_bytes=number * row.write_bytes,
        output=(number, *row.output),
    )


def with_layers_repeated(samples: Samples, over: Mapping[str, Range | None]) -> Samples:
    """Samples of the model with repeated layers as one, where an argument changes how many it has.

    What was traced is taken over; of any other model the samples are as they were.
    """
    if not any(_repeats(samples, name, given) for name, given in over.items()):
        return samples
    merged = Samples(RepeatedModel(**vars(samples.model)), samples.own)
    for sizes, rows in samples.rows.items():
        if not isinstance(rows, str):
            merged.keep(dict(sizes), repeated(rows), samples.asked.get(sizes))
    return merged


def _repeats(samples: Samples, name: str, given: Range | None) -> bool:
    """Whether a model has more rows, or fewer, with the next value of an argument."""
    if given is None or given.is_fixed or name in samples.model.places:
        return False
    other = {**samples.own, name: given.least + given.step}
    return samples.takes(other) and len(samples.at(other)) != len(samples.at(samples.own))
