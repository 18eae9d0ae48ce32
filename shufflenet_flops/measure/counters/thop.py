"""thop: forward hooks on modules of exactly known types; functional calls are invisible to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from types import MappingProxyType

from torch import Tensor, nn

from shufflenet_flops.count import Row
from shufflenet_flops.count.convention import Unit
from shufflenet_flops.measure.counters.protocol import Reading, Weights
from shufflenet_flops.spec import OpClass

_CONV: Weights = {OpClass.CONV_MACS: 1}
_NORM: Weights = {OpClass.NORM_ELEMENTS: 4}
_GLOBAL_POOL: Weights = {OpClass.GLOBAL_POOL_INPUTS: 1, OpClass.GLOBAL_POOL_OUTPUTS: 1}

# What thop 0.1.1 adds for the work of a module of exactly this type; other types count nothing.
WEIGHTS: Mapping[str, Weights] = MappingProxyType(
    {
        "torch.nn.modules.conv.Conv1d": _CONV,
        "torch.nn.modules.conv.Conv2d": _CONV,
        "torch.nn.modules.conv.Conv3d": _CONV,
        "torch.nn.modules.linear.Linear": {OpClass.LINEAR_MACS: 1},
        "torch.nn.modules.batchnorm.BatchNorm1d": _NORM,
        "torch.nn.modules.batchnorm.BatchNorm2d": _NORM,
        "torch.nn.modules.batchnorm.BatchNorm3d": _NORM,
        "torch.nn.modules.pooling.AvgPool2d": {OpClass.AVG_POOL_OUTPUTS: 1},
        "torch.nn.modules.pooling.AdaptiveAvgPool2d": _GLOBAL_POOL,
    }
)
# The rewritten distribution also adds the elements that an average pool looks at.
ULTRALYTICS_WEIGHTS: Mapping[str, Weights] = MappingProxyType(
    {
        **WEIGHTS,
        "torch.nn.modules.pooling.AvgPool2d": {
            OpClass.AVG_POOL_OUTPUTS: 1,
            OpClass.AVG_POOL_WINDOWS: 1,
        },
    }
)


class Thop:
    """`thop.profile`, from whichever distribution provides a package of that name."""

    name = "thop"
    unit: Unit = "MAC"

    def distribution(self) -> str:
        """`thop`, or `ultralytics-thop`, which installs a package of the same name."""
        return _distribution()

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Total of all modules with a rule."""
        import thop

        macs, _ = thop.profile(model, inputs=tuple(inputs), verbose=False)
        return Reading(int(macs))

    def weights(self, row: Row) -> Weights:
        """By the exact type of the module; thop 0.1.1 counts a module held n times n² times."""
        if _distribution() == "ultralytics-thop":
            return ULTRALYTICS_WEIGHTS.get(row.call.module, {})
        times = row.call.occurrences**2
        return {
            op_class: weight * times
            for op_class, weight in WEIGHTS.get(row.call.module, {}).items()
        }


@cache
def _distribution() -> str:
    for name in ("ultralytics-thop", "thop"):
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        return name
    return "thop"
