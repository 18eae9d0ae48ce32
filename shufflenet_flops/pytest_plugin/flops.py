"""What the modules that a test calls do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from shufflenet_flops.pytest_plugin.holding import hold, limits_of

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.budget.block import Block
    from shufflenet_flops.counting import Row


@dataclass
class Flops:
    """What the modules called so far do. Functions called outside of a module are not counted.

    Counts are whole numbers, `memory_bytes` in bytes; MACs and FLOPs under the convention `paper`.
    """

    calls: list[tuple[nn.Module, tuple[Row, ...], Mapping[str, int]]] = field(default_factory=list)

    def at_most(
        self, macs: str | int | None = None, *, convention: str = "paper", **limits: Any
    ) -> None:
        """Fail the test, with the heaviest layers, unless what was counted keeps to the limits.

        Limits are as in a budget file: `macs`, `flops`, `params`, `activations`, `memory`.
        """
        __tracebackhide__ = True
        hold(self.block_under(convention), limits_of((macs,) if macs is not None else (), limits))

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.block_under("paper").count

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiply-accumulate."""
        return 2 * self.macs

    @property
    def params(self) -> int:
        """Parameters of the modules called, each once."""
        modules = {id(module): module for module, _, _ in self.calls}
        params = {id(p): p for module in modules.values() for p in module.parameters()}
        return sum(parameter.numel() for parameter in params.values())

    @property
    def activations(self) -> int:
        """Output elements of layers with MACs."""
        return self.block_under("paper").activations

    @property
    def memory_bytes(self) -> int:
        """Bytes read and written."""
        return self.block_under("paper").memory_bytes

    def block_under(self, convention: str) -> Block:
        """All calls as one model, counted under a convention."""
        from shufflenet_flops.budget.block import block
        from shufflenet_flops.counting import Table, find_convention
        from shufflenet_flops.sources import Counted

        unknown: Counter[str] = Counter()
        rows: list[Row] = []
        for _, of_call, ops in self.calls:
            rows += of_call
            unknown.update(ops)
        counted = Counted(Table(tuple(rows)), self.params, dict(unknown))
        return block("what the test runs", (), {}, find_convention(convention), counted)


@contextmanager
def watched() -> Iterator[Flops]:
    """A Flops that every outermost call of a module is traced into, before it runs."""
    from torch import nn

    from shufflenet_flops.trace.trace import trace

    counted = Flops()
    own = nn.Module.__call__
    inside = False

    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        if inside:
            return own(module, *args, **kwargs)
        inside = True
        try:
            found = trace(module, *args, kwargs=kwargs, training=None)
            counted.calls.append((module, found.table.rows, found.unknown_ops))
            return own(module, *args, **kwargs)
        finally:
            inside = False

    with patch.object(nn.Module, "__call__", call):
        yield counted
