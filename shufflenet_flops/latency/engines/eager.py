"""PyTorch eager on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Eager:
    """The module's own forward pass in inference mode."""

    name = "eager"

    def version(self) -> str:
        """The installed torch."""
        return str(torch.__version__)

    def prepare(
        self, model: nn.Module, inputs: Sequence[Tensor], threads: int
    ) -> Callable[[], object]:
        """`model(*inputs)` on `threads` threads, a setting of the whole process."""
        torch.set_num_threads(threads)

        @torch.inference_mode()
        def call() -> object:
            return model(*inputs)

        return call
