"""What a module runs in a trace when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.module_tree import Place


class WatchedCall:
    """A module's own call, in sight of the tracer; a copy of the module is watched as well.

    `call_of` gives what a module runs. It is asked while the module has no such attribute.
    """

    def __init__(self, tracer: Tracer, place: Place, call_of: Callable[[Any], Any]) -> None:
        self._tracer = tracer
        self._place = place
        self._call_of = call_of
        self._own = call_of(place.module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.call(self._place, self._own, *args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = memo.get(id(self._place.module))  # a copy of the module, as yet without attributes
        if twin is None:
            return self
        own = getattr(type(twin), torch_private.CALL)
        return lambda *args, **kwargs: self._tracer.call(self._place, own, *(twin, *args), **kwargs)
