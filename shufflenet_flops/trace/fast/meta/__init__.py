"""What an aten op would return, worked out without running it: shapes, strides and dtypes only.

Results live on the meta device. The ops that networks are made of have a rule below, because
torch's own meta kernels for them are Python decompositions that take up to a millisecond a call and
a second to import; for any other op torch's meta kernel is asked, once per distinct call.
A rule gives None where it leaves the answer to torch, and raises where a real kernel would refuse
arguments that the meta kernel lets pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from shufflenet_flops.trace.fast.meta import backward, elements, layers, products
from shufflenet_flops.trace.fast.meta.result import META as META
from shufflenet_flops.trace.fast.meta.result import Infer as Infer

RESULTS: Mapping[Any, Infer] = MappingProxyType(
    products.RESULTS | layers.RESULTS | elements.RESULTS | backward.RESULTS
)


def infer(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of `func(*args, **kwargs)` by its rule; None where torch has to be asked.

    Arguments may be on any device, only their shapes, strides and dtypes are looked at.
    """
    rule = RESULTS.get(func)
    return None if rule is None else rule(*args, **kwargs)
