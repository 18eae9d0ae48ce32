"""What each op is: its class of work, its kind, and whether it moves bytes. The one table of it.

Names are those of torch's aten ops. Whoever reads calls of ops (of torch, of an ONNX graph) asks
here what an op is, and works out by formulas of its own how much of that a call does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass


class Nature(NamedTuple):
    """What an op is: a unit of `op_class` for each element; None for an op that is free.

    A free op renames, describes or allocates: it `moves` nothing and has no row.
    """

    op_class: OpClass | None
    kind: Kind | None
    moves: bool


class Work(NamedTuple):
    """The work of one call of an op; who saw the call adds where it was and what it moved.

    `fetched` is given by ops that read only a part of their first argument: its elements.
    """

    op: str
    kind: Kind
    counts: Mapping[OpClass, int]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    groups: int | None = None
    fetched: int | None = None


_BY_CLASS: tuple[tuple[OpClass, Kind, str], ...] = (
    (OpClass.ADD_ELEMENTS, Kind.ELEMENTWISE, "add"),
    (OpClass.MUL_ELEMENTS, Kind.ELEMENTWISE, "mul multiply"),
    (
        OpClass.ELEMENTWISE_ELEMENTS,
        Kind.ELEMENTWISE,
        """
        abs acos acosh addcdiv addcmul angle arctan2 asin asinh atan atan2 atanh bernoulli
        bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
        bucketize cauchy ceil clamp clamp_max clamp_min clip complex copysign cos cosh deg2rad
        digamma div divide dropout eq erf erfc erfinv exp exp2 expm1 exponential floor floor_divide
        fmax fmin fmod frac frexp gcd ge geometric greater gt heaviside hypot i0 igamma isfinite
        isin isinf isnan isneginf isposinf lcm ldexp le lerp less lgamma log log10 log1p log2
        log_normal logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt
        masked_fill maximum minimum mvlgamma nan_to_num native_dropout ne neg nextafter normal polar
        polygamma pow rad2deg random reciprocal relative remainder round rrelu_with_noise rsqrt rsub
        searchsorted sgn sign signbit sin sinc sinh special_entr special_erfcx special_expit
        special_i0e special_i1 special_ndtr special_xlog1py special_zeta sqrt square sub tan
        threshold trunc uniform where xlogy _fused_dropout multinomial _weight_norm_interface
        quantize_per_tensor dequantize _fft_c2c _fft_c2r _fft_r2c linalg_cross
        linalg_solve_triangular triangular_solve det inverse hann_window hamming_window
        bartlett_window blackman_window kaiser_window
        fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask
        _fused_moving_avg_obs_fq_helper
        _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
        _fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine
        """,
    ),
    # Gradients that are worked out element by element.
    (
        OpClass.ELEMENTWISE_ELEMENTS,
        Kind.ELEMENTWISE,
        """
        _adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward _batch_norm_impl_index_backward
        _cdist_backward _ctc_loss_backward _embedding_bag_backward _embedding_bag_dense_backward
        _embedding_bag_per_sample_weights_backward _embedding_bag_sparse_backward
        _fake_quantize_learnable_per_channel_affine_backward
        _fake_quantize_learnable_per_tensor_affine_backward _fused_rms_norm_backward
        _gather_sparse_backward _grid_sampler_2d_cpu_fallback_backward _log_softmax_backward_data
        _masked_softmax_backward _pack_padded_sequence_backward _pdist_backward
        _prelu_kernel_backward _segment_reduce_backward _softmax_backward_data
        _thnn_fused_gru_cell_backward _thnn_fused_lstm_cell_backward
        _thnn_fused_lstm_cell_backward_impl _upsample_bicubic2d_aa_backward
        _upsample_bilinear2d_aa_backward _upsample_lanczos2d_aa_backward
        _upsample_nearest_exact1d_backward _upsample_nearest_exact2d_backward
        _upsample_nearest_exact3d_backward _weight_norm_differentiable_backward
        _weight_norm_interface_backward adaptive_avg_pool3d_backward adaptive_max_pool2d_backward
        adaptive_max_pool3d_backward affine_grid_generator_backward avg_pool2d_backward
        avg_pool3d_backward batch_norm_backward batch_norm_backward_elemt
        batch_norm_backward_reduce binary_cross_entropy_backward
        cudnn_affine_grid_generator_backward cudnn_batch_norm_backward
        cudnn_grid_sampler_backward cummaxmin_backward cumprod_backward diagonal_backward
        elu_backward embedding_backward embedding_dense_backward embedding_sparse_backward
        fake_quantize_per_channel_affine_cachemask_backward
        fake_quantize_per_tensor_affine_cachemask_backward fractional_max_pool2d_backward
        fractional_max_pool3d_backward gather_backward gelu_backward glu_backward
        grid_sampler_2d_backward grid_sampler_3d_backward hardshrink_backward
        hardsigmoid_backward hardswish_backward hardtanh_backward huber_loss_backward
        index_select_backward infinitely_differentiable_gelu_backward leaky_relu_backward
        log_sigmoid_backward logit_backward masked_scatter_backward masked_select_backward
        max_pool2d_backward max_pool2d_with_indices_backward max_pool3d_with_indices_backward
        miopen_batch_norm_backward mish_backward mkldnn_adaptive_avg_pool2d_backward
        mkldnn_max_pool2d_backward mkldnn_max_pool3d_backward mse_loss_backward
        multi_margin_loss_backward multilabel_margin_loss_backward native_batch_norm_backward
        native_dropout_backward native_group_norm_backward native_layer_norm_backward
        nll_loss2d_backward nll_loss_backward reflection_pad1d_backward
        reflection_pad2d_backward reflection_pad3d_backward replication_pad1d_backward
        replication_pad2d_backward replication_pad3d_backward rrelu_with_noise_backward
        select_backward sigmoid_backward silu_backward slice_backward smooth_l1_loss_backward
        soft_margin_loss_backward softplus_backward softshrink_backward tanh_backward
        threshold_backward trace_backward upsample_bicubic2d_backward
        upsample_bilinear2d_backward upsample_linear1d_backward upsample_nearest1d_backward
        upsample_nearest2d_backward upsample_nearest3d_backward upsample_trilinear3d_backward
        value_selecting_reduction_backward
        """,
    ),
    (
        OpClass.ACTIVATION_ELEMENTS,
        Kind.ACTIVATION,
        """
        celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward
        mish prelu _prelu_kernel relu relu6 selu sigmoid silu softplus softshrink softsign tanh
        """,
    ),
    (OpClass.SOFTMAX_ELEMENTS, Kind.ACTIVATION, "softmax"),
    (
        OpClass.NORM_ELEMENTS,
        Kind.NORM,
        """
        batch_norm group_norm instance_norm layer_norm local_response_norm lp_norm
        mean_variance_norm rms_norm
        """,
    ),
    (
        OpClass.INTERPOLATED_ELEMENTS,
        Kind.RESAMPLE,
        """
        upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
        _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
        upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
        _upsample_lanczos2d_aa grid_sampler grid_sampler_2d grid_sampler_3d
        _grid_sampler_2d_cpu_fallback affine_grid_generator interpolate
        """,
    ),
    (
        OpClass.REDUCTION_INPUTS,
        Kind.REDUCTION,
        """
        all amax amin aminmax any argmax argmin argsort bincount count_nonzero cummax cummin cumprod
        cumsum dist embedding_bag histc kthvalue linalg_vector_norm linalg_matrix_norm logcumsumexp
        logsumexp max median min mode nanmedian nansum norm prod scatter_reduce segment_reduce sort
        std std_mean sum topk trace unique_consecutive unique_dim var var_mean _cummax_helper
        _cummin_helper _logcumsumexp _unique _unique2 _cdist_forward _euclidean_dist _pdist_forward
        embedding_renorm renorm binary_cross_entropy binary_cross_entropy_with_logits huber_loss
        l1_loss mse_loss
        multi_margin_loss multilabel_margin_loss_forward nll_loss nll_loss_forward nll_loss2d
        nll_loss2d_forward smooth_l1_loss soft_margin_loss _ctc_loss
        """,
    ),
    (
        OpClass.MOVED_ELEMENTS,
        Kind.MOVE,
        """
        arange as_strided_copy block_diag cat channel_shuffle clone contiguous copy
        detach_copy diag diag_embed diagonal_scatter eye fill flip flipud fliplr full full_like
        index_add index_copy index_fill index_put index_reduce lift_fresh_copy linspace logspace
        masked_scatter max_unpool new_full new_ones new_zeros nonzero nonzero_static one_hot ones
        ones_like pad permute_copy pixel_shuffle pixel_unshuffle native_channel_shuffle put rand
        rand_like randint randint_like randn randn_like randperm range repeat repeat_interleave roll
        rot90 scalar_tensor scatter scatter_add select_scatter slice_scatter stack tensor_data tile
        to_dense tril tril_indices triu triu_indices vander view_copy zero zeros zeros_like _to_copy
        _copy_from _index_put_impl _unsafe_index_put _to_dense _pad_packed_sequence
        _pack_padded_sequence cartesian_prod combinations im2col col2im expand_copy t_copy
        transpose_copy unfold_copy alias_copy squeeze_copy unsqueeze_copy diagonal_copy narrow_copy
        select_copy slice_copy view_as_complex_copy view_as_real_copy _conj_copy _neg_view_copy
        _reshape_copy _reshape_alias_copy
        unfold_backward _to_sparse _to_sparse_csr _to_sparse_csc _to_sparse_bsr _to_sparse_bsc
        embedding gather index index_select masked_select take take_along_dim _unsafe_index
        _unsafe_masked_index
        """,
    ),
)

_FREE = """
    alias as_strided chunk conj _conj detach diagonal _efficientzerotensor empty empty_like
    empty_permuted
    empty_strided expand expand_as imag lift lift_fresh movedim narrow new_empty
    new_empty_strided permute positive real requires_grad reshape resize resize_as
    resolve_conj resolve_neg select set slice split split_with_sizes squeeze swapaxes swapdims
    sym_numel sym_size sym_storage_offset sym_stride t tensor_split to transpose unbind
    unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view view_as
    view_as_complex view_as_real _neg_view _nested_view_from_buffer _reshape_alias
    _unsafe_view _assert_async _assert_tensor_metadata _has_compatible_shallow_copy_type
    _functional_assert_async is_same_size is_pinned _pin_memory record_stream
    _sparse_coo_tensor_with_dims_and_tensors _linalg_check_errors
    _local_scalar_dense _fused_sdp_choice equal is_nonzero
    """


def _natures() -> Iterator[tuple[str, Nature]]:
    for op_class, kind, names in _BY_CLASS:
        for name in names.split():
            yield name, Nature(op_class, kind, moves=True)
    for name in _FREE.split():
        yield name, Nature(None, None, moves=False)


def _table() -> dict[str, Nature]:
    natures: dict[str, Nature] = {}
    for name, nature in _natures():
        if name in natures:
            raise ValueError(f"the op {name} stands in the table twice")
        natures[name] = nature
    return natures


NATURES: Mapping[str, Nature] = MappingProxyType(_table())


def ops_of(*classes: OpClass | None) -> tuple[str, ...]:
    """The ops whose class is one of these; None stands for those that are free."""
    return tuple(name for name, nature in NATURES.items() if nature.op_class in classes)


def work_of(op: str, elements: int, fetched: int | None = None) -> Work:
    """The work of a call of `op` that does its unit of work for each of `elements`.

    Raises KeyError for an op that is not in the table, ValueError for one that is free.
    """
    op_class, kind, _ = NATURES[op]
    if op_class is None or kind is None:
        raise ValueError(f"{op} is free: it has no work")
    return Work(op.strip("_"), kind, {op_class: elements}, None, None, None, fetched)
