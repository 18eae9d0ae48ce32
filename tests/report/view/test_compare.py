"""Notes on counters name the norms that are there, and small figures are no zeros."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops.comparison import compare, prepare
from shufflenet_flops.report.grid import mega, scale_for
from shufflenet_flops.report.view.compare import compare_grid
from shufflenet_flops.report.view.counters import of_models
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


def test_of_many_models_a_note_tells_the_least_and_the_most() -> None:
    """Each of a few; of nine networks those at the ends, wherever they stand."""
    amounts = {f"net{i}": i * 1000 for i in (5, 9, 1, 2, 3, 4, 6, 7)}
    assert of_models(amounts.items(), "+").startswith("net5 +5,000, net9 +9,000, net1 +1,000, ")

    amounts["net8"] = 8000
    assert of_models(amounts.items(), "+") == "of 9 models, from net1 +1,000 to net9 +9,000"
