"""Which model of one lock is which of another: by a key, or by the layers that both have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from shufflenet_flops.budget.block import Block

LIKE = 0.5  # the least share of identical layers of a model that got another name and changed


def matched(
    old: list[Block], new: list[Block], key: Callable[[Block], Hashable]
) -> Iterator[tuple[Block, Block]]:
    """Pairs with the same key, each block once; what is paired leaves its list."""
    waiting: dict[Hashable, list[Block]] = defaultdict(list)
    for block in old:
        waiting[key(block)].append(block)
    for right in list(new):
        if same_key := waiting[key(right)]:
            left = same_key.pop(0)
            old.remove(left)
            new.remove(right)
            yield left, right


def alike(old: list[Block], new: list[Block]) -> list[tuple[Block, Block]]:
    """Pairs of which each is the one best match of the other; what is paired leaves its list.

    A match is on the same input and under the same convention, and at least half of the layers
    that count or have parameters, of whichever model has more of them, are identical but for
    their names.
    """
    lefts, rights = ([_layers(block) for block in blocks] for blocks in (old, new))
    shares = [
        [
            _share(left, right) if _terms(old[i]) == _terms(new[j]) else 0.0
            for j, right in enumerate(rights)
        ]
        for i, left in enumerate(lefts)
    ]
    best_new = list(map(_best, shares))
    best_old = list(map(_best, zip(*shares, strict=True)))
    pairs = [(old[i], new[j]) for i, j in enumerate(best_new) if j is not None and best_old[j] == i]
    for left, right in pairs:
        old.remove(left)
        new.remove(right)
    return pairs


def _terms(block: Block) -> Hashable:
    return block.inputs, block.convention


def _layers(block: Block) -> Counter[Hashable]:
    return Counter((*layer.structure, layer.params) for layer in block.layers)


def _share(left: Counter[Hashable], right: Counter[Hashable]) -> float:
    more = max(left.total(), right.total())
    return (left & right).total() / more if more else 0.0


def _best(shares: Sequence[float]) -> int | None:
    """Where the largest share is; None where that is too little, or is there twice."""
    largest = max(shares, default=0.0)
    return shares.index(largest) if largest >= LIKE and shares.count(largest) == 1 else None
