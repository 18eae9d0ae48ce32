"""`fit MODEL --over h,w --macs 2G`: the largest input within a budget."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from shufflenet_flops.cli.output import Document
from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.sources import Options


def largest_inputs(
    models: Sequence[str],
    over: str,
    at: str | None,
    aspect: str | None,
    budgets: Mapping[str, int],
    options: Options,
) -> Document:
    """The largest sizes of all models. Raises a ShufflenetFlopsError where there are none."""
    from shufflenet_flops.closed_form.derive import derive_all
    from shufflenet_flops.closed_form.over import parse_at, parse_over, ranges
    from shufflenet_flops.closed_form.size_fit import size_fit
    from shufflenet_flops.closed_form.sized import sized
    from shufflenet_flops.report.view.size_fit import size_fit_grid, size_fit_result

    axes = ranges(parse_over("over", over))
    names = list(axes)
    is_map = sorted(names) == ["h", "w"]
    if len(names) > 1 and not is_map:
        raise InputError(f"--over {over}: fit enlarges one size, or height and width as h,w")
    if aspect is not None and not is_map:
        raise InputError("--aspect is for height and width together: give --over h,w")
    numbers = parse_at(at) if at is not None else {}
    results = []
    for name in models:
        model = sized(name, options)
        others = {size: None for size in numbers if size not in axes}
        metrics = [find_metric(metric).name for metric in budgets]
        formulas = derive_all(model, {**axes, **others}, metrics)
        filled = formulas[0].filled(numbers)
        names = ["h", "w"] if is_map else names
        fit = size_fit(formulas, names, budgets, filled, _ratio(aspect) if aspect else None)
        results.append(size_fit_result(fit, formulas))
    return Document("fit", "paper", results, [size_fit_grid(results)])


def _ratio(text: str) -> Fraction:
    """Width over height of `16:9`. Raises InputError."""
    width, colon, height = text.partition(":")
    parts = (width, height if colon else "1")
    if not all(re.fullmatch("0*[1-9][0-9]{0,5}", part) for part in parts):
        raise InputError(f"--aspect {shown(text)}: write width:height, as 16:9")
    return Fraction(int(parts[0]), int(parts[1]))
