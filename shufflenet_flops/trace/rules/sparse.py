"""Products of a sparse and a dense tensor: a MAC for each stored value and column it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import packets


def is_dense(x: Tensor) -> bool:
    """Whether all elements that its shape tells of are stored, one shape for the whole."""
    return x.layout is torch.strided and not x.is_nested


def stored(x: Tensor) -> Tensor:
    """The values that a tensor stores; those of a COO tensor that stand twice count twice."""
    if x.layout is torch.sparse_coo:
        return x._values()
    return x.values() if x.layout in _COMPRESSED else x


_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def _product(a: Tensor, b: Tensor) -> Work | None:
    if is_dense(a) and b.layout in (torch.sparse_coo, *_COMPRESSED):
        macs = stored(b).numel() * a.shape[-2]
    elif is_dense(b) and a.layout in (torch.sparse_coo, *_COMPRESSED):
        macs = stored(a).numel() * (b.shape[-1] if b.dim() > 1 else 1)
    else:
        return None  # of two sparse ones, which depends on where their values are
    return Work("sparse_matmul", Kind.MATMUL, {OpClass.MATMUL_MACS: macs})


# They get the arguments in order, and give None where the work depends on more than shapes.
SparseFormula = Callable[[tuple[Any, ...]], Work | None]

SPARSE: Mapping[Any, SparseFormula] = MappingProxyType(
    {
        **dict.fromkeys(packets("mm bmm mv"), lambda args: _product(args[0], args[1])),
        **dict.fromkeys(packets("addmm _sparse_addmm"), lambda args: _product(args[1], args[2])),
    }
)
