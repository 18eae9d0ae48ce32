"""What an engine is: something that turns a module and its inputs into a call to time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class Engine(Protocol):
    """One way to run a network."""

    name: str

    def version(self) -> str:
        """Version of the engine that is installed."""

    def prepare(
        self, model: nn.Module, inputs: Sequence[Tensor], threads: int
    ) -> Callable[[], object]:
        """A call without arguments that runs one forward pass; set-up is done before."""
