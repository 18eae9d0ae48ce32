"""PyTorch eager with the channels innermost in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.latency.engines.eager import Eager, in_inference_mode, placed
from shufflenet_flops.latency.engines.protocol import Call, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


@engine
class ChannelsLast(Eager):
    """Eager, weights and input in torch's `channels_last` memory format."""

    name = "channels-last"
    place = 1

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """As eager, on a copy of the model whose 4-d tensors are channels last."""
        import torch

        from shufflenet_flops.model_copy import copied

        model, moved = placed(copied(model), inputs, setup)
        # Torch documents this call of `to`, and leaves it out of its type hints.
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        last = [
            x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in moved
        ]
        return in_inference_mode(model, last, setup)
