"""Conventions that are named after counters, worked out from the counters' cost models.

A counter goes by how work is called, a convention by the class of work alone. So a convention has
the weights that its counter gives to a network of torch's own modules, and nothing beside.
"""

from __future__ import annotations

from collections.abc import Mapping

from shufflenet_flops.counters.cost_model import CostRule, row_parts
from shufflenet_flops.counters.fvcore import Fvcore
from shufflenet_flops.counters.protocol import Counter
from shufflenet_flops.counters.thop import Thop
from shufflenet_flops.counting import Call, Convention, Kind, Row
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.spec import OpClass

_MAP: IntShape = (1, 1, 2, 2)
_POINT: IntShape = (1, 1, 1, 1)
_WORK = 4  # of each class: any amount would do


def _layer(
    module: str, op: str, kind: Kind, *classes: OpClass, output: IntShape = _MAP, aten: str = ""
) -> Row:
    """A layer of torch's own that does some work of each class, as a trace of it would say."""
    return Row(
        "",
        op,
        kind,
        inputs=(_MAP,),
        output=output,
        counts=dict.fromkeys(classes, _WORK),
        call=Call(f"torch.nn.modules.{module}", params=("weight",)),
        aten=aten or op,
    )


# One row for each class of work that layers of convolutional networks do.
_LAYERS = (
    _layer(
        "conv.Conv2d",
        "conv2d",
        Kind.DENSE_CONV,
        OpClass.CONV_MACS,
        OpClass.CONV_BIAS_ADDS,
        aten="convolution",
    ),
    _layer("linear.Linear", "linear", Kind.LINEAR, OpClass.LINEAR_MACS, OpClass.LINEAR_BIAS_ADDS),
    _layer("batchnorm.BatchNorm2d", "batch_norm", Kind.NORM, OpClass.NORM_ELEMENTS),
    _layer("activation.ReLU", "relu", Kind.ACTIVATION, OpClass.ACTIVATION_ELEMENTS),
    _layer(
        "pooling.MaxPool2d",
        "max_pool2d",
        Kind.POOL,
        OpClass.MAX_POOL_INPUTS,
        OpClass.MAX_POOL_WINDOWS,
        OpClass.MAX_POOL_OUTPUTS,
    ),
    _layer(
        "pooling.AvgPool2d",
        "avg_pool2d",
        Kind.POOL,
        OpClass.AVG_POOL_INPUTS,
        OpClass.AVG_POOL_WINDOWS,
        OpClass.AVG_POOL_OUTPUTS,
    ),
    _layer(
        "pooling.AdaptiveAvgPool2d",
        "adaptive_avg_pool2d",
        Kind.POOL,
        OpClass.GLOBAL_POOL_INPUTS,
        OpClass.GLOBAL_POOL_OUTPUTS,
        output=_POINT,
        aten="_adaptive_avg_pool2d",
    ),
)
# What torch has no module for is called as a function.
_FUNCTIONS = tuple(
    Row("", op, kind, (_MAP, _MAP), _MAP, {op_class: _WORK}, call=Call(function=name), aten=op)
    for name, op, kind, op_class in (
        ("torch.matmul", "matmul", Kind.MATMUL, OpClass.MATMUL_MACS),
        ("unnamed.add", "add", Kind.ELEMENTWISE, OpClass.ADD_ELEMENTS),
        ("unnamed.mul", "mul", Kind.ELEMENTWISE, OpClass.MUL_ELEMENTS),
    )
)


def weights_of(rules: tuple[CostRule, ...]) -> Mapping[OpClass, int]:
    """What the rules add for one unit of each class of work in a network of torch's own modules."""
    return {
        OpClass(part.term): part.weight
        for part in row_parts(rules, (*_LAYERS, *_FUNCTIONS))
        if part.weight is not None
    }


def _convention(counter: type[Counter], meaning: str) -> Convention:
    return Convention(counter.name, counter.unit, meaning, weights_of(counter.rules))


COUNTER_CONVENTIONS = (
    _convention(
        Fvcore,
        "fvcore on torch's own modules: `paper`, 2 per norm element, 1 per element that a global "
        "average pool reads",
    ),
    _convention(
        Thop,
        "thop on torch's own modules, as it sees no functions: convolutions and fully connected "
        "layers, no matrix products; 4 per norm element, 1 per average-pool output, 1 per element "
        "that a global average pool reads or writes",
    ),
)
