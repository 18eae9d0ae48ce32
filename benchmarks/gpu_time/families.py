"""Which networks are relatives, so that none is predicted from its own family."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.gpu_time.traced import Traced

# Who trained it, or where it comes from: before the name of the network itself.
_BEFORE = re.compile(r"(?:(?:adv|ens|gluon|ig|legacy|ssl|swsl|test|tf|tv)_)*")


def stem(model: str) -> str:
    """The first letters of a network's name, as `resnet` of `tf_resnet50_gn` and `test_resnet`."""
    match = re.match("[a-z]+", _BEFORE.sub("", model, count=1))
    return match[0] if match else model


def families(networks: Iterable[Traced]) -> dict[str, str]:
    """The family of each model, named after the module of timm that has most of it.

    Networks of one module are relatives, and so are those whose names begin alike, and the
    relatives of relatives.
    """
    found = list(networks)
    modules = [network.module for network in found]
    stems = [stem(network.model) for network in found]
    names = {name: i for i, name in enumerate(dict.fromkeys((*modules, *stems)))}
    ends = [names[name] for name in modules], [names[name] for name in stems]
    size = len(names)
    _, component = connected_components(coo_array(([1] * len(found), ends), shape=(size, size)))
    members: dict[int, Counter[str]] = {}
    for module in modules:
        members.setdefault(component[names[module]], Counter())[module] += 1
    titles = {number: count.most_common(1)[0][0] for number, count in members.items()}
    return {network.model: titles[component[names[network.module]]] for network in found}
