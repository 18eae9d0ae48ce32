"""Names of networks: families with options, published variants, globs, did-you-mean."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.spec import Node, Shape


@dataclass(frozen=True)
class Network:
    """A spec and the input shape (batch first) at which its source counts it."""

    spec: Node
    input: Shape = (1, 3, 224, 224)


@dataclass(frozen=True)
class Model:
    """A network found by name: `family@options` or a published variant's name."""

    name: str
    family: str
    options: Mapping[str, Any]
    spec: Node
    input: Shape


@dataclass(frozen=True)
class _Family:
    build: Callable[..., Network]
    source: str


_FAMILIES: dict[str, _Family] = {}
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {}


def family(source: str) -> Callable[[Callable[..., Network]], Callable[..., Network]]:
    """Register a function as the family of its name; its annotated parameters are its options."""

    def register(build: Callable[..., Network]) -> Callable[..., Network]:
        _claim(build.__name__)
        _FAMILIES[build.__name__] = _Family(build, source)
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


def _natural(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def names(pattern: str = "*") -> list[str]:
    """Names of published variants that match a glob, numbers in numeric order."""
    return sorted(fnmatch.filter(_VARIANTS, pattern), key=_natural)


def families() -> dict[str, str]:
    """Each family's name with the source it follows."""
    return {name: _FAMILIES[name].source for name in sorted(_FAMILIES)}


def family_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a family by name, with their defaults."""
    return dict(inspect.signature(_find_family(name).build).parameters)


def find(name: str) -> Model:
    """The network of this name: a variant, a family, or `family@option=value,…`.

    Raises UnknownNameError with the closest names, InputError for a bad option,
    SpecError where the options give a network that cannot exist.
    """
    base, at, text = name.partition("@")
    if base in _VARIANTS and not at:
        family_name, options = _VARIANTS[base]
    else:
        family_name, options = base, parse_options(base, text) if at else {}
    network = build(family_name, **options)
    return Model(name, family_name, options, network.spec, network.input)


def build(family_name: str, **options: Any) -> Network:
    """The network that a family makes of typed options."""
    return _find_family(family_name).build(**options)


def _find_family(name: str) -> _Family:
    try:
        return _FAMILIES[name]
    except KeyError:
        raise UnknownNameError(
            "model", name, [*_VARIANTS, *_FAMILIES], hint="`shufflenet-flops models` lists them"
        ) from None


def parse_options(family_name: str, text: str) -> dict[str, Any]:
    """`option=value,option=value` as the family's typed options.

    Raises InputError or UnknownNameError.
    """
    hints = get_type_hints(_find_family(family_name).build)
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(
                f"{family_name}@{text}: {part!r} is not an option; write option=value,option=value"
            )
        if key not in family_options(family_name):
            raise UnknownNameError(f"option of {family_name}", key, family_options(family_name))
        if key in options:
            raise InputError(f"{family_name}@{text}: option {key!r} is given twice")
        options[key] = _parse_value(f"{family_name}@{key}", value, hints[key])
    return options


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
                return kind(text)
            except ValueError:
                raise InputError(f"{where}={text}: must be {what}") from None
    raise InputError(f"{where} cannot be set by name")
