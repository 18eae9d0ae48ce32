"""PyTorch eager with the channels innermost in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.engines.eager import Eager, in_inference_mode, placed
from shufflenet_flops.latency.engines.protocol import Call, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def in_layout(model: nn.Module, layout: torch.memory_format) -> nn.Module:
    """The model itself, its 4-d tensors in this memory format."""
    to: Any = model.to  # torch documents this call of it, and leaves it out of its type hints
    changed: nn.Module = to(memory_format=layout)
    return changed


@engine
class ChannelsLast(Eager):
    """Eager, weights and input in torch's `channels_last` memory format."""

    name = "channels-last"
    place = 1

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """As eager, on a copy of the model whose 4-d tensors are channels last."""
        import torch

        from shufflenet_flops.running.model_copy import copied

        model, moved = placed(copied(model), inputs, setup)
        model = in_layout(model, torch.channels_last)
        last = [
            x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in moved
        ]
        return in_inference_mode(model, last, setup)
