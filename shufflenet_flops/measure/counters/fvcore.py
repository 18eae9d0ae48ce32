"""fvcore: multiply-accumulates by the name of FLOPs, plus norms and adaptive pools."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from shufflenet_flops.count import CONVENTIONS, Row
from shufflenet_flops.count.convention import Unit
from shufflenet_flops.measure.counters.protocol import Reading, Weights


class Fvcore:
    """`fvcore.nn.FlopCountAnalysis`, which traces the model with TorchScript."""

    name = "fvcore"
    unit: Unit = "MAC"

    def distribution(self) -> str:
        """The distribution has the package's name."""
        return "fvcore"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Total of all supported ops; the others are listed as unsupported."""
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, tuple(inputs))
        return Reading(int(analysis.total()), dict(analysis.unsupported_ops()))

    def weights(self, row: Row) -> Weights:
        """The `fvcore` convention: it sees ops, however they were called."""
        return CONVENTIONS["fvcore"].weights
