"""What attention within windows does to tensors: the ops of `spec.window_ops` as modules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from shufflenet_flops import spec
from shufflenet_flops.spec import window_ops
from shufflenet_flops.spec.numbers import whole

Function = Callable[[Tensor], Tensor]
Merge = Callable[[Tensor, Tensor], Tensor]


class View(nn.Module):
    """A function of its input that has no state: by other axes, in part, cut or moved."""

    def __init__(self, view: Function) -> None:
        super().__init__()
        self.view = view

    def forward(self, x: Tensor) -> Tensor:
        return self.view(x)


def _pad(x: Tensor, multiple: int) -> Tensor:
    down, across = (-size % multiple for size in x.shape[1:3])
    return nn.functional.pad(x, (0, 0, 0, across, 0, down)) if down or across else x


def _roll(x: Tensor, window: int, *, back: bool) -> Tensor:
    """By half a window along those axes on which there are several."""
    shift = window // 2 if back else -(window // 2)
    axes = [axis for axis in (1, 2) if x.shape[axis] > window]
    return torch.roll(x, [shift] * len(axes), axes) if axes else x


def _cut(x: Tensor, window: int) -> Tensor:
    n, h, w, c = x.shape
    parts = x.view(n, h // window, window, w // window, window, c)
    return parts.transpose(2, 3).flatten(3, 4)


def _put_together(x: Tensor, window: int) -> Tensor:
    n, rows, columns, _, c = x.shape
    parts = x.view(n, rows, columns, window, window, c).transpose(2, 3)
    return parts.flatten(3, 4).flatten(1, 2)


def _merge_heads(x: Tensor) -> Tensor:
    return x.transpose(3, 4).flatten(4)


def _merge_patches(x: Tensor) -> Tensor:
    """In the order of the authors' release: down before across."""
    return torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], dim=-1)


class DistanceTable(nn.Module):
    """For each head and pair of tokens the number that is learned for their distance."""

    indices: Tensor

    def __init__(self, window: int, heads: int) -> None:
        super().__init__()
        reach = 2 * window - 1
        self.distances = nn.Parameter(torch.zeros(reach * reach, heads))
        place = torch.arange(window)
        apart = place[:, None] - place + window - 1
        down, across = apart[:, None, :, None], apart[None, :, None, :]
        self.register_buffer("indices", (down * reach + across).flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.shape[3]
        return self.distances[self.indices].view(tokens, tokens, -1).permute(2, 0, 1)


class NeighbourMask(nn.Module):
    """For each window -100 where two tokens were no neighbours before the shift, else 0."""

    kinds: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        # A window is the last of its row, of its column, of both or of neither: four kinds.
        late = torch.arange(window) >= window - window // 2
        down, across = torch.meshgrid(late, late, indexing="ij")
        parts = [across.int() * is_last + 2 * down.int() * is_low for is_low, is_last in _KINDS]
        part = torch.stack(parts).flatten(1)
        mask = (part[:, :, None] != part[:, None, :]).float() * -100.0
        self.register_buffer("kinds", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns, tokens = x.shape[1:4]
        if rows == columns == 1:
            return self.kinds[0].view(1, 1, 1, tokens, tokens)
        kinds = [
            _KINDS.index((1 < rows == row, 1 < columns == column))
            for row in range(1, rows + 1)
            for column in range(1, columns + 1)
        ]
        mask = torch.stack([self.kinds[kind] for kind in kinds])
        return mask.view(rows, columns, 1, tokens, tokens)


_KINDS = [(False, False), (False, True), (True, False), (True, True)]


def _masked(position: Tensor, mask: Tensor) -> Tensor:
    """The positions alone where windows are not shifted."""
    return position + mask if mask.shape[:2] != (1, 1) else position


def _attention(qkv: Tensor, bias: Tensor) -> Tensor:
    parts = qkv.view(*qkv.shape[:-1], 3, bias.shape[-3], -1)
    queries, keys, values = parts.permute(4, 0, 1, 2, 5, 3, 6)
    return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)


def _crop(x: Tensor, whole_map: Tensor) -> Tensor:
    return x[:, : whole_map.shape[1], : whole_map.shape[2]]


MERGES: dict[type[spec.Join], Merge] = {
    spec.AddMask: _masked,
    spec.WindowAttention: _attention,
    spec.Crop: _crop,
}


def window_module(op: window_ops.Move) -> nn.Module:
    """The module of an op on windows. Raises TypeError for one that it does not know."""
    match op:
        case spec.PadToMultiple():
            return View(partial(_pad, multiple=whole(op.multiple)))
        case spec.CyclicShift():
            return View(partial(_roll, window=whole(op.window), back=op.back))
        case spec.ToWindows():
            return View(partial(_cut, window=whole(op.window)))
        case spec.FromWindows():
            return View(partial(_put_together, window=whole(op.window)))
        case spec.MergeHeads():
            return View(_merge_heads)
        case spec.MergePatches():
            return View(_merge_patches)
        case spec.RelativePosition():
            return DistanceTable(whole(op.window), whole(op.heads))
        case spec.ShiftMask():
            return NeighbourMask(whole(op.window))
    raise TypeError(f"no module is known for {type(op).__name__}")
