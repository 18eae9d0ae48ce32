"""What the page's live explorer computes with: terms of the walk, and rules, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import CONVENTIONS, Table, layer_table
from shufflenet_flops.counting.closed_forms import grouped, symbol
from shufflenet_flops.report.plot.bars import KIND_COLOURS
from shufflenet_flops.report.plot.figure import COLOURS
from shufflenet_flops.report.view.explorer_rules import expression_of, rules_of
from shufflenet_flops.spec.opclass import OpClass
from shufflenet_flops.zoo.designs import find_unit
from shufflenet_flops.zoo.registry import find_family
from shufflenet_flops.zoo.units import UNIT_NAMES, bottleneck

if TYPE_CHECKING:
    import sympy

# A sum of terms [coefficient, {variable: power}]; powers may be negative.
Polynomial = list[list[Any]]

# Units have no attention, of which alone `causal` leaves out a part.
_NOT_OF_UNITS = ("causal",)
_VARIABLES: Mapping[str, dict[str, Any]] = {
    "c": {"label": "channels", "min": 1, "max": 2048, "default": 240},
    "m": {"label": "bottleneck channels", "min": 1, "max": 1024, "default": 60},
    "g": {"label": "groups", "min": 1, "max": 64, "default": 3},
    "h": {"label": "height", "min": 1, "max": 224, "default": 28},
    "w": {"label": "width", "min": 1, "max": 224, "default": 28},
}

# Sizes at which the walk is another one, for a layer becomes of another kind: one group shuffles
# nothing, one group for each channel is depthwise. The first that holds is taken.
_CASES: tuple[Mapping[str, str | int], ...] = (
    {"m": 1, "g": 1},
    {"g": 1},
    {"m": "c", "g": "c"},
    {"g": "m"},
    {"g": "c"},
    {"m": 1},
    {},
)


def explorer_data(start: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Variables, conventions and units, with terms by kind of layer and rules; plain JSON.

    `auto` is the bottleneck that a unit has where none is given. `start` is the unit and the sizes
    that the page opens with; what it leaves out is as in the paper.
    """
    given = {name: size for name, size in (start or {}).items() if size is not None}
    sizes = {name: given.get(name, known["default"]) for name, known in _VARIABLES.items()}
    return {
        "variables": _VARIABLES,
        "start": {
            "unit": given.get("unit", "shufflenet"),
            "auto": 4 * sizes["m"] == sizes["c"],
            **{name: str(size) for name, size in sizes.items()},
        },
        "auto": expression_of(lambda c, g: bottleneck(c, None, g, 1), ["c", "g"]),
        "conventions": {
            name: {
                "unit": convention.unit,
                "meaning": convention.meaning,
                "weights": {
                    op_class.value: weight for op_class, weight in convention.weights.items()
                },
            }
            for name, convention in CONVENTIONS.items()
            if name not in _NOT_OF_UNITS
        },
        "colours": dict(KIND_COLOURS),
        "line_colours": list(COLOURS),
        "units": {name: _unit(name) for name in UNIT_NAMES},
    }


def _unit(name: str) -> dict[str, Any]:
    variables = [v for v in _VARIABLES if v == "m" or v in find_unit(name).variables]
    build = find_family(f"{name}_unit").build
    cases = [case for case in _CASES if case.keys() <= set(variables)]
    return {
        "variables": variables,
        "rules": {
            "auto": rules_of(build, [v for v in variables if v != "m"]),
            "given": rules_of(build, variables),
        },
        "cases": [{"when": dict(case), "kinds": _kinds(name, case)} for case in cases],
        "formulas": {
            convention: _formula(name, weights.weights)
            for convention, weights in CONVENTIONS.items()
            if convention not in _NOT_OF_UNITS
        },
    }


def _table(name: str, case: Mapping[str, str | int]) -> Table:
    """The walk over symbols, with some of them replaced by others or by numbers."""
    design = find_unit(name)
    built = {
        v: symbol(value) if isinstance(value := case.get(v, v), str) else value
        for v in _VARIABLES
        if v == "m" or v in design.variables
    }
    network = design.build(**design.known(built) | {"stride": 1})
    return layer_table(network.spec, network.input)


def _kinds(name: str, case: Mapping[str, str | int]) -> dict[str, Any]:
    return {
        kind: {
            "counts": {op.value: polynomial(count) for op, count in part.counts.items()},
            "params": polynomial(part.params),
            "activations": polynomial(part.activations),
            "memory_bytes": polynomial(part.memory_bytes),
        }
        for kind, part in _table(name, case).by("kind").items()
    }


def _formula(name: str, weights: Mapping[OpClass, int]) -> str:
    """The closed form under a convention, as papers write it."""
    import sympy

    terms = [
        sum(weight * part.counts.get(op, 0) for op, weight in weights.items())
        for part in _table(name, {}).by("kind").values()
    ]
    return grouped([sympy.sympify(term) for term in terms if term != 0], str)


def polynomial(expression: sympy.Expr | int) -> Polynomial:
    """An expression as a sum of terms with integer coefficients."""
    import sympy

    terms: Polynomial = []
    for term in sympy.Add.make_args(sympy.expand(expression)):
        coefficient, rest = term.as_coeff_Mul()
        powers = {str(base): int(power) for base, power in rest.as_powers_dict().items()}
        powers.pop("1", None)
        terms.append([int(coefficient), powers])
    return [term for term in terms if term[0]]
