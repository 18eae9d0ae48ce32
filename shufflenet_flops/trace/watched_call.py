"""What a module runs in a trace when it is called."""

from __future__ import annotations

from functools import partial
from typing import Any

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.module_tree import Place


class WatchedCall(partial[Any]):
    """`Tracer.call`, or what takes its place, of a place and its module's own call.

    A copy is watched as well.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        place: Place = self.args[0]
        twin = memo.get(id(place.module))  # a copy of the module, as yet without attributes
        if twin is None:
            return self
        copy = place.copied(twin)
        return partial(self.func, copy, getattr(type(twin), torch_private.CALL), twin)
