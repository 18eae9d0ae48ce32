"""`sf.formula`: the closed form of a unit or network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    import sympy


def formula(name: str, metric: str = "macs", **numbers: int) -> sympy.Expr:
    """The closed form of a unit or a family of networks, as a sympy expression.

    `name` is as on the command line: "shufflenet_unit", "shufflenet_v1@g=3". `metric` is macs,
    params, weights, activations or memory. Of a network it is a function of its width s, relative
    to the published one. `numbers`, and those of the name, are put in; the form holds for input
    sizes that the strides divide. Raises UnknownNameError, InputError, SpecError.

    >>> formula("shufflenet_unit", c=240, m=60, g=3, h=28, w=28)
    7949760
    """
    from shufflenet_flops.counting.metric import find_metric
    from shufflenet_flops.design.formula import derive
    from shufflenet_flops.zoo.designs import check_used, find_design

    design = find_design(name)
    check_used([design], numbers)
    values: dict[str, Any] = {**design.given, **numbers}
    derived = derive(design, find_metric(metric).name, values)
    expression = derived.expression
    known = {symbol.name: symbol for symbol in expression.free_symbols}
    if design.unit is None and "c" in values and "s" in known:
        # A network's form is in its width relative to the published one, which goes by g.
        published = derived.variables["c"] / known["s"]
        if not published.is_number:
            raise InputError(f"{name}: its published width goes by g: give g beside c")
        values["s"] = values["c"] / published
    return expression.subs({known[key]: value for key, value in values.items() if key in known})
