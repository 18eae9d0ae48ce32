"""`sf.compare`: models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shufflenet_flops.api.model import AnyModel, ModelInput, source_of
from shufflenet_flops.api.result import Result
from shufflenet_flops.counting.amount import figure
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.document import Document

if TYPE_CHECKING:
    from shufflenet_flops.comparison import Comparison


@dataclass(frozen=True, repr=False)
class Compared(Result):
    """Models side by side: MACs from every side, each counter's total, parameters, memory access.

    It is a sequence of the comparisons, in the order of the models.
    """

    comparisons: tuple[Comparison, ...]

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.comparisons)

    def __len__(self) -> int:
        return len(self.comparisons)

    def __getitem__(self, place: int) -> Comparison:
        return self.comparisons[place]

    @property
    def macs(self) -> dict[str, int]:
        """The MACs of each model, by name."""
        return {comparison.name: comparison.traced_macs for comparison in self.comparisons}

    def document(self, notes: Sequence[str] = ()) -> Document:
        """What `compare` writes, with more notes below the table."""
        from shufflenet_flops.report.grid import with_notes
        from shufflenet_flops.report.view.compare import compare_grid

        table = with_notes(compare_grid(self.comparisons), notes)
        return Document("compare", "paper", self.comparisons, [table])

    def __repr__(self) -> str:
        each = ", ".join(f"{name} {figure('macs', macs)}" for name, macs in self.macs.items())
        return f"<Compared: {each}>"


def compare(
    *models: AnyModel,
    input: ModelInput | None = None,
    args: Mapping[str, Any] | None = None,
    training: bool = False,
) -> Compared:
    """Set models side by side: what each side counts, what each counter reports and why.

    `models` and `input` are as for `count`; all models get the same input. Counters run on copies.
    With `training` there are the MACs of a training step too.
    Raises a ShufflenetFlopsError, one line.
    """
    if not models:
        raise InputError('compare what? give models, as in compare("resnet50", "resnext50_32x4d")')
    from shufflenet_flops.comparison import compare as compare_one
    from shufflenet_flops.comparison import prepare

    sources = [source_of(model, input, args) for model in models]
    return Compared(tuple(compare_one(prepare(source), training=training) for source in sources))
