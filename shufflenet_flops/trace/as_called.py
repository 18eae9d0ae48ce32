"""Calls under transforms of `torch.func`, as each would be on its own: what hooks see of them.

A transform runs a call for all its samples at once, or with its derivatives beside it. Whoever
watches calls sees one sample, and the call alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from shufflenet_flops.counting import Row
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import META, map_tensors

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

Run = Callable[["Tracer", Any, tuple[Any, ...], dict[str, Any]], Any]


class _Noted(NamedTuple):
    tracer: Tracer  # of this call alone
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    start: int  # the first row that came of it under the transforms
    stop: int


class AsCalled:
    """The calls that were made under transforms, with stand-ins of the sizes that they saw."""

    def __init__(self) -> None:
        self._noted: list[_Noted] = []

    def note(
        self, tracer: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[], None]:
        """Remember a call that begins; what is given back is to be called when it is over."""

        def stand_in(x: Tensor) -> Tensor:
            if not torch_private.is_transformed(x) and x in tracer.state:
                return tracer.to_meta(x)
            with torch_private.without_functions(), tracer.unseen():
                y = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
                return torch_private.untransformed(y)

        plain_args, plain_kwargs = map_tensors(stand_in, (args, kwargs))
        alone, start = _alone(tracer), len(tracer.rows)

        def over() -> None:
            stop = len(tracer.rows)
            self._noted.append(_Noted(alone, function, plain_args, plain_kwargs, start, stop))

        return over

    def rows(self, rows: Sequence[Row], run: Run) -> tuple[Row, ...] | None:
        """The rows of a pass, with those of each noted call on its own; None where none was.

        A call that fails on its own has the rows that it had.
        """
        if not self._noted:
            return None
        found: list[Row] = []
        at = 0
        for tracer, function, args, kwargs, start, stop in self._noted:
            try:
                with torch_private.without_functions(), tracer:
                    run(tracer, function, args, kwargs)
            except Exception:
                continue
            found += [*rows[at:start], *tracer.rows]
            at = stop
        self._noted.clear()
        return (*found, *rows[at:])


def _alone(tracer: Tracer) -> Tracer:
    """A tracer for the call that is running, with a record of its own."""
    twin = tracer.branch()
    twin.function, twin.callee = tracer.function, tracer.callee
    twin.rows, twin.calls, twin.unknown = [], [], []
    twin.state, twin.strangers, twin.as_called = tracer.state.without_uses(), None, None
    return twin
