"""Work per element: arithmetic, reductions, and ops that only move or fill memory."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Rule, Work, packets, table

_ARITHMETIC = """
    abs acos acosh addcdiv addcmul angle arctan2 asin asinh atan atan2 atanh bernoulli bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bucketize cauchy ceil
    clamp clamp_max clamp_min clip complex copysign cos cosh deg2rad digamma div divide dropout eq
    erf erfc erfinv exp exp2 expm1 exponential floor floor_divide fmax fmin fmod frac frexp gcd ge
    geometric greater gt heaviside hypot i0 igamma isfinite isin isinf isnan isneginf isposinf lcm
    ldexp le lerp less lgamma log log10 log1p log2 log_normal logaddexp logaddexp2 logical_and
    logical_not logical_or logical_xor logit lt masked_fill maximum minimum mvlgamma nan_to_num
    native_dropout ne neg nextafter normal polar polygamma pow rad2deg random reciprocal relative
    remainder round rrelu_with_noise rsqrt rsub searchsorted sgn sign signbit sin sinc sinh
    special_entr special_erfcx special_expit special_i0e special_i1 special_ndtr special_xlog1py
    special_zeta sqrt square sub tan threshold trunc uniform where xlogy _fused_dropout
    multinomial _weight_norm_interface
    """

_REDUCTIONS = """
    all amax amin aminmax any argmax argmin argsort bincount count_nonzero cummax cummin cumprod
    cumsum dist histc kthvalue linalg_vector_norm linalg_matrix_norm logcumsumexp logsumexp max
    median min mode nanmedian nansum norm prod scatter_reduce segment_reduce sort std std_mean sum
    topk trace unique_consecutive unique_dim var var_mean _cummax_helper _cummin_helper
    _logcumsumexp _unique _unique2 _cdist_forward _pdist_forward renorm
    """

_MOVES = """
    arange as_strided_copy block_diag cat channel_shuffle clone contiguous copy
    detach_copy diag diag_embed diagonal_scatter eye fill flip flipud fliplr full full_like
    index_add index_copy index_fill index_put index_reduce lift_fresh_copy linspace logspace
    masked_scatter new_full new_ones new_zeros nonzero nonzero_static one_hot ones ones_like
    permute_copy pixel_shuffle pixel_unshuffle native_channel_shuffle put rand rand_like randint
    randint_like randn randn_like randperm range repeat repeat_interleave roll rot90 scalar_tensor
    scatter scatter_add select_scatter slice_scatter stack tensor_data tile to_dense tril
    tril_indices triu triu_indices vander view_copy zero zeros zeros_like _to_copy _copy_from
    _index_put_impl _unsafe_index_put _to_dense _pad_packed_sequence _pack_padded_sequence
    cartesian_prod combinations im2col col2im expand_copy t_copy transpose_copy unfold_copy
    alias_copy squeeze_copy unsqueeze_copy
    """

# They read of their first argument only what they fetch.
_LOOKUPS = """
    embedding gather index index_select masked_select take take_along_dim _unsafe_index
    _unsafe_masked_index
    """


def _reduction(op: str) -> Rule:
    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        if len(args) > 1 and isinstance(args[1], Tensor):  # max and min of two tensors
            return Work(op, Kind.ELEMENTWISE, {OpClass.ELEMENTWISE_ELEMENTS: y.numel()})
        return Work(op, Kind.REDUCTION, {OpClass.REDUCTION_INPUTS: args[0].numel()})

    return rule


def _lookup(op: str) -> Rule:
    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return Work(op, Kind.MOVE, {OpClass.MOVED_ELEMENTS: y.numel()}, fetched=y.numel())

    return rule


def _embedding_bag(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    table, indices = args[:2]
    fetched = indices.numel() * table.shape[-1]
    return Work("embedding_bag", Kind.REDUCTION, {OpClass.REDUCTION_INPUTS: fetched}, None, None,
                None, fetched)  # fmt: skip


def _named(names: str, make: Any) -> dict[Any, Rule]:
    return {packet: make(packet.__name__.strip("_")) for packet in packets(names)}


RULES: dict[Any, Rule] = {
    **table("add", Kind.ELEMENTWISE, OpClass.ADD_ELEMENTS),
    **table("mul multiply", Kind.ELEMENTWISE, OpClass.MUL_ELEMENTS),
    **table(_ARITHMETIC, Kind.ELEMENTWISE, OpClass.ELEMENTWISE_ELEMENTS),
    **_named(_REDUCTIONS, _reduction),
    **table(_MOVES, Kind.MOVE, OpClass.MOVED_ELEMENTS),
    **_named(_LOOKUPS, _lookup),
    **dict.fromkeys(packets("embedding_bag _embedding_bag _embedding_bag_forward_only"),
                    _embedding_bag),
}  # fmt: skip
