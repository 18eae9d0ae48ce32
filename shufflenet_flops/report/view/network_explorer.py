"""What the page of a network computes live: its closed form by width, groups and resolution."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Convention, Table, layer_table
from shufflenet_flops.counting.closed_forms import symbol
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.report.plot.bars import KIND_COLOURS
from shufflenet_flops.report.section import Explorer
from shufflenet_flops.report.view.explorer import Polynomial, explorer_data, polynomial
from shufflenet_flops.zoo.designs import Design, find_design
from shufflenet_flops.zoo.units import UNIT_NAMES

if TYPE_CHECKING:
    import sympy

# Input sizes that every network's strides divide, so that no size is rounded on the way.
_SIZE_STEP = 32
# Groups that are offered where the network has some.
_GROUPS = range(1, 17)
# The narrowest network in steps of its width: with one step a group may be a single channel, and
# then a grouped convolution is a depthwise one.
_LEAST_STEPS = 2


def explorer_of(model: str, convention: Convention) -> Explorer | None:
    """The live explorer of a unit or network of the zoo, if it has a closed form to compute with.

    A network's is there if its closed form gives the very totals of the walk over its own numbers.
    """
    try:
        design = find_design(model)
    except ShufflenetFlopsError:  # no network of the zoo, or one whose widths follow no rule
        return None
    own = design.fill({})
    if design.unit is None:
        data = network_data(design, convention)
        return Explorer("network", data) if data else None
    if design.unit in UNIT_NAMES and own["stride"] == 1:
        return Explorer("units", explorer_data({"unit": design.unit, **own}))
    return None


def network_data(design: Design, convention: Convention) -> dict[str, Any] | None:
    """Terms by kind of layer, valid widths and the network's own numbers; plain JSON.

    Sizes are c, the channels of the last stage, g, and u and v, height and width in steps of 32.
    None where there is no such form.
    """
    own = design.fill({})
    widths = _widths(design, own)
    resized = _resized(own)
    for sizes in filter(None, (resized, _sizes(own))):
        cases = [
            {"when": when, "kinds": _kinds(_walk(design, own, when, sizes), convention)}
            for when in ([{"g": 1}, {}] if "g" in own else [{}])
        ]
        samples = [own] if sizes is not resized else [own, own | _larger(own)]
        if all(_holds(design, cases, convention, sample) for sample in samples):
            break
    else:
        return None
    step, least = widths.get(own.get("g", 1), (1, own["c"] + 1))
    if own["c"] % step or own["c"] < least:
        return None
    return {
        "name": design.name,
        "unit": convention.unit,
        "start": {name: own[name] for name in ("c", "g", "h", "w") if name in own},
        "size_step": _SIZE_STEP if sizes is resized else 0,
        "least_size": _least_size(design, own),
        "widths": {str(g): {"step": step, "least": least} for g, (step, least) in widths.items()},
        "kept": {name: own[name] for name in ("stem", "classes") if name in own},
        "cases": cases,
        "colours": dict(KIND_COLOURS),
    }


def _widths(design: Design, own: Mapping[str, int]) -> dict[int, tuple[int, int]]:
    """By number of groups: what every width is a multiple of, and the least, if there is one."""
    widths = {}
    for g in sorted({*_GROUPS, own["g"]}) if "g" in own else [1]:
        given = {"g": g} if "g" in own else {}
        step = design.step(given)
        for times in range(_LEAST_STEPS, own["c"] // step + _LEAST_STEPS + 1):
            try:
                design.build(**{**own, **given, "c": times * step})
            except ShufflenetFlopsError:  # conv1's channels leave none, or no groups can split them
                continue
            widths[g] = (step, times * step)
            break
    return widths


def _least_size(design: Design, own: Mapping[str, int]) -> int:
    """The smallest square input, in such steps, that the network takes."""
    for size in range(_SIZE_STEP, own["h"], _SIZE_STEP):
        try:
            network = design.build(**{**own, "h": size, "w": size})
            layer_table(network.spec, network.input)
        except ShufflenetFlopsError:  # smaller than its windows
            continue
        return size
    return own["h"]


def _sizes(own: Mapping[str, int]) -> dict[str, Any]:
    return {"h": own["h"], "w": own["w"]}


def _resized(own: Mapping[str, int]) -> dict[str, Any] | None:
    """Height and width as symbols, where they are such multiples."""
    if own["h"] % _SIZE_STEP or own["w"] % _SIZE_STEP:
        return None
    return {"h": _SIZE_STEP * symbol("u"), "w": _SIZE_STEP * symbol("v")}


def _larger(own: Mapping[str, int]) -> dict[str, int]:
    return {"h": own["h"] + _SIZE_STEP, "w": own["w"] + 2 * _SIZE_STEP}


def _walk(
    design: Design, own: Mapping[str, int], when: Mapping[str, int], sizes: Mapping[str, Any]
) -> Table:
    """The layers over symbols, and over numbers where `when` or `sizes` have such."""
    symbols = {name: symbol(name) for name in ("c", "g") if name in own}
    network = design.build(**{**own, **symbols, **when, **sizes})
    return layer_table(network.spec, network.input)


_METRICS = ("count", "params", "activations", "memory_bytes")


def _amounts(part: Table, convention: Convention) -> dict[str, Any]:
    amounts = (part.total(convention), part.params, part.activations, part.memory_bytes)
    return dict(zip(_METRICS, amounts, strict=True))


def _kinds(table: Table, convention: Convention) -> dict[str, Any]:
    return {
        kind: {name: _fraction(value) for name, value in _amounts(part, convention).items()}
        for kind, part in table.by("kind").items()
    }


def _fraction(expression: sympy.Expr | int) -> dict[str, Any]:
    """An expression as a polynomial with whole coefficients over a whole number."""
    import sympy

    terms = sympy.Add.make_args(sympy.expand(expression))
    over = lcm(*(int(term.as_coeff_Mul()[0].q) for term in terms))
    return {"over": over, "terms": polynomial(sympy.expand(expression * over))}


def _holds(
    design: Design, cases: list[dict[str, Any]], convention: Convention, sample: Mapping[str, int]
) -> bool:
    """Whether the form gives what the walk over these numbers does."""
    try:
        network = design.build(**sample)
        table = layer_table(network.spec, network.input)
    except ShufflenetFlopsError:  # no such size of the input
        return False
    sizes = {name: sample[name] for name in ("c", "g") if name in sample}
    sizes |= {"u": sample["h"] // _SIZE_STEP, "v": sample["w"] // _SIZE_STEP}
    case = next(case for case in cases if all(sizes[k] == v for k, v in case["when"].items()))
    parts = table.by("kind")
    return all(
        name in parts
        and all(
            _value(form, sizes) == _amounts(parts[name], convention)[metric]
            for metric, form in kind.items()
        )
        for name, kind in case["kinds"].items()
    )


def _value(form: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
    """The value of a form; None where it is no polynomial in the sizes."""
    from fractions import Fraction

    terms: Polynomial = form["terms"]
    total = Fraction(0)
    for coefficient, powers in terms:
        if not powers.keys() <= sizes.keys():
            return None
        product = Fraction(coefficient)
        for name, power in powers.items():
            product *= Fraction(sizes[name]) ** power
        total += product
    return total / form["over"]
