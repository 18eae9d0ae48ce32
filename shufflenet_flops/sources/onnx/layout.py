"""How values of a graph would lie in memory in torch: what it views, and what it has to copy.

A graph says nothing of memory. Torch makes views of transposes, slices and splits, and a reshape
copies where no view does: a channel shuffle is two views and a copy. The same is done here, so that
a graph moves what the module moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.counting.row import IntShape

Strides = tuple[int, ...]


def contiguous(shape: IntShape) -> Strides:
    """Strides in elements of a tensor without gaps, the last axis fastest."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def permuted(strides: Strides, order: Sequence[int] | None) -> Strides:
    """After a transpose; without an order the axes are reversed."""
    return tuple(strides[axis] for axis in order) if order else strides[::-1]


def expanded(shape: IntShape, strides: Strides, to: IntShape) -> Strides:
    """After a broadcast to another shape: a repeated axis has stride 0."""
    new = len(to) - len(shape)
    kept = (
        0 if size == 1 != wide else stride
        for size, stride, wide in zip(shape, strides, to[new:], strict=True)
    )
    return (0,) * new + tuple(kept)


def sliced(strides: Strides, axes: Sequence[int], steps: Sequence[int]) -> Strides:
    """After a slice that takes every so many elements of some axes."""
    stepped = list(strides)
    for axis, step in zip(axes, steps, strict=True):
        stepped[axis] *= step
    return tuple(stepped)


def viewed(shape: IntShape, strides: Strides, to: IntShape) -> Strides | None:
    """Strides of a view in another shape of as many elements; None where it needs a copy."""
    if 0 in to:
        return contiguous(to)
    # Runs of axes that lie one behind the other, each as (elements, stride of the last axis).
    runs: list[list[int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == size * stride:
            runs[-1] = [runs[-1][0] * size, stride]
        else:
            runs.append([size, stride])
    new_strides: list[int] = []
    for size in reversed(to):
        if size == 1:
            new_strides.append(1)
            continue
        if not runs or runs[-1][0] % size:
            return None
        new_strides.append(runs[-1][1])
        runs[-1] = [runs[-1][0] // size, runs[-1][1] * size]
        if runs[-1][0] == 1:
            runs.pop()
    return tuple(reversed(new_strides))


def is_dense(shape: IntShape, strides: Strides) -> bool:
    """Whether the axes in some order leave no gap, which is when results of arithmetic keep it."""
    step = 1
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True
