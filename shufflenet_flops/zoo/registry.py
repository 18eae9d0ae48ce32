"""Names of networks: families with options, published variants, globs, did-you-mean."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from shufflenet_flops.errors import InputError, SpecError, UnknownNameError
from shufflenet_flops.spec import Node, Number, Shape
from shufflenet_flops.spec.numbers import whole

Values: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Values], Any]


IMAGE = (1, 3, 224, 224)


@dataclass(frozen=True)
class Network:
    """A spec and the input shape (batch first) at which its source counts it."""

    spec: Node = field(repr=False)
    input: Shape = IMAGE


@dataclass(frozen=True)
class Model:
    """A network found by name: `family@options` or a published variant's name."""

    name: str
    family: str
    options: Mapping[str, Any]
    spec: Node = field(repr=False)
    input: tuple[int, ...]


@dataclass(frozen=True)
class Derived:
    """The default of an option that follows from the others, by name."""

    rule: Rule


def derived(rule: Rule) -> Any:
    """As an option's default: what `rule` makes of the options before it and of plain defaults."""
    return Derived(rule)


def same_height(options: Values) -> Any:
    """As the rule for an input's width w: the map is square unless both are given."""
    return options["h"]


@dataclass(frozen=True)
class Family:
    """A function that makes networks, registered under its name.

    Its annotated parameters are its options. Those that are a `Number` may be ints, symbols or
    arrays. `unit` is what commands call a unit by for short. Where one of the options is the width
    c, `step` says what every valid c is a multiple of, given the other options; a family without c
    is widened as a whole (`width_scaling`).
    """

    name: str
    make: Callable[..., Network]
    source: str
    unit: str | None
    step: Callable[[Values], int] | None

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's parameters."""
        return inspect.signature(self.make)

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The options by name, with their defaults."""
        return {name: option.default for name, option in self.signature.parameters.items()}

    @cached_property
    def hints(self) -> Mapping[str, Any]:
        """The options' types."""
        return get_type_hints(self.make)

    @property
    def variables(self) -> list[str]:
        """The options that are numbers to vary; a stride is one, though it has two values.

        A resolution is none: the input's height and width are.
        """
        return [
            name
            for name in self.options
            if name == "stride" or (self.hints[name] == Number and name != "resolution")
        ]

    def fill(self, options: Values) -> dict[str, Any]:
        """All options: `options` where it has them, and defaults for the rest.

        Raises SpecError where a rule cannot be kept.
        """
        filled = {
            name: options.get(name, default)
            for name, default in self.options.items()
            if name in options or not isinstance(default, Derived)
        }
        for name, default in self.options.items():
            if name not in filled:
                filled[name] = default.rule(filled)
        return filled

    def build(self, **options: Any) -> Network:
        """The network with these options. Raises SpecError where the function makes none."""
        network = self.make(**self.fill(options))
        if not isinstance(network, Network):
            what = type(network).__name__
            raise SpecError(
                f"{self.name} must return a Network(spec, input), and returned a {what}"
            )
        return network


_FAMILIES: dict[str, Family] = {}
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {}


def family(
    source: str,
    *,
    unit: str | None = None,
    step: Callable[[Values], int] | None = None,
) -> Callable[[Callable[..., Network]], Callable[..., Network]]:
    """Register a function as the family of its name (see `Family`)."""

    def register(make: Callable[..., Network]) -> Callable[..., Network]:
        _claim(make.__name__)
        registered = Family(make.__name__, make, source, unit, step)
        if ("c" in registered.options) != (step is not None):
            raise TypeError(f"{make.__name__}: a family with a width c says its step, and no other")
        for option in registered.signature.parameters.values():
            if option.empty in (option.default, option.annotation):
                raise TypeError(
                    f"{make.__name__}: the option {option.name} needs a type and a default, as in "
                    f"{option.name}: Number = 64"
                )
        _FAMILIES[make.__name__] = registered

        @wraps(make)
        def build(*values: Any, **options: Any) -> Network:
            return registered.build(
                **registered.signature.bind_partial(*values, **options).arguments
            )

        return build

    return register


def variant(name: str, family_name: str, **options: Any) -> None:
    """Register a published network as a family with options; it may bear the family's name."""
    if name != family_name or name in _VARIANTS:
        _claim(name)
    _VARIANTS[name] = (family_name, options)


def _claim(name: str) -> None:
    if name in _FAMILIES or name in _VARIANTS:
        raise ValueError(f"the zoo already has a network named {name!r}")


@cache
def _find_all() -> None:
    """Import every module of this folder, so that its families and variants are known."""
    for module in iter_modules([str(Path(__file__).parent)]):
        import_module(f"{__package__}.{module.name}")


def _natural(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def names(pattern: str = "*") -> list[str]:
    """Names of published variants that match a glob, numbers in numeric order."""
    _find_all()
    return sorted(fnmatch.filter(_VARIANTS, pattern), key=_natural)


def expand(text: str) -> list[str]:
    """The published variants that a glob such as `regnet_x*` matches, or else the text itself."""
    is_glob = any(sign in text for sign in "*?[") and ":" not in text
    return (is_glob and names(text)) or [text]


def families() -> dict[str, Family]:
    """The families by name."""
    _find_all()
    return dict(sorted(_FAMILIES.items()))


def find_family(name: str) -> Family:
    """The family of this name. Raises UnknownNameError with the closest names."""
    _find_all()
    try:
        return _FAMILIES[name]
    except KeyError:
        raise UnknownNameError(
            "model", name, [*_VARIANTS, *_FAMILIES], hint="`shufflenet-flops models` lists them"
        ) from None


def parse_name(name: str) -> tuple[Family, dict[str, Any]]:
    """A variant, a family, or `family@option=value,…` as the family and the options given.

    Raises UnknownNameError with the closest names, InputError for a bad option.
    """
    _find_all()
    base, at, text = name.partition("@")
    if base in _VARIANTS and not at:
        family_name, options = _VARIANTS[base]
        return find_family(family_name), dict(options)
    if base in _VARIANTS and base not in _FAMILIES:
        family = find_family(_VARIANTS[base][0])
        raise InputError(
            f"{name}: {base} is one network of the family {family.name}, which has the options "
            f"{', '.join(family.options)}: write {family.name}@OPTION=VALUE"
        )
    return find_family(base), _parse_options(find_family(base), text) if at else {}


def find(name: str) -> Model:
    """The network of this name, as `parse_name` takes it.

    Raises as that does, and SpecError where the options give a network that cannot exist.
    """
    family, options = parse_name(name)
    network = family.build(**options)
    return Model(name, family.name, options, network.spec, tuple(map(whole, network.input)))


def _parse_options(family: Family, text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = (one.strip() for one in part.partition("="))
        if not equals:
            raise InputError(
                f"{family.name}@{text}: {part!r} is not an option; write option=value,option=value"
            )
        if key not in family.options:
            raise UnknownNameError(f"option of {family.name}", key, family.options)
        if key in options:
            raise InputError(f"{family.name}@{text}: option {key!r} is given twice")
        options[key] = _parse_value(f"{family.name}@{key}", value, family.hints[key])
    return options


_LARGEST = 2**63


def _parse_value(where: str, text: str, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        choices = {str(choice): choice for choice in get_args(hint)}
        if text not in choices:
            raise InputError(f"{where}={text}: must be one of {', '.join(choices)}")
        return choices[text]
    kinds = get_args(hint) or (hint,)
    if bool in kinds:
        flags = {"true": True, "false": False}
        if text.lower() not in flags:
            raise InputError(f"{where}={text}: must be true or false")
        return flags[text.lower()]
    for kind, what in ((int, "a whole number"), (float, "a number")):
        if kind in kinds:
            try:
                value = kind(text)
            except ValueError:
                raise InputError(f"{where}={text}: must be {what}") from None
            if not abs(value) < _LARGEST:
                raise InputError(f"{where}={text}: must be {what} below 2^63")
            return value
    raise InputError(f"{where} cannot be set by name")
