"""Pools: what is read, what is looked at, and what is written."""

from __future__ import annotations

from math import prod

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.sources.onnx.operand import Attributes, Formula, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def pool(kind: str) -> Formula:
    inputs, windows, outputs = (
        OpClass(f"{kind}_pool_{part}") for part in ("inputs", "windows", "outputs")
    )

    def formula(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        kernel = tuple(attributes["kernel_shape"])
        counts = {
            inputs: at(xs, 0).elements,
            windows: y.elements * prod(kernel),
            outputs: y.elements,
        }
        stride = tuple(attributes.get("strides") or (1,) * len(kernel))
        return Work(f"{kind}_pool{len(kernel)}d", Kind.POOL, counts, kernel, stride)

    return formula


def power_pool(windows: bool) -> Formula:
    """Powers of the inputs, their mean in windows or in all, and roots."""

    def formula(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        pooled = (pool("avg") if windows else global_pool)(attributes, xs, y)
        powers = work_of("pow", at(xs, 0).elements + y.elements)
        return pooled._replace(op="lp_pool", counts={**pooled.counts, **powers.counts})

    return formula


def global_max_pool(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    inputs = at(xs, 0).elements
    counts = {
        OpClass.MAX_POOL_INPUTS: inputs,
        OpClass.MAX_POOL_WINDOWS: inputs,
        OpClass.MAX_POOL_OUTPUTS: y.elements,
    }
    return Work("global_max_pool", Kind.POOL, counts)


def global_pool(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    counts = {
        OpClass.GLOBAL_POOL_INPUTS: at(xs, 0).elements,
        OpClass.GLOBAL_POOL_OUTPUTS: y.elements,
    }
    return Work("global_avg_pool", Kind.POOL, counts)
