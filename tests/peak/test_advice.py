"""What would lower a peak is what a model changed so takes, to the byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.peak.advice import advice
from shufflenet_flops.peak.timeline import Moment, Storage, Timeline
from shufflenet_flops.trace import trace
from tests.support.torch_versions import checkpoint_without_reentrance


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
    )  # fmt: skip


class Again(nn.Sequential):
    """A block that is checkpointed."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(super().forward, x, use_reentrant=False)
        return y


def net(again: Collection[str] = ()) -> nn.Module:
    """Three blocks, of which some may be checkpointed.

    The peak is before the way back comes to the first two. Of a block that was checkpointed torch
    itself keeps the result until the garbage collector finds it, which comes to more after that.
    """
    blocks = {"first": _block(3, 8), "second": _block(8, 16), "third": _block(16, 16)}
    parts = {name: Again(*block) if name in again else block for name, block in blocks.items()}
    last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1))
    return nn.Sequential(OrderedDict(**parts, last=last))


def step(model: nn.Module) -> Timeline:
    image = torch.empty(4, 3, 32, 32, device="meta")
    return trace(model.to("meta"), image, training=True, memory=True, step=ALL).timeline


@checkpoint_without_reentrance
def test_a_checkpointed_block_takes_what_the_advice_says() -> None:
    plain = step(net())
    advised = {one.change: one.bytes for one in advice(plain, training=True)}

    assert len(advised) >= 2
    for change, size in advised.items():
        block = change.removeprefix("checkpoint ")
        assert step(net({block})).peak_bytes == size < plain.peak_bytes, change


def test_activations_in_place_take_what_the_advice_says() -> None:
    """A wide activation between two narrow layers: twice 32 x 64 numbers, or once."""

    def wide(inplace: bool) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 64), nn.ReLU(inplace), nn.Linear(64, 2))

    x = torch.empty(32, 2)
    plain, changed = (trace(wide(flag), x, memory=True).timeline for flag in (False, True))
    (found,) = advice(plain, training=False)

    assert plain.peak_bytes == plain.held_bytes + 2 * 4 * 32 * 64
    assert found.change == "1 activation in place"
    assert found.bytes == changed.peak_bytes < plain.peak_bytes
    assert advice(changed, training=False) == ()


def test_what_is_read_later_is_not_written_over() -> None:
    """Two activations: the input of the second is alive after it."""

    def made(size: int, born: int, died: int, op: str) -> Storage:
        return Storage(size, born, died, (size,), "float32", "", op)

    moments = tuple(Moment("", op) for op in ("convolution", "relu", "relu", "add"))
    read = (
        made(8, 0, 2, "convolution"),
        made(8, 1, 4, "relu"),
        made(8, 2, 4, "relu"),
        made(4, 3, 4, "add"),
    )
    kept = (read[0], read[1]._replace(died=4), read[2], read[3])

    # Over the convolution, but the first activation is added to the second one.
    assert advice(Timeline({}, moments, kept), training=False) == ()
    chain = (*read[:1], read[1]._replace(died=2))
    (only,) = advice(Timeline({"parameters": 3}, moments[:2], chain), training=False)
    assert (only.change, only.bytes) == ("1 activation in place", 3 + 8)
