"""Inputs as the user writes them: `1x3x224x224`, `1x128:int64`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError, UnknownNameError, shown
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from torch import Tensor

IntShape = tuple[int, ...]

DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
)
TEXT = "string"  # of ONNX alone
SCALAR = "scalar"  # how a tensor without axes is written
MAX_ELEMENTS = 2**63  # what torch, and a file format's integers, can number


@dataclass(frozen=True)
class Input:
    """One input tensor, batch first; `dtype` is torch's name for it."""

    shape: IntShape
    dtype: str = "float32"

    def __str__(self) -> str:
        text = shape_text(self.shape) or SCALAR
        return text if self.dtype == "float32" else f"{text}:{self.dtype}"

    def example(self, *, real: bool) -> Tensor:
        """A tensor of this shape: normal noise, or zeros where whole numbers are asked for.

        Zero is an index into any table. Without `real` it is on the meta device and holds nothing.
        Raises InputError for text.
        """
        import torch

        if self.dtype == TEXT:
            raise InputError(f"--input {self}: torch has no tensors of text")
        dtype = getattr(torch, self.dtype)
        if not real:
            return torch.empty(self.shape, dtype=dtype, device="meta")
        if dtype.is_floating_point or dtype.is_complex:
            return torch.randn(self.shape, dtype=dtype)
        return torch.zeros(self.shape, dtype=dtype)


IMAGE = Input((1, 3, 224, 224))


def shape_of(value: Any) -> IntShape | None:
    """A Python value as a shape: a number, or a list or tuple of numbers; None for anything else.

    Raises InputError for sizes that no tensor has.
    """
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,)
    whole = (isinstance(size, Integral) and not isinstance(size, bool) for size in sizes)
    if not all(whole) or value == []:
        return None
    sizes = tuple(map(int, sizes))  # numpy's have a type of their own
    if not all(size > 0 for size in sizes) or prod(sizes) >= MAX_ELEMENTS:
        raise InputError(f"input={shown(value)}: sizes must be positive, and fit into a tensor")
    return sizes


def completed(given: Input, own: Input, name: str) -> Input:
    """The input that is meant by fewer sizes than the image that a model takes: `own`.

    `224` and `224x224` are its height and width, `3x224x224` its channels too. Raises InputError
    where the sizes leave it open what is meant.
    """
    if len(own.shape) != 4 or len(given.shape) not in (1, 2, 3):
        if len(own.shape) == len(given.shape) == 4 and _has_channels_last(given, own):
            raise InputError(
                f"--input {given}: channels stand before height and width: write "
                f"--input {meant_image(given, own.shape[1])}"
            )
        return given
    channels, *size = given.shape if len(given.shape) == 3 else (own.shape[1], *given.shape)
    height, width = size if len(size) == 2 else (size[0], size[0])
    if len(given.shape) == 3 and channels != own.shape[1]:
        raise InputError(
            f"--input {given}: three sizes are channels, height and width, and {name} takes "
            f"{own.shape[1]} channels: write all four, as in {own}"
        )
    return Input((1, channels, height, width), given.dtype)


def _has_channels_last(given: Input, own: Input) -> bool:
    return given.shape[1] != own.shape[1] == given.shape[3]


def meant_image(given: Input, channels: int) -> Input | None:
    """The image of so many channels that may be meant by a shape that a model does not take.

    Channels that are there come first or last; what is too small for a side is none. None where no
    image is like it.
    """
    shape = given.shape
    if given.dtype != IMAGE.dtype or not 1 <= len(shape) <= 4:
        return None
    batch, size = (shape[0], shape[1:]) if len(shape) == 4 else (1, shape)
    if len(size) == 3:
        channels_first = size[0] == channels or size[2] != channels
        if channels_first and len(shape) == 4 and size[0] == channels:
            return None  # all is where it belongs
        size = size[1:] if channels_first else size[:2]
    height, width = size if len(size) == 2 else (size[0], size[0])
    if min(height, width) < _LEAST_SIDE:
        height, width = IMAGE.shape[2:]
    return Input((batch, channels, height, width))


_LEAST_SIDE = 8


def as_image(given: Input, channels: int) -> Input | None:
    """The image of so many channels that is written with fewer sizes, as `224` or `3x224x224`.

    None where it is something else.
    """
    shape = given.shape
    if given.dtype != IMAGE.dtype or not 1 <= len(shape) <= 3 or min(shape[-2:]) < _LEAST_SIDE:
        return None
    if len(shape) == 3 and shape[0] != channels:
        return None
    return completed(given, Input((1, channels, *IMAGE.shape[2:])), "")


# How others write a shape: (1, 3, 224, 224), 1*3*224*224, 1×3×224×224.
_BETWEEN_SIZES = re.compile(r"[\s,;*×xX()\[\]]+")


def parse_input(text: str) -> Input:
    """`1x3x224x224`, `1x128:int64` or `scalar:int64` as an Input.

    Raises InputError, UnknownNameError.
    """
    sizes, colon, dtype = text.partition(":")
    parts = [] if sizes.lower() == SCALAR else sizes.lower().split("x")
    if not all(map(_is_size, parts)):
        joined = [part for part in _BETWEEN_SIZES.split(sizes) if part]
        if len(joined) > 1 and all(map(_is_size, joined)):
            raise InputError(f"--input {text}: write --input {'x'.join(joined)}{colon}{dtype}")
        raise InputError(
            f"--input {text}: sizes must be positive whole numbers joined by x, as in 1x3x224x224, "
            "and a dtype after a colon, as in 1x128:int64; scalar:int64 is a tensor without axes"
        )
    shape = tuple(int(part) for part in parts)
    if prod(shape) >= MAX_ELEMENTS:
        raise InputError(f"--input {text}: more elements than a tensor can have")
    if not colon:
        return Input(shape)
    if dtype not in (*DTYPES, TEXT):
        raise UnknownNameError(f"dtype in --input {text}:", dtype, DTYPES)
    return Input(shape, dtype)


def at_batch(inputs: Sequence[Input], batch: int) -> tuple[Input, ...]:
    """The inputs with this size of the first axis, of those that have axes."""
    return tuple(
        replace(given, shape=(batch, *given.shape[1:])) if given.shape else given
        for given in inputs
    )


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) > 0
