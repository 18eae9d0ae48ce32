"""Cost models: what a counter makes of traced work, as a table with the rules for its quirks.

A cost model is read from the counter's source. It is a tuple of rules, and the prediction is the
sum over rows and rules: there is nothing in it that could be fitted to a network. It names modules
and functions of torch by text, so that it is of use where torch is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

from shufflenet_flops.counting import Row
from shufflenet_flops.counting.row import LSTM_IN_STEPS
from shufflenet_flops.spec import OpClass

Amount = Callable[[Row], int]  # for work that a counter does not weigh in whole numbers
Weights = Mapping[OpClass, int | Amount]


@dataclass(frozen=True)
class CostRule:
    """`weights` for each row that meets all conditions given; several rules may meet one row.

    `modules` are exact types of the module that made the call, `functions` the torch functions it
    called, `aten` the ops that came of it. `times` multiplies what a row adds.
    """

    weights: Weights
    modules: frozenset[str] | None = None
    functions: frozenset[str] | None = None
    aten: frozenset[str] | None = None
    when: Callable[[Row], bool] | None = None
    times: Callable[[Row], int] | None = None

    def meets(self, row: Row) -> bool:
        """Whether every condition holds."""
        call = row.call
        return (
            (self.modules is None or call.module in self.modules)
            and (self.functions is None or call.function in self.functions)
            and (self.aten is None or row.aten in self.aten)
            and (self.when is None or self.when(row))
        )

    def amounts(self, row: Row) -> Iterator[tuple[OpClass, int]]:
        """What it adds for each class of work that the row holds."""
        times = 1 if self.times is None else self.times(row)
        for op_class, weight in self.weights.items():
            if work := row.counts.get(op_class, 0):
                yield op_class, times * (weight * work if isinstance(weight, int) else weight(row))


@dataclass(frozen=True)
class Part:
    """What a counter adds for one class of work in one place.

    `weight` is None where the amount is no multiple of the work.
    """

    path: str
    term: str
    amount: int
    weight: int | None = None


def row_parts(rules: tuple[CostRule, ...], rows: Iterable[Row]) -> Iterator[Part]:
    """Every non-zero part that `rows` have in the prediction."""
    for row in rows:
        amounts: dict[OpClass, int] = {}
        for rule in rules:
            if rule.meets(row):
                for op_class, amount in rule.amounts(row):
                    amounts[op_class] = amounts.get(op_class, 0) + amount
        for op_class, amount in amounts.items():
            if amount:
                weight, rest = divmod(amount, row.counts[op_class])
                yield Part(row.path, op_class.value, amount, None if rest else weight)


def terms_of(parts: Iterable[Part]) -> dict[str, int]:
    """The parts added up by term."""
    terms: dict[str, int] = {}
    for part in parts:
        terms[part.term] = terms.get(part.term, 0) + part.amount
    return terms


def qualified(*groups: str) -> frozenset[str]:
    """`qualified("torch: add mul")`: the names of functions or classes, each after its owner."""
    return frozenset(
        f"{owner}.{name}"
        for owner, names in (group.split(":") for group in groups)
        for name in names.split()
    )


def torch_modules(*groups: str) -> frozenset[str]:
    """`torch_modules("conv: Conv1d Conv2d")`: classes of `torch.nn`, by the file they are in."""
    return qualified(*(f"torch.nn.modules.{group}" for group in groups))


def affine(row: Row) -> bool:
    """Whether a norm scales and shifts by parameters."""
    given = len(row.operands)
    if row.op != "batch_norm" or given > 3:  # with no statistics, or with weights beside them
        return given > 1
    # What is normalised may be a parameter itself, where weights are standardised.
    return given != 1 and (row.weighted or "weight" in row.call.params)


def norm_rules(
    weight: int,
    plain: int,
    *,
    modules: frozenset[str] | None = None,
    when: Callable[[Row], bool] = lambda row: True,
    times: Callable[[Row], int] | None = None,
) -> tuple[CostRule, CostRule]:
    """`weight` per element of norms that meet the conditions, `plain` of those without parameters.

    The conditions are those of a CostRule.
    """
    norm = OpClass.NORM_ELEMENTS
    return (
        CostRule({norm: weight}, modules, when=lambda row: when(row) and affine(row), times=times),
        CostRule(
            {norm: plain}, modules, when=lambda row: when(row) and not affine(row), times=times
        ),
    )


def from_this_batch(row: Row) -> bool:
    """Whether a batch norm works out its statistics, because it is given none to use."""
    given = len(row.operands)
    return given in (1, 2) or (given == 3 and affine(row))


def is_attention(row: Row) -> bool:
    """Scaled dot-product attention, which torch runs as one op."""
    return row.op == "scaled_dot_product_attention"


def is_not_attention(row: Row) -> bool:
    """Any other op."""
    return row.op != "scaled_dot_product_attention"


def from_the_left(shapes: Iterable[Sequence[int]]) -> int:
    """The product of the larger of each two sizes, set side by side from the first on."""
    return prod(max(sizes) for sizes in zip_longest(*shapes, fillvalue=1))


def is_sparse_product(row: Row) -> bool:
    """A product of a sparse matrix, whose MACs are those of what it stores."""
    return row.op == "sparse_matmul"


def as_if_dense(row: Row) -> int:
    """The MACs that such a product would have with all that is not stored."""
    matrix = row.operands[1 if row.aten == "_sparse_addmm" else 0]
    return prod(row.output) * matrix[-1]


MACS: Weights = {OpClass.CONV_MACS: 1, OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1}
CONVOLUTIONS = torch_modules("conv: Conv1d Conv2d Conv3d")
TRANSPOSED = torch_modules("conv: ConvTranspose1d ConvTranspose2d ConvTranspose3d")
BATCH_NORMS = torch_modules("batchnorm: BatchNorm1d BatchNorm2d BatchNorm3d")
INSTANCE_NORMS = torch_modules("instancenorm: InstanceNorm1d InstanceNorm2d InstanceNorm3d")
AVERAGE_POOLS = torch_modules("pooling: AvgPool1d AvgPool2d AvgPool3d")
MAX_POOLS = torch_modules("pooling: MaxPool1d MaxPool2d MaxPool3d")
ADAPTIVE_AVERAGE_POOLS = torch_modules(
    "pooling: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d"
)
ADAPTIVE_MAX_POOLS = torch_modules("pooling: AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d")

# Functions that counters replace under their names.
REPLACED_ACTIVATIONS = qualified("torch: prelu", "torch.nn.functional: relu elu relu6 gelu silu")
POOL_FUNCTIONS = qualified(
    "torch: avg_pool1d adaptive_avg_pool1d",
    "torch.nn.functional: avg_pool2d avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d",
    "torch.nn.functional: max_pool1d max_pool2d max_pool3d",
    "torch.nn.functional: adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
    # What these call where indices are asked for.
    "torch.nn.functional: max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices",
    "torch.nn.functional: adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices",
    "torch.nn.functional: adaptive_max_pool3d_with_indices",
)
RECURRENT = qualified("torch: lstm gru rnn_tanh rnn_relu") | {LSTM_IN_STEPS}
# Ops that TorchScript keeps whole, whose products a counter of its graphs has no handler for.
WHOLE_PRODUCTS = qualified(
    "torch: inner outer ger kron mv dot vdot addr addbmm matrix_power cov corrcoef",
    "torch.Tensor: inner outer ger mv dot vdot addr addbmm matrix_power cov corrcoef",
    "torch.Tensor: addmm_ addmv_ addbmm_ baddbmm_ addr_",
    "torch.functional: tensordot chain_matmul",
    "torch._C._sparse: _sparse_mm",
    "torch._C._linalg: linalg_multi_dot linalg_vecdot linalg_matrix_power",
)


_LSTM = "torch.lstm"


def as_it_ran(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of real kernels: an LSTM that is among them step by step was not run as one.

    As of packed sequences, whose steps are of different sizes.
    """
    for row in rows:
        if row.call.function == _LSTM and row.aten != "mkldnn_rnn_layer":
            row = row._replace(call=row.call._replace(function=LSTM_IN_STEPS))
        yield row


def is_lstm(row: Row) -> bool:
    """A step of an LSTM without projections."""
    return row.call.function in (_LSTM, LSTM_IN_STEPS) and "weight_hr_l0" not in row.call.params


def fused_lstm(row: Row) -> bool:
    """Such a step that torch runs as one kernel on the CPU."""
    return is_lstm(row) and row.call.function == _LSTM
