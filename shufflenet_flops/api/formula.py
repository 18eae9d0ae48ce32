"""`sf.formula`: the closed form of a unit, of a network, or of any model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.resolve import may_be_a_design

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sympy

    from shufflenet_flops.api.model import AnyModel, ModelInput
    from shufflenet_flops.closed_form.sized import SizedModel
    from shufflenet_flops.counting.metric import MetricName


def formula(
    model: AnyModel,
    metric: str = "macs",
    *,
    over: str | None = None,
    input: ModelInput | None = None,
    args: Mapping[str, Any] | None = None,
    training: bool = False,
    convention: str = "paper",
    **numbers: int,
) -> sympy.Expr:
    """The closed form of a unit, of a family of networks, or of any model, for sympy.

    A unit or family is named as on the command line: "shufflenet_unit", "shufflenet_v1@g=3". Of a
    network it is a function of its width s, relative to the published one, and it holds for input
    sizes that the strides divide.

    Of a module, a file, or what else `count` takes, on `input`, it is one in `over`, as "h,w,n" or
    "width=16:256:16", by default in all of its sizes, or in arguments of its factory, with floors
    where strides do not divide; it is found from traces and checked at sizes that these did not
    have. Where the model does other things at other sizes, or has no formula there, it is a
    Piecewise.

    `metric` is macs, params, weights, activations or memory; with `training` it is macs, and those
    of a training step: forward, and every gradient once. Of a form over sizes a `convention`, as
    "causal", says what is counted in place of the metric. `numbers`, and those of a name, are put
    in. Raises UnknownNameError, InputError, SpecError, ModelError.

    >>> formula("shufflenet_unit", c=240, m=60, g=3, h=28, w=28)
    7949760
    >>> formula("resnet18", over="n")
    1814073344*n
    """
    from shufflenet_flops.counting.measure import PAPER
    from shufflenet_flops.counting.metric import MACS, find_metric

    counted = find_metric(metric)
    if convention != PAPER and (training or counted is not MACS):
        other = "training" if training else f"metric={metric!r}"
        raise InputError(f"convention={convention!r}: says what is counted: leave out {other}")
    if training and counted is not MACS:
        raise InputError(f"metric={counted.key}: a training step has a formula of its macs alone")
    if over is not None or not (isinstance(model, str) and may_be_a_design(model)):
        from shufflenet_flops.api.model import sized_model

        sized = replace(sized_model(model, input, args), training=training)
        return _over(sized, counted.name, convention, over, numbers)
    if input is not None or args:
        raise InputError('input and args are for a form over sizes: give over, as over="h,w,n"')
    if convention != PAPER:
        raise InputError(
            f'convention={convention!r}: is for a form over sizes: give over, as over="h,w,n"'
        )
    return _of_design(model, counted.name, numbers, training)


def _over(
    model: SizedModel,
    metric: MetricName,
    convention: str,
    over: str | None,
    numbers: Mapping[str, int],
) -> sympy.Expr:
    from shufflenet_flops.closed_form.derive import derive
    from shufflenet_flops.closed_form.over import parse_over, ranges
    from shufflenet_flops.closed_form.writing import for_cases

    sizes = dict.fromkeys(model.sizes) if over is None else ranges(parse_over("over", over))
    found = derive(model, sizes, metric, convention)
    filled = found.filled(numbers)
    if numbers.keys() >= set(found.domain.free):
        found.value(filled)  # where they are outside of its domain, there is no number
    expression, symbols = for_cases(found, sizes)
    return expression.subs(
        {symbols[name]: size for name, size in numbers.items() if name in symbols}
    )


def _of_design(
    name: str, metric: MetricName, numbers: Mapping[str, int], training: bool
) -> sympy.Expr:
    from shufflenet_flops.design.formula import derive
    from shufflenet_flops.zoo.designs import check_used, find_design

    design = find_design(name)
    check_used([design], numbers)
    values: dict[str, Any] = {**design.given, **numbers}
    derived = derive(design, metric, values, training=training)
    expression = derived.expression
    known = {symbol.name: symbol for symbol in expression.free_symbols}
    if design.unit is None and "c" in values and "s" in known:
        # A network's form is in its width relative to the published one, which goes by g.
        published = derived.variables["c"] / known["s"]
        if not published.is_number:
            raise InputError(f"{name}: its published width goes by g: give g beside c")
        values["s"] = values["c"] / published
    return expression.subs({known[key]: value for key, value in values.items() if key in known})
