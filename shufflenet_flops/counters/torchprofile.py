"""torchprofile: the ops of a TorchScript trace, each with a handler or known to be free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.cost_model import CostRule, Part, affine
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.trace.trace import Trace


def _convolution(row: Row) -> int:
    """At output positions even where it is transposed, and then with one of two depths.

    The depth is the weight's second size where its first is the number of output channels, else
    its first: which is right for convolutions, as their weight is (c_out, c_in/g, ...).
    """
    weight = row.operands[1]
    depth = weight[1] if row.output[1] == weight[0] else weight[0]
    return prod(row.output) * depth * prod(row.kernel or ())


_NORMS = ("batch_norm", "layer_norm", "group_norm")
SIZE_PRODUCTS = "size_products"


def _is_counted(row: Row) -> bool:
    """An equation with dots counts nothing."""
    return row.aten != "_trilinear" and not (
        "einsum(" in row.call.function and "..." in row.call.function
    )


RULES = (
    CostRule({OpClass.CONV_MACS: _convolution}),
    CostRule(
        {OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1, OpClass.MUL_ELEMENTS: 1},
        when=_is_counted,
    ),
    CostRule({OpClass.NORM_ELEMENTS: 1}, when=lambda row: row.op in _NORMS and affine(row)),
    CostRule(
        {
            OpClass.AVG_POOL_OUTPUTS: 1,
            OpClass.GLOBAL_POOL_OUTPUTS: 1,
            OpClass.MEAN_OUTPUTS: 1,
        }
    ),
    CostRule({OpClass.ACTIVATION_ELEMENTS: 1}, aten=frozenset({"leaky_relu"})),
    CostRule(
        {OpClass.INTERPOLATED_ELEMENTS: 4},
        aten=frozenset({"upsample_bilinear2d", "grid_sampler_2d"}),
    ),
)


@counter
class Torchprofile(Counter):
    """`torchprofile.profile_macs`."""

    name = "torchprofile"
    unit = "MAC"
    rank = 80
    extra = "counters"
    rules = RULES

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total of all ops with a handler."""
        from torchprofile import profile_macs

        macs = profile_macs(model, tuple(inputs))
        assert isinstance(macs, int)
        return CounterTotal(macs, facts={SIZE_PRODUCTS: _size_products(model, inputs)})

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """It sees ops, however they were called."""
        yield from super().parts(trace)
        if facts.get(SIZE_PRODUCTS):
            yield Part("", SIZE_PRODUCTS, facts[SIZE_PRODUCTS], 1)


def _size_products(model: nn.Module, inputs: Sequence[Tensor]) -> int:
    """How many products of sizes, such as `b * n`, a TorchScript trace of the model has.

    There a size is a tensor without axes, and its product with a number an op like any other; our
    own trace sees whole numbers.
    """
    import torch

    # Private, untyped, and what torchprofile itself counts on.
    graph, _ = torch.jit._get_trace_graph(model, tuple(inputs))  # type: ignore[attr-defined]
    return sum(
        node.kind() in ("aten::mul", "aten::mul_") and _is_whole_number(node.output().type())
        for node in graph.nodes()
    )


def _is_whole_number(kind: Any) -> bool:
    return bool(kind.kind() == "TensorType" and kind.sizes() == [] and kind.scalarType() == "Long")
