"""Which sizes a formula may be over, from everything to nothing but the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.samples import Samples
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.counting import Row

Over = Mapping[str, Range | None]


def everything(samples: Samples, over: Over) -> Domain:
    """All sizes from the model's own up, and the ranges that are given.

    Models tell batches of one apart, where a copy is saved; they are tried at the end.
    """
    base = samples.model.base
    return Domain(
        {
            name: given or Range(2 if name == "n" else base[name], own=True)
            for name, given in over.items()
        }
    )


def narrower(samples: Samples, over: Over) -> Iterator[Domain]:
    """Sizes that strides divide, or the model's own, or squares of them, as the model takes them.

    Few traces tell which there is any use in trying.
    """
    whole = everything(samples, over)
    maps = [name for name, given in over.items() if given is None and name != "n"]
    if not maps:
        return
    base, n = samples.model.base, {name: 3 for name in over if name == "n"}
    if n and not samples.takes({**samples.own, **n}):
        n = {"n": base["n"]}
        whole = _with(whole, {"n": Range(base["n"], 1, base["n"])})
    times = {name: (2 + i) * base[name] for i, name in enumerate(maps)}
    if samples.takes({**samples.own, **times, **n}):
        yield from _stepped(samples, whole, maps)
    elif len(maps) == 2 and base[maps[0]] == base[maps[1]]:
        twice = dict.fromkeys(maps, 2 * base[maps[0]])
        if samples.takes({**samples.own, **twice, **n}):
            squares = replace(whole, square=(maps[0], maps[1]))
            yield from _stepped(samples, squares, maps)


def fixed(samples: Samples, over: Over) -> Domain | None:
    """The model's own sizes, and every batch; None where that leaves nothing free."""
    own = {
        name: Range(samples.model.base[name], 1, samples.model.base[name])
        for name, given in over.items()
        if given is None and name != "n"
    }
    whole = everything(samples, over)
    return _with(whole, own) if own and len(own) < len(over) else None


def _stepped(samples: Samples, whole: Domain, maps: Sequence[str]) -> Iterator[Domain]:
    """Sizes that leave the rest of the model's own by what its strides come to, or by itself."""
    base = samples.model.base
    own = {name: base[name] for name in maps}
    strides = _strides(samples.at(samples.own), base, maps)
    twice = {name: 2 * stride for name, stride in strides.items()}
    # Halvings that no stride tells, as of a map of which four neighbours are joined.
    halved = {name: size & -size for name, size in own.items()}
    tried: list[Sizes] = [dict.fromkeys(maps, 1)]
    # What is taken and not explained, as windows by the size of the map, takes coarser steps.
    for steps in (halved, own) if samples.is_unexplained else (strides, twice, halved, own):
        if steps not in tried and all(steps[name] <= own[name] for name in maps):
            tried.append(steps)
            yield _with(whole, {name: Range(base[name], steps[name], own=True) for name in maps})


def _with(domain: Domain, ranges: Mapping[str, Range]) -> Domain:
    return replace(domain, ranges={**domain.ranges, **ranges})


def _strides(rows: Sequence[Row], base: Sizes, names: Sequence[str]) -> dict[str, int]:
    """For each size, by how much the smallest map is smaller, where that is a whole number."""
    maps = [row.output[2:] for row in rows if row.stride] or [row.output[1:] for row in rows]
    extents = {size for shape in maps for size in shape}
    return {
        name: max(
            (base[name] // size for size in extents if base[name] % size == 0 and size > 1),
            default=1,
        )
        for name in names
    }
