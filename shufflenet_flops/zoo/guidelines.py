"""The blocks by which ShuffleNet V2 measures its guidelines G1 to G4 (section 2, Tables 1 to 4).

Each is stacked `blocks` times on a map of c channels. The paper says nothing of batch norm, so
there is none.
"""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import Add, Conv2d, Identity, Node, Number, ReLU, Seq, seq
from shufflenet_flops.spec.numbers import check_at_least, check_divisible, exact_div
from shufflenet_flops.zoo.registry import Network, derived, family, same_height


def _stacked(block: Node, blocks: int, c: Number, h: Number, w: Number) -> Network:
    check_at_least("blocks", blocks, 1)
    return Network(seq(*[block] * blocks), (1, c, h, w))


@family("ShuffleNet V2, section 2, G1 and Table 1", unit="guideline_1", step=lambda given: 1)
def guideline_1(
    c: Number = 128,
    n: Number = derived(lambda options: options["c"]),
    h: Number = 56,
    w: Number = derived(same_height),
    blocks: int = 10,
) -> Network:
    """Equal channel widths: 1x1 convolutions from c to n channels and back."""
    return _stacked(seq(Conv2d(c, n), Conv2d(n, c)), blocks, c, h, w)


@family(
    "ShuffleNet V2, section 2, G2 and Table 2", unit="guideline_2", step=lambda given: given["g"]
)
def guideline_2(
    c: Number = 128,
    g: Number = 1,
    h: Number = 56,
    w: Number = derived(same_height),
    blocks: int = 10,
) -> Network:
    """Group convolution: 1x1 convolutions of c channels in g groups."""
    return _stacked(Conv2d(c, c, groups=g), blocks, c, h, w)


def _in_parallel(conv: Node, fragments: int) -> Node:
    """As many as 1, 2 or 4 on the same map, added up two by two."""
    if fragments == 1:
        return conv
    half = _in_parallel(conv, fragments // 2)
    return Add((("0", half), ("1", half)))


@family("ShuffleNet V2, section 2, G3 and Table 3", unit="guideline_3", step=lambda given: 1)
def guideline_3(
    c: Number = 128,
    fragments: Literal[1, 2, 4] = 1,
    order: Literal["series", "parallel"] = "series",
    h: Number = 56,
    w: Number = derived(same_height),
    blocks: int = 10,
) -> Network:
    """Fragmentation: 1x1 convolutions of c channels in series, or in parallel and then added up.

    Blocks of k fragments cost the same with 1/sqrt(k) of the channels.
    """
    block: Node = seq(*[Conv2d(c, c)] * fragments)
    if order == "parallel":
        block = _in_parallel(Conv2d(c, c), fragments)
    return _stacked(block, blocks, c, h, w)


@family("ShuffleNet V2, section 2, G4 and Table 4", unit="guideline_4", step=lambda given: 4)
def guideline_4(
    c: Number = 128,
    relu: bool = True,
    shortcut: bool = True,
    h: Number = 56,
    w: Number = derived(same_height),
    blocks: int = 10,
) -> Network:
    """Element-wise ops: ResNet's bottleneck of c channels, without its ReLUs or its shortcut."""
    check_divisible("c", c, "the bottleneck's ratio", 4)
    m = exact_div(c, 4)
    convs = (Conv2d(c, m), Conv2d(m, m, 3, 1, 1), Conv2d(m, c))
    act: dict[str, Node] = {"relu": ReLU} if relu else {}
    branch = seq(*(seq(conv=conv, **(act if conv is not convs[-1] else {})) for conv in convs))
    if shortcut:
        joined = Add((("branch", branch), ("shortcut", Identity())), after=tuple(act.items()))
        return _stacked(joined, blocks, c, h, w)
    return _stacked(Seq((("branch", branch), *act.items())), blocks, c, h, w)
