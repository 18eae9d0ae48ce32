"""Notes on counters name the norms that are there."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops.comparison import compare, prepare
from shufflenet_flops.report.view.compare import compare_grid
from shufflenet_flops.sources import resolve


def test_other_norms_are_not_called_batch_norms() -> None:
    """As in `explain`."""
    unit = compare(prepare(resolve("shufflenet_unit")))
    notes = "\n".join(compare_grid([unit]).notes)
    others = "\n".join(compare_grid([replace(unit, norms=("batch_norm", "layer_norm"))]).notes)

    assert unit.norms == ("batch_norm",)
    assert "adds 4 per batch-norm element" in notes
    assert "adds 4 per norm element" in others
