"""Networks and units as functions of numbers of any kind: what is derived, fitted and swept.

The zoo's families are named by scales and depths; here each is a function of its channels c, its
groups g, its input size and its classes, which may be ints, sympy symbols or integer arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd, lcm
from types import MappingProxyType
from typing import Any, TypeAlias

from shufflenet_flops import zoo
from shufflenet_flops.design.width_scaling import last_width, widen, width_step
from shufflenet_flops.errors import InputError, SpecError, UnknownNameError
from shufflenet_flops.spec import Conv2d, Node, Number, seq, total_stride
from shufflenet_flops.spec.numbers import check_at_least, exact_div, indicator
from shufflenet_flops.zoo import shufflenet_v1, shufflenet_v2, table4
from shufflenet_flops.zoo.mobilenet_v1 import unit as mobilenet_unit
from shufflenet_flops.zoo.registry import Network

Values: TypeAlias = Mapping[str, Number]
Rule: TypeAlias = Callable[[Values], Number]


@dataclass(frozen=True)
class Design:
    """A network or unit as `build(**variables)`.

    `variables` are the names that `build` takes, each with its published value or a rule by which
    it follows from those before it. With some variables given, every width c that makes a network
    is a multiple of `step(given)`, and so is every wider one.
    """

    name: str
    build: Callable[..., Network]
    variables: Mapping[str, int | Rule]
    step_of: Callable[[Mapping[str, int]], int]
    unit: str | None = None

    def fill(self, values: Values) -> dict[str, Number]:
        """All variables: `values` where it has them, and published or derived ones for the rest.

        Raises SpecError where a rule cannot be kept.
        """
        filled: dict[str, Number] = {}
        for name, default in self.variables.items():
            if name in values:
                filled[name] = values[name]
            else:
                filled[name] = default if isinstance(default, int) else default(filled)
        return filled

    def known(self, values: Values) -> dict[str, Number]:
        """Those of `values` that are this design's variables."""
        return {name: value for name, value in values.items() if name in self.variables}

    def step(self, given: Mapping[str, int]) -> int:
        """What every valid width is a multiple of, with these variables given."""
        constants = {
            name: default for name, default in self.variables.items() if isinstance(default, int)
        }
        return self.step_of({**constants, **self.known(given)})


def _pointwise(c: Number, n: Number, g: Number, h: Number, w: Number) -> Network:
    return Network(seq(conv=Conv2d(c, n, groups=g)), (1, c, h, w))


def _conv(c: Number, n: Number, k: Number, h: Number, w: Number) -> Network:
    return Network(seq(unit=mobilenet_unit(c, n, separable=False, kernel=k)), (1, c, h, w))


def _mobilenet_layer(c: Number, n: Number, k: Number, h: Number, w: Number, stride: int) -> Network:
    return Network(seq(unit=mobilenet_unit(c, n, stride, kernel=k)), (1, c, h, w))


def _shufflenet_v2_unit(c: Number, h: Number, w: Number, stride: int) -> Network:
    make = shufflenet_v2.unit(c) if stride == 1 else shufflenet_v2.down_unit(c, 2 * c)
    return Network(seq(unit=make), (1, c, h, w))


def _output(v: Values) -> Number:
    return v["c"] * v.get("stride", 1)


def _square(v: Values) -> Number:
    return v["h"]


def _quarter(v: Values) -> Number:
    return shufflenet_v1.bottleneck_width(_output(v), v.get("g", 1))


def _quarter_step(given: Mapping[str, int]) -> int:
    """For c such that the bottleneck m, a quarter of the output, is whole and splits into g."""
    parts = 4 * given.get("g", 1)
    return 1 if "m" in given else parts // gcd(parts, given["stride"])


def _unit_design(
    unit: str,
    build: Callable[..., Network],
    step: Callable[[Mapping[str, int]], int],
    variables: Mapping[str, int | Rule],
    name: str | None = None,
) -> Design:
    sizes: dict[str, int | Rule] = {"h": 28, "w": _square}
    return Design(name or f"{unit}_unit", build, {"c": 240, **variables, **sizes}, step, unit)


_UNITS = (
    _unit_design("conv", _conv, lambda given: 1, {"n": _output, "k": 3}),
    _unit_design("pointwise", _pointwise, lambda given: given["g"], {"n": _output, "g": 1}),
    _unit_design(
        "mobilenet",
        _mobilenet_layer,
        lambda given: 1,
        {"stride": 1, "n": _output, "k": 3},
        name="mobilenet_layer",
    ),
    _unit_design(
        "resnet", partial(zoo.build, "resnet_unit"), _quarter_step, {"stride": 1, "m": _quarter}
    ),
    _unit_design(
        "resnext",
        partial(zoo.build, "resnext_unit"),
        _quarter_step,
        {"g": 3, "stride": 1, "m": _quarter},
    ),
    _unit_design(
        "shufflenet",
        partial(zoo.build, "shufflenet_unit"),
        lambda given: lcm(given["g"], _quarter_step(given)),
        {"g": 3, "stride": 1, "m": _quarter},
    ),
    _unit_design("shufflenet_v2", _shufflenet_v2_unit, lambda given: 2, {"stride": 1}),
)
UNITS: Mapping[str, Design] = MappingProxyType({str(one.unit): one for one in _UNITS})


def _on_image(spec: Node, h: Number, w: Number) -> Network:
    """A network on an RGB image no smaller than the product of its strides, as in `count`."""
    for name, size, smallest in zip("hw", (h, w), total_stride(spec), strict=True):
        check_at_least(name, size, smallest)
    return Network(spec, (1, 3, h, w))


def published_width(g: Number, instead: str = "--c and --stem") -> Number:
    """Channels of ShuffleNet V1's stage 4 in Table 1, for an int or an array of groups.

    Raises SpecError for other groups, with the options to give `instead`.
    """
    widths = shufflenet_v1.STAGE_WIDTHS
    width = sum(of[2] * (1 - indicator(g != groups)) for groups, of in widths.items())
    if isinstance(width, int) and width == 0:
        raise SpecError(
            f"g={g}: Table 1 has widths for g of {', '.join(map(str, widths))}; "
            f"for others give {instead}"
        )
    check_at_least("the published width", width, 1)
    return width


def _scaled_stem(v: Values, stem: int = 24, width: int | None = None) -> Number:
    """conv1's channels: `stem` at `width`, scaled with c, raised to a multiple of g.

    It must be one, because the first unit emits in g groups what conv1's channels leave of c/4.
    Without `width` it is the published one.
    """
    whole = (published_width(v["g"], "--stem") if width is None else width) * v["g"]
    return (stem * v["c"] + whole - 1) // whole * v["g"]


def _shufflenet_v1(
    c: Number, g: Number, stem: Number, h: Number, w: Number, classes: Number, **options: Any
) -> Network:
    """Stages of c/4, c/2 and c channels."""
    stages = (exact_div(c, 4), exact_div(c, 2), c)
    units = shufflenet_v1.SHALLOW_UNITS if options.pop("shallow", False) else shufflenet_v1.UNITS
    spec = shufflenet_v1.network(stages, stem, g, units=units, classes=classes, **options)
    return _on_image(spec, h, w)


def _shufflenet_v2(
    conv5: int, c: Number, h: Number, w: Number, classes: Number, **options: Any
) -> Network:
    """Stages of c/4, c/2 and c channels; conv1 and conv5 do not scale."""
    stages = (exact_div(c, 4), exact_div(c, 2), c)
    spec = shufflenet_v2.network(stages, conv5, classes=classes, **options)
    return _on_image(spec, h, w)


def _table4(
    c: Number, h: Number, w: Number, stem: Number, classes: Number, **options: Any
) -> Network:
    """Stages of c/4, c/2 and c channels in ShuffleNet's skeleton."""
    structure = options.get("structure", "resnet")
    stages = (exact_div(c, 4), exact_div(c, 2), c)
    return _on_image(table4.network(structure, stages, stem, classes=classes), h, w)


_TABLE4_STEPS = {"vgg": 4, "resnet": 16, "xception": 16, "resnext": 8 * table4.CARDINALITY}
_PUBLISHED_STAGE4 = {"vgg": 50, "resnet": 192, "xception": 288, "resnext": 192}


def _widened(
    base: Network,
    c: Number,
    h: Number,
    w: Number,
    classes: Number,
    g: Number | None = None,
) -> Network:
    return _on_image(widen(base.spec, base.input, c, groups=g, classes=classes), h, w)


def _network_design(
    name: str,
    build: Callable[..., Network],
    step: Callable[[Mapping[str, int]], int],
    variables: Mapping[str, int | Rule],
    size: int = 224,
) -> Design:
    return Design(name, build, {**variables, "h": size, "w": _square, "classes": 1000}, step)


def _design_shufflenet_v1(name: str, options: dict[str, Any]) -> Design:
    g, scale = options.pop("g", 3), options.pop("scale", None)
    variables: dict[str, int | Rule] = {
        "g": g,
        "c": lambda v: published_width(v["g"]),
        "stem": _scaled_stem,
    }
    if scale is not None:
        widths = shufflenet_v1.scaled_widths(g, scale)
        c = widths.stages[2]
        variables |= {"c": c, "stem": partial(_scaled_stem, stem=widths.stem, width=c)}
    build = partial(_shufflenet_v1, **options)
    return _network_design(name, build, lambda given: 16 * given["g"], variables)


def _design_shufflenet_v2(name: str, options: dict[str, Any]) -> Design:
    widths = shufflenet_v2.WIDTHS[options.pop("scale", 1.0)]
    build = partial(_shufflenet_v2, widths.conv5, **options)
    return _network_design(name, build, lambda given: 8, {"c": widths.stages[2]})


def _design_table4(name: str, options: dict[str, Any]) -> Design:
    structure = options.get("structure", "resnet")
    c = options.pop("stage4", _PUBLISHED_STAGE4[structure])
    variables = {"c": c, "stem": options.pop("stem", 12)}
    step = _TABLE4_STEPS[structure]
    return _network_design(name, partial(_table4, **options), lambda given: step, variables)


def _design_widened(family: str, name: str, options: dict[str, Any]) -> Design:
    base = zoo.build(family, **options)
    variables: dict[str, int | Rule] = {"c": last_width(base.spec, base.input)}
    if family == "resnext":
        variables["g"] = options.get("cardinality", 32)

    def step(given: Mapping[str, int]) -> int:
        return width_step(base.spec, base.input, given.get("g"))

    return _network_design(name, partial(_widened, base), step, variables, base.input[2])


# Each network family's maker, and those of its options that are not variables here.
_Maker: TypeAlias = Callable[[str, dict[str, Any]], Design]
_NETWORKS: dict[str, tuple[_Maker, tuple[str, ...]]] = {
    "alexnet": (partial(_design_widened, "alexnet"), ("layout",)),
    "googlenet": (partial(_design_widened, "googlenet"), ("layout",)),
    "mobilenet_v1": (
        partial(_design_widened, "mobilenet_v1"),
        ("separable", "shallow", "last_stride"),
    ),
    "resnet": (partial(_design_widened, "resnet"), ("depth", "stride_in", "shortcut")),
    "resnext": (partial(_design_widened, "resnext"), ("depth", "cardinality", "width")),
    "shufflenet_v1": (_design_shufflenet_v1, ("g", "shuffle", "se", "shallow", "layout")),
    "shufflenet_v1_table4": (_design_table4, ("structure",)),
    "shufflenet_v2": (_design_shufflenet_v2, ("block",)),
    "squeezenet": (partial(_design_widened, "squeezenet"), ("version", "ceil", "conv10_padding")),
    "vgg": (partial(_design_widened, "vgg"), ("depth",)),
}


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


def names() -> list[str]:
    """Every design: the networks, then the units."""
    return [*_NETWORKS, *(design.name for design in UNITS.values())]


def find_design(text: str) -> Design:
    """A network family, with options as `family@option=value,…`, or a unit as `shufflenet_unit`.

    A published variant stands for its family with its options, and its width for c where none is
    given. Raises UnknownNameError, InputError for an option that is no choice here.
    """
    name, at, chosen = text.partition("@")
    by_name = {design.name: design for design in UNITS.values()}
    if not at and (name in by_name or (name in UNITS and name not in _NETWORKS)):
        return by_name.get(name) or UNITS[name]
    if name in zoo.names() and not at:
        model = zoo.find(name)
        family, options = model.family, dict(model.options)
        if "rounding" in options:
            raise InputError(
                f"{text}: its widths are rounded one by one, so it is not {family} at any --c; "
                f"name {family} and give --c"
            )
        return _NETWORKS[family][0](text, options)
    if name not in _NETWORKS:
        raise UnknownNameError("network or unit", name, names())
    options = zoo.parse_options(name, chosen)
    make, allowed = _NETWORKS[name]
    for option in options:
        if option not in allowed:
            raise InputError(
                f"{text}: option {option} is a variable here (--c, --g, --h, --w, --classes); "
                f"options of {name} are {', '.join(allowed)}"
            )
    return make(text, options)


def find_unit(name: str) -> Design:
    """The unit of this name. Raises UnknownNameError."""
    if name not in UNITS:
        raise UnknownNameError("unit", name, UNITS)
    return UNITS[name]
