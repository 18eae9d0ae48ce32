"""Networks and units as functions of numbers of any kind: what is derived, fitted and swept.

A family is named by scales and depths; its design is a function of its channels c, its groups g,
its input size and its classes, which may be ints, sympy symbols or integer arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from shufflenet_flops.errors import InputError, SpecError, UnknownNameError
from shufflenet_flops.spec import Number, Shape, total_stride
from shufflenet_flops.spec.numbers import check_at_least, whole
from shufflenet_flops.zoo.registry import (
    IMAGE,
    Derived,
    Family,
    Network,
    Rule,
    Values,
    families,
    names,
    parse_name,
    same_height,
)
from shufflenet_flops.zoo.width_scaling import Scalable


@dataclass(frozen=True)
class Design:
    """A network or unit as `build(**variables)`.

    `variables` are the names that `build` takes, each with its published value or the rule by which
    it follows from the others; `given` are those that the name itself sets. With some variables
    given, every width c that makes a network is a multiple of `step(given)`, and so is every wider
    one.
    """

    name: str
    build: Callable[..., Network]
    variables: Mapping[str, int | Rule]
    step_of: Callable[[Mapping[str, int]], int]
    unit: str | None = None
    given: Mapping[str, int] = field(default_factory=dict)

    def fill(self, values: Values) -> dict[str, Any]:
        """All variables: `values` where it has them, and published or derived ones for the rest.

        Raises SpecError where a rule cannot be kept.
        """
        filled = {
            name: values.get(name, default)
            for name, default in self.variables.items()
            if name in values or isinstance(default, int)
        }
        for name, rule in self.variables.items():
            if name not in filled and not isinstance(rule, int):
                filled[name] = rule(filled)
        return {name: filled[name] for name in self.variables}

    def known(self, values: Values) -> dict[str, Any]:
        """Those of `values` that are this design's variables."""
        return {name: value for name, value in values.items() if name in self.variables}

    def step(self, given: Mapping[str, int]) -> int:
        """What every valid width is a multiple of, with these variables given."""
        constants = {
            name: default for name, default in self.variables.items() if isinstance(default, int)
        }
        return self.step_of({**constants, **self.known(given)})


def find_design(text: str) -> Design:
    """The design of a variant, a family with options as `family@option=value,…`, or a unit.

    Raises UnknownNameError, and InputError for options that leave the width no rule.
    """
    units = _unit_families()
    base, at, rest = text.partition("@")
    if base in units and base not in families() and base not in names():
        base = units[base].name
        text = f"{base}{at}{rest}"
    if base not in families() and base not in names():
        raise UnknownNameError("network or unit", base, design_names())
    family, options = parse_name(text)
    if options.get("rounding") == "up":
        raise InputError(
            f"{text}: its widths are rounded one by one, so it is not {family.name} at any --c; "
            f"name {family.name} and give --c"
        )
    return _by_width(text, family, options) if family.step else _as_a_whole(text, family, options)


def find_unit(name: str) -> Design:
    """The unit of this name, as `shufflenet`, `shufflenet_unit` or either with `@option=value,…`.

    Raises UnknownNameError, and InputError for a bad option.
    """
    units = _unit_families()
    base, at, rest = name.partition("@")
    by_family = {family.name: unit for unit, family in units.items()}
    base = by_family.get(base, base)
    if base not in units:
        raise UnknownNameError("unit", name, units)
    return find_design(f"{units[base].name}{at}{rest}")


def design_names() -> list[str]:
    """Every family: the networks, then the units."""
    units = [family.name for family in _unit_families().values()]
    return [*(name for name in families() if name not in units), *units]


def _unit_families() -> dict[str, Family]:
    return {family.unit: family for family in families().values() if family.unit}


def _by_width(name: str, family: Family, options: dict[str, Any]) -> Design:
    """The design of a family that takes its width c."""
    own_step = family.step
    assert own_step is not None
    fixed = {key: value for key, value in options.items() if key not in family.variables}
    given = {key: value for key, value in options.items() if key in family.variables}
    constants = {
        key: fixed.get(key, default)
        for key, default in family.options.items()
        if key not in family.variables
    }

    def rule(default: Derived, values: Values) -> Any:
        return default.rule({**constants, **values})

    def step(given: Mapping[str, int]) -> int:
        return own_step({**constants, **given})

    variables: dict[str, int | Rule] = {}
    for key in family.variables:
        default = given.get(key, family.options[key])
        variables[key] = partial(rule, default) if isinstance(default, Derived) else default
    build: Callable[..., Network] = partial(family.build, **fixed)
    if family.unit is None:
        build, variables = _on_image(build, variables, _image(family, options))
    return Design(name, build, variables, step, family.unit, given)


def _image(family: Family, options: dict[str, Any]) -> Shape:
    """The input; it does not go by the width, and the published width may make no network."""
    try:
        return family.build(**options).input
    except SpecError:
        return IMAGE


def _as_a_whole(name: str, family: Family, options: dict[str, Any]) -> Design:
    """The design of a family without a width among its options: all its widths scaled alike."""
    network = family.build(**options)
    base = Scalable(network.spec, network.input)
    variables: dict[str, int | Rule] = {"c": base.width}
    if base.groups is not None:
        variables["g"] = base.groups
    if "classes" in family.options:
        variables["classes"] = options.get("classes", family.options["classes"])

    def widened(c: Number, g: Number | None = None, classes: Number | None = None) -> Network:
        return Network(base.widened(c, groups=g, classes=classes), network.input)

    def step(given: Mapping[str, int]) -> int:
        return base.step(given.get("g"))

    build, variables = _on_image(widened, variables, network.input)
    return Design(name, build, variables, step)


def _on_image(
    build: Callable[..., Network], variables: Mapping[str, int | Rule], image: Shape
) -> tuple[Callable[..., Network], dict[str, int | Rule]]:
    """A network on a height h and a width w, which must be no smaller than its strides' product."""
    channels, height, width = map(whole, image[1:])

    def on_image(h: Number, w: Number, **values: Number) -> Network:
        spec = build(**values).spec
        for name, size, smallest in zip("hw", (h, w), total_stride(spec), strict=True):
            check_at_least(name, size, smallest)
        return Network(spec, (1, channels, h, w))

    sizes: dict[str, int | Rule] = {
        "h": height,
        "w": same_height if width == height else width,
    }
    last = {name: default for name, default in variables.items() if name == "classes"}
    first = {name: default for name, default in variables.items() if name != "classes"}
    return on_image, {**first, **sizes, **last}


def check_used(
    designs: Sequence[Design], values: Mapping[str, Any], offered: Collection[str] | None = None
) -> None:
    """Raise InputError for a value that is no variable of any of `designs`.

    `offered` are the variables that the command has options for, by default all.
    """
    for name in values:
        if not any(name in design.variables for design in designs):
            all_names = dict.fromkeys(
                known
                for design in designs
                for known in design.variables
                if offered is None or known in offered
            )
            raise InputError(
                f"--{name}: {' and '.join(design.name for design in designs)} cannot vary it; "
                f"what can be varied is {', '.join(f'--{known}' for known in all_names)}"
            )
