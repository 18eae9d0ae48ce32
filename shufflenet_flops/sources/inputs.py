"""Inputs as the user writes them: `1x3x224x224`, `1x128:int64`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from torch import Tensor

IntShape = tuple[int, ...]

DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
)
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
        """
        import torch

        dtype = getattr(torch, self.dtype)
        if not real:
            return torch.empty(self.shape, dtype=dtype, device="meta")
        if dtype.is_floating_point or dtype.is_complex:
            return torch.randn(self.shape, dtype=dtype)
        return torch.zeros(self.shape, dtype=dtype)


IMAGE = Input((1, 3, 224, 224))


def parse_input(text: str) -> Input:
    """`1x3x224x224`, `1x128:int64` or `scalar:int64` as an Input.

    Raises InputError, UnknownNameError.
    """
    sizes, colon, dtype = text.partition(":")
    parts = [] if sizes.lower() == SCALAR else sizes.lower().split("x")
    if not all(map(_is_size, parts)):
        raise InputError(
            f"--input {text}: sizes must be positive whole numbers joined by x, as in 1x3x224x224, "
            "and a dtype after a colon, as in 1x128:int64; scalar:int64 is a tensor without axes"
        )
    shape = tuple(int(part) for part in parts)
    if prod(shape) >= MAX_ELEMENTS:
        raise InputError(f"--input {text}: more elements than a tensor can have")
    if not colon:
        return Input(shape)
    if dtype not in DTYPES:
        raise UnknownNameError(f"dtype in --input {text}:", dtype, DTYPES)
    return Input(shape, dtype)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) > 0
