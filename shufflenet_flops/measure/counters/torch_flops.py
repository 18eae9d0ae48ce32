"""torch.utils.flop_counter: two FLOPs per multiply-accumulate, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from shufflenet_flops.count import CONVENTIONS, Row
from shufflenet_flops.count.convention import Unit
from shufflenet_flops.measure.counters.protocol import Reading, Weights


class TorchFlops:
    """`FlopCounterMode`, on the real tensors it is given."""

    name = "torch"
    unit: Unit = "FLOP"

    def distribution(self) -> str:
        """It is part of torch."""
        return "torch"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Total FLOPs of one forward pass."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as mode:
            model(*inputs)
        return Reading(mode.get_total_flops())

    def weights(self, row: Row) -> Weights:
        """The `flops` convention: it sees every aten op, however it was called."""
        return CONVENTIONS["flops"].weights
