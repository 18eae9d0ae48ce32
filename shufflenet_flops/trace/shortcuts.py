"""What may make a trace faster, and the switch that turns all of it off."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.trace.whole import WHOLE

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer
    from shufflenet_flops.trace.fast.module_calls import PlainCalls
    from shufflenet_flops.trace.worked_out import WorkedOut

Call = Callable[..., Any]
SWITCH = "SHUFFLENET_FLOPS_FAST"


@dataclass(frozen=True)
class Shortcuts:
    """Ways around torch's own code; with none of them a trace is slower, and the same.

    `work_out` gives what a call returns and does, `functions` run torch functions as ops of the
    tracer, those that are kept whole among them, `plain_calls` makes for one trace what calls a
    layer of torch straight to its op.
    """

    work_out: Callable[[Tracer, Any, tuple[Any, ...], Mapping[str, Any]], WorkedOut] | None = None
    functions: Mapping[Any, Callable[..., Any]] = field(default_factory=lambda: WHOLE)
    plain_calls: Callable[[Tracer], PlainCalls] | None = None

    @property
    def differentiable(self) -> Shortcuts:
        """Those that autograd sees through: functions as ops of the tracer pass it by."""
        return replace(self, functions=WHOLE, plain_calls=None)


NONE = Shortcuts()


def shortcuts() -> Shortcuts:
    """Those of `trace.fast`; none where the environment has SHUFFLENET_FLOPS_FAST=0."""
    if os.environ.get(SWITCH) == "0":
        return NONE
    from shufflenet_flops.trace.fast import SHORTCUTS

    return SHORTCUTS
