"""Notes on counters name the norms that are there, and small figures are no zeros."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops.comparison import compare, prepare
from shufflenet_flops.report.grid import mega, scale_for
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


def test_what_is_not_nothing_does_not_look_like_it() -> None:
    """In a column whose unit is that of its largest figure."""
    in_millions = scale_for([25_557_032, 224, 0])

    assert [in_millions(value) for value in (25_557_032, 500, 499, 0)] == [
        "25.557", "0.001", "<0.001", "0.000",
    ]  # fmt: skip
    assert mega(1, 2) == "<0.01"
