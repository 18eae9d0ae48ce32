"""ultralytics-thop, which has gone a way of its own: rules by base class, then functions too."""

from __future__ import annotations

from math import prod

from shufflenet_flops.counters.cost_model import (
    ADAPTIVE_AVERAGE_POOLS,
    AVERAGE_POOLS,
    CostRule,
    is_attention,
    is_not_attention,
    norm_rules,
    qualified,
    torch_modules,
)
from shufflenet_flops.counters.recurrent import RecurrentLayer
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

PROJECTIONS_SINCE = (2, 1, 6)  # of an LSTM's state

_WEIGHTS = frozenset({"weight", "weight_orig", "weight_g"})
_MULTI_HEAD = torch_modules("activation: MultiheadAttention")
_RMS_NORM = torch_modules("normalization: RMSNorm")
_UPSAMPLE = torch_modules("upsampling: Upsample UpsamplingBilinear2d UpsamplingNearest2d")
_PER_INTERPOLATED = {"linear1d": 5, "bilinear2d": 11, "bicubic2d": 259, "trilinear3d": 31}
_PRODUCTS = qualified(
    "torch: matmul bmm", "torch.Tensor: matmul bmm", "unnamed: matmul bmm",
    "torch.nn.functional: linear scaled_dot_product_attention",
)  # fmt: skip


def is_layer(row: Row) -> bool:
    """Whether a layer ran on its own weight, so that its class is one of torch's or below one.

    The weight may be made of others at each call, as where it is normed or pruned.
    """
    return ".Parametrized" in row.call.module or not _WEIGHTS.isdisjoint(row.call.params)


def _is_norm(row: Row) -> bool:
    return "Norm" in row.call.module.rpartition(".")[2]


def _window_sums(row: Row) -> int:
    """The elements that an adaptive pool looks at, where windows overlap twice."""
    return prod(
        size
        if size == cells
        else sum(-(-(i + 1) * size // cells) - i * size // cells for i in range(cells))
        for size, cells in zip(row.inputs[0], row.output, strict=True)
    )


def softmax(row: Row) -> int:
    """Exponentials, sums and quotients: 3n - 1 for each n."""
    return 3 * row.counts[OpClass.SOFTMAX_ELEMENTS] - row.counts[OpClass.SOFTMAX_VECTORS]


def _with_softmax(row: Row) -> int:
    """Fused attention, whose softmax is counted as if it stood by itself."""
    queries, keys = row.operands[:2]
    vectors = prod(queries[:-1])
    return row.macs + (3 * keys[-2] - 1) * vectors


def _two_factors(row: Row) -> bool:
    return row.call.function.startswith("torch.einsum(") and row.call.function.count(",") == 1


def _no_rule(row: Row) -> bool:
    """Whether no layer that has a rule was running."""
    return not is_layer(row) and row.call.module not in _MULTI_HEAD


_LAYERS = (
    CostRule(
        {OpClass.CONV_MACS: 1, OpClass.LINEAR_MACS: 1},
        # Without the vectors that make a weight's spectral norm.
        when=lambda row: is_layer(row) and row.aten not in ("mv", "dot"),
    ),
    *norm_rules(4, 2, when=_is_norm),
    CostRule({OpClass.MEAN_INPUTS: 4}, _RMS_NORM, when=lambda row: "weight" in row.call.params),
    CostRule({OpClass.MEAN_INPUTS: 2}, _RMS_NORM, when=lambda row: not row.call.params),
    CostRule({OpClass.ACTIVATION_ELEMENTS: 1}, torch_modules("activation: PReLU")),
    CostRule({OpClass.SOFTMAX_ELEMENTS: softmax}, torch_modules("activation: Softmax")),
    CostRule(
        {OpClass.GLOBAL_POOL_INPUTS: _window_sums, OpClass.GLOBAL_POOL_OUTPUTS: 1},
        ADAPTIVE_AVERAGE_POOLS,
    ),
    *(
        CostRule(
            {OpClass.INTERPOLATED_ELEMENTS: weight}, _UPSAMPLE, aten=frozenset({f"upsample_{mode}"})
        )
        for mode, weight in _PER_INTERPOLATED.items()
    ),
)
# At first of fewer classes.
BY_FEW_CLASSES = (*_LAYERS, CostRule({OpClass.AVG_POOL_OUTPUTS: 1}, AVERAGE_POOLS))
BY_CLASS = (
    *_LAYERS,
    # It adds the elements that an average pool looks at.
    CostRule({OpClass.AVG_POOL_OUTPUTS: 1, OpClass.AVG_POOL_WINDOWS: 1}, AVERAGE_POOLS),
    # The module's own projections, two products and a softmax.
    CostRule(
        {OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1, OpClass.SOFTMAX_ELEMENTS: softmax},
        _MULTI_HEAD,
        when=is_not_attention,
    ),
    CostRule({OpClass.MATMUL_MACS: _with_softmax}, _MULTI_HEAD, when=is_attention),
)
BY_CLASS_AND_FUNCTION = (
    *BY_CLASS,
    CostRule({OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1}, functions=_PRODUCTS, when=_no_rule),
    CostRule(
        # Also one that sums nothing.
        {OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1, OpClass.MUL_ELEMENTS: 1},
        when=lambda row: _two_factors(row) and _no_rule(row),
    ),
)


def recurrent(layer: RecurrentLayer) -> tuple[int, int]:
    """Its gates and, but in a plain layer, its state, which may be projected."""
    hidden, recurrent = layer.hidden, layer.recurrent
    projection = hidden * recurrent if recurrent != hidden else 0
    gates = layer.gates * hidden * (3 if layer.bias else 1)
    state = 4 * hidden if layer.gates > 1 else 0
    return layer.gates * (layer.inputs + recurrent) * hidden + projection, gates + state
