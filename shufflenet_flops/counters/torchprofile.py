"""torchprofile: the ops of a TorchScript trace, each with a handler or known to be free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.cost_model import (
    RECURRENT,
    WHOLE_PRODUCTS,
    CostRule,
    Part,
    affine,
    is_lstm,
    qualified,
    torch_modules,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.recurrent import RecurrentLayer, recurrent_parts
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counters.script_functions import (
    SCRIPTED,
    calls_of_scripts,
    without_scripts,
)
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.counters.graphs import Handler, ScriptedOp
    from shufflenet_flops.trace.trace import Trace


def _convolution(row: Row) -> int:
    """At output positions even where it is transposed, and then with one of two depths.

    The depth is the weight's second size where its first is the number of output channels, else
    its first: which is right for convolutions, as their weight is (c_out, c_in/g, ...).
    """
    weight = row.operands[1]
    depth = weight[1] if row.output[1] == weight[0] else weight[0]
    return prod(row.output) * depth * prod(row.kernel or ())


# Ops that TorchScript keeps whole, and torchprofile does not know.
_UNHANDLED = WHOLE_PRODUCTS | qualified(
    "torch: mm rms_norm cosine_similarity trapezoid trapz cumulative_trapezoid combinations",
    "torch: istft isclose isfinite quantile nanquantile instance_norm",
    "torch: _weight_norm dropout feature_dropout alpha_dropout feature_alpha_dropout",
    "torch.functional: stft",
    "torch.Tensor: mm istft isclose isfinite quantile nanquantile",
    "torch: conv_tbc _int_mm _scaled_mm _grouped_mm",
    "torch.nn.functional: grouped_mm scaled_mm",
    "unnamed: mm",
    "torch.nn.functional: rms_norm cosine_similarity kl_div poisson_nll_loss cosine_embedding_loss",
    "torch.nn.functional: triplet_margin_loss margin_ranking_loss hinge_embedding_loss",
    "torch.nn.functional: cross_entropy alpha_dropout feature_alpha_dropout",
    "torch.nn.functional: dropout dropout1d dropout2d dropout3d l1_loss ctc_loss instance_norm",
)
_NORMS = ("batch_norm", "layer_norm", "group_norm")
SIZE_PRODUCTS = "size_products"


def _is_counted(row: Row) -> bool:
    """An equation with dots counts nothing."""
    function = row.call.function
    if function in RECURRENT and not is_lstm(row):
        return False
    # Equations of three factors or more are taken from how they are called.
    uncounted = "einsum(" in function and ("..." in function or function.count(",") > 1)
    return row.aten != "_trilinear" and not uncounted


def _is_norm(row: Row) -> bool:
    """One that scales and shifts."""
    return row.op in _NORMS and affine(row)


def _has_handler(row: Row) -> bool:
    return row.call.function not in _UNHANDLED


def _is_multiplication(row: Row) -> bool:
    """One that the model asked for, and no part of an op that is kept whole."""
    return _has_handler(row) and row.call.function not in RECURRENT


RULES = (
    CostRule({OpClass.CONV_MACS: _convolution}, when=_has_handler),
    CostRule(
        {OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1},
        when=lambda row: _is_counted(row) and _has_handler(row),
    ),
    CostRule(
        {OpClass.MUL_ELEMENTS: 1}, when=lambda row: _is_counted(row) and _is_multiplication(row)
    ),
    CostRule({OpClass.NORM_ELEMENTS: 1}, when=_is_norm),
    CostRule(
        {
            OpClass.AVG_POOL_OUTPUTS: 1,
            OpClass.GLOBAL_POOL_OUTPUTS: 1,
            OpClass.MEAN_OUTPUTS: 1,
        },
        when=_has_handler,
    ),
    CostRule({OpClass.ACTIVATION_ELEMENTS: 1}, aten=frozenset({"leaky_relu"})),
    CostRule(
        {OpClass.INTERPOLATED_ELEMENTS: 4},
        aten=frozenset({"upsample_bilinear2d", "grid_sampler_2d", "grid_sampler_3d"}),
    ),
)


def _projected(layer: RecurrentLayer) -> tuple[int, int]:
    """An LSTM's state for its hidden size, though it is projected."""
    return layer.gates * layer.recurrent * (layer.inputs + layer.recurrent), 0


@counter
class Torchprofile(Counter):
    """`torchprofile.profile_macs`."""

    name = "torchprofile"
    unit = "MAC"
    rank = 80
    extra = "counters"
    failing = "it could not make sense of the model as TorchScript traces it"
    rules = RULES

    def count(self, model: nn.Module, inputs: Sequence[Any]) -> CounterTotal:
        """Total of all ops with a handler."""
        from torchprofile import profile_macs

        from shufflenet_flops.running.own_thread import in_own_thread

        macs = in_own_thread(lambda: profile_macs(model, tuple(inputs)))
        assert isinstance(macs, int)
        return CounterTotal(macs)

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """What goes by another name in TorchScript, is unused there, or is an op only there."""
        from shufflenet_flops.counters import closer, equations, layer_inputs

        calls = closer.calls_of(model, inputs)
        convolutions = ("conv1d", "conv2d", "conv3d")
        return {
            SCRIPTED: calls_of_scripts(closer.AllResults(model), inputs),
            closer.TEXT_PADDING: -closer.text_padding_macs(calls, convolutions),
            closer.UNUSED: -closer.unused(
                lambda module: self.count(module, inputs).reported, model
            ),
            OpClass.MATMUL_MACS.value: equations.index_products(calls)
            + equations.summed_letters(
                calls, lambda sizes, _: prod(sizes.values()), with_dots=False
            ),
            OpClass.LINEAR_MACS.value: layer_inputs.widths_for_steps(model, inputs, _projected),
            OpClass.INTERPOLATED_ELEMENTS.value: closer.sampled_otherwise(
                calls, {"nearest": -4, "bicubic": 12}
            ),
            # Those that are unused among them, which are no work of the trace's either.
            SIZE_PRODUCTS: _number_products(closer.AllResults(model), inputs),
        }

    def under_transforms(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """By the ops that TorchScript has of them, of which it has no handler for `mm`."""
        from shufflenet_flops.counters.graphs import totals

        return totals(model, inputs, _handlers())

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """It sees ops, however they were called."""
        trace, facts = without_scripts(trace, facts)
        if SIZE_PRODUCTS in facts:
            # Those that the model's own tensors have are rows of the trace.
            facts[SIZE_PRODUCTS] -= sum(
                row.counts.get(OpClass.MUL_ELEMENTS, 0)
                for row in trace.table.rows
                if row.output == () and _is_multiplication(row)
            )
        yield from super().parts(trace, facts)
        projected = (call for call in trace.calls if "weight_hr_l0" in call.params)
        yield from recurrent_parts(projected, _projected, torch_modules("rnn: LSTM"))


def _graph_convolution(op: ScriptedOp) -> int:
    outputs, inputs, *kernel = op.operand(1)
    depth = inputs if op.output[1] == outputs else outputs
    return prod(op.output) * depth * prod(kernel)


def _handlers() -> dict[str, Handler]:
    """As in its `handlers.py`, for what torch makes of transforms."""
    from shufflenet_flops.counters.graphs import product

    def outputs(op: ScriptedOp) -> int:
        return prod(op.output)

    def norm(place: int) -> Handler:
        return OpClass.NORM_ELEMENTS, lambda op: prod(op.output) * (op.operands[place] is not None)

    def attention(op: ScriptedOp) -> int:
        queries, keys, values = map(op.operand, range(3))
        return prod(queries[:-1]) * keys[-2] * (queries[-1] + values[-1])

    pools = [f"{kind}_pool{axes}d" for kind in ("avg", "adaptive_avg") for axes in (1, 2, 3)]
    return {
        **dict.fromkeys(("bmm", "matmul"), (OpClass.MATMUL_MACS, product(0))),
        "linear": (OpClass.LINEAR_MACS, product(0)),
        "scaled_dot_product_attention": (OpClass.MATMUL_MACS, attention),
        **dict.fromkeys(("batch_norm", "instance_norm"), norm(1)),
        **dict.fromkeys(("layer_norm", "group_norm"), norm(2)),
        "upsample_bilinear2d": (OpClass.INTERPOLATED_ELEMENTS, lambda op: 4 * outputs(op)),
        **dict.fromkeys(("addmm", "addmv"), (OpClass.LINEAR_MACS, product(1))),
        "baddbmm": (OpClass.MATMUL_MACS, product(1)),
        "_convolution": (OpClass.CONV_MACS, _graph_convolution),
        **dict.fromkeys(("mul", "mul_"), (OpClass.MUL_ELEMENTS, outputs)),
        **dict.fromkeys(("mean", *pools), (OpClass.MEAN_OUTPUTS, outputs)),
        "leaky_relu": (OpClass.ACTIVATION_ELEMENTS, outputs),
    }


def _number_products(model: nn.Module, inputs: Sequence[Any]) -> int:
    """How many products of numbers, such as `b * n`, a TorchScript trace of the model has.

    There a size, and what is worked out from sizes, is a tensor without axes, and its product with
    a number an op like any other; our own trace sees plain numbers.
    """
    from shufflenet_flops.counters.graphs import nodes_of

    products = (op for op in nodes_of(model, inputs) if op.name in ("mul", "mul_"))
    return sum(op.output == () for op in products)
