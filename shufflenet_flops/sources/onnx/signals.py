"""Fourier transforms, and what goes with them."""

from __future__ import annotations

from math import prod

from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, NotToldError, Operand, at, has
from shufflenet_flops.spec import OpClass


def fourier(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Along one axis of (..., 1 or 2), where one number is real and two are complex.

    Its length is that of the signal on the side that has all of it.
    """
    x = at(xs, 0)
    axis = _number(xs, 2, attributes.get("axis", -2))
    given = _number(xs, 1, 0)
    real = 1 in (x.shape[-1], y.shape[-1])
    length = given or (y if y.shape[-1] == 1 else x).shape[axis]
    signals = prod(x.shape[:-1]) // max(1, x.shape[axis])
    return _transform(signals, length, real=real)


def spectrum(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Of real signals, along axes of these lengths."""
    lengths = attributes["lengths"]
    points = attributes["signals"] * prod(lengths)
    halvings = sum((length - 1).bit_length() for length in lengths)
    return work_of("_fft_r2c", 5 * points * halvings // 2)


def short_time(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """A transform of each frame, after its window where there is one."""
    length = _number(xs, 3, at(xs, 2).elements if has(xs, 2) else 0)
    frames = prod(y.shape[:-2])
    work = _transform(frames, length, real=at(xs, 0).shape[-1] == 1)
    if not has(xs, 2):
        return work
    return work._replace(counts={**work.counts, OpClass.MUL_ELEMENTS: frames * length})


def _transform(signals: int, length: int, *, real: bool) -> Work:
    """Five real additions and multiplications a point and halving, of the radix-2 algorithm.

    Lengths between powers of two take the steps of the next one. Real signals take half of it.
    """
    steps = 5 * signals * length * (length - 1).bit_length()
    return work_of("_fft_r2c", steps // 2) if real else work_of("_fft_c2c", steps)


def _number(xs: Inputs, position: int, absent: int) -> int:
    """The value of an input of one number, where it is there."""
    if not has(xs, position):
        return absent
    values = at(xs, position).values
    if not values:
        raise NotToldError("whose length or axis is a value")
    return int(values[0])
