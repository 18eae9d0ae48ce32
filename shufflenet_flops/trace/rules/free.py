"""Ops that rename, describe or allocate without touching an element."""

from __future__ import annotations

from shufflenet_flops.trace.rules.work import packets

FREE = frozenset(
    packets(
        """
        alias as_strided chunk conj _conj detach diagonal empty empty_like empty_permuted
        empty_strided expand expand_as imag lift lift_fresh movedim narrow new_empty
        new_empty_strided permute positive real requires_grad reshape resize resize_as
        resolve_conj resolve_neg select set slice split split_with_sizes squeeze swapaxes swapdims
        sym_numel sym_size sym_storage_offset sym_stride t tensor_split to transpose unbind
        unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view view_as
        view_as_complex view_as_real _neg_view _nested_view_from_buffer _reshape_alias
        _unsafe_view _assert_async _assert_tensor_metadata _has_compatible_shallow_copy_type
        _functional_assert_async is_same_size is_pinned _pin_memory record_stream
        _linalg_check_errors _local_scalar_dense _fused_sdp_choice equal is_nonzero
        """
    )
)
