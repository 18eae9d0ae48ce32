"""What a family is scaled by: multipliers of its width and depth, and the side of its image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import Number
from shufflenet_flops.zoo.registry import Family, parse_name

Scale: TypeAlias = int | float

# What each is called among the options of the families that have it.
CALLED: Mapping[str, tuple[str, ...]] = {
    "phi": ("phi",),
    "width": ("width", "alpha", "scale"),
    "depth": ("depth",),
    "resolution": ("resolution",),
}

DECIMAL = frozenset(CALLED) - {"resolution"}


def scale_options(family: Family) -> dict[str, str]:
    """The scales that a family has, each with the name of its option."""
    return {
        scale: option
        for scale, names in CALLED.items()
        for option in names
        if option in family.options
    }


def is_image_size(family: Family) -> bool:
    """Whether the same network takes any resolution, which its input's height and width then are.

    A network that learns an embedding of positions is another one at each.
    """
    return bool(family.hints.get("resolution", Number) == Number)


def scaled(name: str, scales: Mapping[str, Scale]) -> str:
    """The network `name` at these scales: of mobilenet_v2 at width 0.35 `mobilenet_v2@alpha=0.35`.

    A published variant's own scales give way, all of them. Raises InputError for a scale that the
    family does not have, and for one that `name` sets among its options.
    """
    family, options = parse_name(name)
    known = scale_options(family)
    for scale in scales:
        if scale not in known:
            raise InputError(f"--{scale}: {family.name} has no such option")
        if "@" in name and known[scale] in options:
            raise InputError(f"--{scale}: {name} says its {known[scale]} already; leave one out")
    if "@" not in name:
        options = {key: value for key, value in options.items() if key not in known.values()}
    values = {**options, **{known[scale]: value for scale, value in scales.items()}}
    text = ",".join(f"{option}={value}" for option, value in values.items())
    return f"{family.name}@{text}" if text else family.name
