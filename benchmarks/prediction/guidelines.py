"""ShuffleNet V2's four guidelines, each as networks that do as many MACs, but for the last."""

from __future__ import annotations

from shufflenet_flops.spec import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Identity,
    Node,
    ReLU,
    seq,
)

SIZE = 56  # of the map, as in ShuffleNet V2, section 3
_TIMES = 10  # as often is each block repeated there

Networks = dict[str, tuple[Node, tuple[int, ...]]]


def guidelines() -> dict[str, Networks]:
    """Networks by guideline, those that it holds for fast first."""
    return {
        "G1: equal channel width minimises memory access": {
            f"{c}:{n}": _on(c, seq(a=Conv2d(c, n), b=Conv2d(n, c)))
            for c, n in ((128, 128), (90, 180), (52, 312), (36, 432))
        },
        "G2: excessive group convolution increases memory access": {
            f"g={g}": _on(c, seq(a=Conv2d(c, c, groups=g), b=Conv2d(c, c, groups=g)))
            for g, c in ((1, 128), (2, 180), (4, 256), (8, 360))
        },
        "G3: fragmentation reduces parallelism": {
            "1 fragment": _on(128, seq(a=Conv2d(128, 128))),
            "2 in series": _on(128, seq(a=Conv2d(128, 64), b=Conv2d(64, 128))),
            "2 in parallel": _on(128, _beside(2)),
            "4 in parallel": _on(128, _beside(4)),
        },
        "G4: element-wise operations are not negligible": {
            "neither": _on(128, _bottleneck(relu=False, shortcut=False)),
            "ReLU": _on(128, _bottleneck(relu=True, shortcut=False)),
            "shortcut": _on(128, _bottleneck(relu=False, shortcut=True)),
            "both": _on(128, _bottleneck(relu=True, shortcut=True)),
        },
    }


def _on(c: int, block: Node) -> tuple[Node, tuple[int, ...]]:
    return seq(*[block] * _TIMES), (1, c, SIZE, SIZE)


def _beside(number: int) -> Node:
    """Convolutions to a part of the channels each, side by side."""
    branches = ((f"branch{i}", Conv2d(128, 128 // number)) for i in range(number))
    return Concat(tuple(branches))


def _bottleneck(*, relu: bool, shortcut: bool) -> Node:
    act = {"relu1": ReLU} if relu else {}
    last = {"relu2": ReLU} if relu else {}
    branch = seq(
        reduce=Conv2d(128, 32),
        bn1=BatchNorm(32),
        **act,
        conv=Conv2d(32, 32, 3, 1, 1),
        expand=Conv2d(32, 128),
        bn2=BatchNorm(128),
    )
    if not shortcut:
        return seq(branch=branch, **last)
    return Add((("branch", branch), ("shortcut", Identity())), after=tuple(last.items()))
