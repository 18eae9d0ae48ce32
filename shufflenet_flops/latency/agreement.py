"""Whether an engine computes what PyTorch eager computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shufflenet_flops.latency.case import Case

Arrays = list[NDArray[np.float64]]

# The largest relative error that is still the same result, by the dtype that is computed in.
LIMITS: Mapping[str, float] = MappingProxyType({"float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2})


@dataclass(frozen=True)
class Reference:
    """Eager's fp32 outputs, and how far another random input moves them, relative to their size."""

    outputs: Arrays
    moved: float


@dataclass(frozen=True)
class Agreement:
    """The largest absolute error of any output, and that over the largest of eager's outputs."""

    max_abs_error: float
    max_rel_error: float

    def within(self, dtype: str) -> bool:
        """Whether the error is within the dtype's limit; not a number is not."""
        return self.max_rel_error <= LIMITS[dtype]


def reference(case: Case) -> Reference:
    """Run `case` eagerly in fp32, on its input and on another one."""
    with torch.inference_mode():
        outputs = flat(case.module(*case.inputs))
        others = flat(case.module(*case.others))
    return Reference(outputs, agreement(others, outputs).max_rel_error)


def agreement(output: Any, expected: Arrays) -> Agreement:
    """Compare an engine's output with eager's. Raises ValueError if their sizes differ."""
    outputs = flat(output)
    sizes, expected_sizes = ([x.size for x in arrays] for arrays in (outputs, expected))
    if sizes != expected_sizes:
        raise ValueError(f"its outputs have {sizes} elements and eager's {expected_sizes}")
    error = max(float(np.abs(a - b).max()) for a, b in zip(outputs, expected, strict=True))
    largest = max(float(np.abs(b).max()) for b in expected)
    return Agreement(error, error / largest if largest else float(error > 0))


def too_exact(agreed: Agreement, expected: Arrays, dtype: str) -> bool:
    """Whether an engine's outputs are too near to eager's fp32 ones to come from `dtype`.

    That is, nearer than a hundredth of what rounding fp32's outputs to `dtype` once moves them.
    Outputs that `dtype` holds exactly prove nothing, and float32 never is too exact.
    """
    torch_dtype = getattr(torch, dtype)
    rounded = [torch.from_numpy(x).to(torch_dtype) for x in expected]
    return agreed.max_rel_error < agreement(rounded, expected).max_rel_error / 100


def flat(output: Any) -> Arrays:
    """All tensors and arrays of an output, in order, each as a vector: engines drop axes of 1."""
    if isinstance(output, Tensor):
        return [output.detach().double().cpu().numpy().ravel()]
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, Sequence):
        return [array for part in output for array in flat(part)]
    return [np.asarray(output, dtype=np.float64).ravel()]
