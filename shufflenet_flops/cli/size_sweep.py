"""`sweep MODEL --over h=128:1024:32,n=1:64`: a model at many sizes, from its formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.cli.output import Document
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Options

if TYPE_CHECKING:
    from shufflenet_flops.closed_form.model_formula import ModelFormula
    from shufflenet_flops.closed_form.size_sweep import SizeSweep


def sizes_swept(
    model: str, over: str, options: Options, figure_type: str | None = None
) -> tuple[Document, bytes]:
    """Every metric that has a formula, at all sizes, and the figure of the first of them.

    That is along the first size with several values, at the first of the others. Raises a
    ShufflenetFlopsError.
    """
    from shufflenet_flops.closed_form.derive import derive_each
    from shufflenet_flops.closed_form.domain import Domain, hull, met_domain
    from shufflenet_flops.closed_form.over import parse_over, spanned
    from shufflenet_flops.closed_form.size_sweep import size_sweep
    from shufflenet_flops.closed_form.sized import sized
    from shufflenet_flops.counting.metric import ACTIVATIONS, MACS, MEMORY, PARAMS
    from shufflenet_flops.report.view.size_sweep import size_sweep_grid, size_sweep_result

    axes = {}
    for name, axis in parse_over("over", over).items():
        if axis is None:
            raise InputError(f"--over {over}: give {name} its values, as in {name}=128:1024:32")
        axes[name] = axis
    chosen = sized(model, options)
    metrics = [metric.name for metric in (MACS, PARAMS, ACTIVATIONS, MEMORY)]
    ranges = {name: None if name in chosen.places else spanned(axes[name]) for name in axes}
    found, missing = derive_each(chosen, ranges, metrics)
    swept = size_sweep(found, list(axes.values()))
    domains = [
        Domain({name: hull([one.domain.ranges[name] for one in formula.cases]) for name in axes})
        if formula.others
        else formula.domain
        for formula in found
    ]
    domain = tuple(met_domain(domains).texts)
    result = size_sweep_result(model, domain, swept, missing)
    document = Document("sweep", "paper", [result], [size_sweep_grid(result)], result.rows)
    return document, _figure(found[0], swept, figure_type) if figure_type else b""


def _figure(formula: ModelFormula, swept: SizeSweep, figure_type: str) -> bytes:
    from shufflenet_flops.report.plot.figure import image
    from shufflenet_flops.report.view.model_formula import draw_at

    sizes = {name: swept.columns[name] for name in formula.domain.ranges}
    wrt = next((name for name in sizes if len(set(sizes[name])) > 1), None)
    if wrt is None:
        raise InputError("--plot draws along a size: give one several values, as h=128:512:32")
    at = {name: column[0] for name, column in sizes.items()}
    figure = draw_at(formula, "stage", wrt, sorted(set(sizes[wrt])), at)
    return image(figure, figure_type)
