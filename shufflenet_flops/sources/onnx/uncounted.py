"""Operators whose work nothing in a file tells, and what does: for the reader of a count."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DECODER = "which runs its decoder until values end it: count the decoder's graph by itself"
_CHOSEN = "which reads the tokens that values choose"
_COMPILED = "which holds what an engine compiled, and no graph"
_TEXT = "which works on text"
_PLUGIN = "which is a plugin of TensorRT's, that works out boxes which values choose"
_BLOCKS = "whose blocks of numbers are as long as an engine makes them"
_KEPT = "which keeps as many tokens as values say"
_REASONS: Mapping[str, str] = {
    **dict.fromkeys(("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"), _DECODER),
    **dict.fromkeys(
        """
        DynamicSparseAttention LongformerAttention PackedSparseAttentionIndexer
        PackedSparseAttentionIndexerMerge PagedAttention QOrderedLongformerAttention
        SparseAttention SparseAttentionIndexer SparsePagedAttention
        """.split(),
        _CHOSEN,
    ),
    **dict.fromkeys(("EPContext", "Snpe"), _COMPILED),
    **dict.fromkeys(("MurmurHash3", "Tokenizer"), _TEXT),
    **dict.fromkeys(("QuantizeBFP", "DequantizeBFP"), _BLOCKS),
    **dict.fromkeys(
        """
        BifurcationDetector ConvStateReplay GatedDeltaNetStateReplay SpeculativePrefixCommit
        """.split(),
        _KEPT,
    ),
    "CropAndResize": "which makes images as large as values say",
    "DecoderAttention": "which takes one of two ways that values choose",
    "DecoderMaskedSelfAttention": "whose cache is as full as values say",
    "DecoderMaskedMultiHeadAttention": "whose cache is as full as values say",
    "GroupQueryAttention": "whose cache is as full as values say",
    "DynamicTimeWarping": "whose path is as long as values say",
    "GatherPacked": _CHOSEN,
    "MatMulFpQ4": "whose weight is as large as values say",
    "MoEPacked": "which sends each token to the experts that values choose",
    "RelativePositionBias": "which is as long as values say",
    "RemovePadding": "which keeps the tokens that values choose",
    "RestorePadding": "which puts tokens where values say",
    "SparseToDenseMatMul": "which multiplies the elements that a sparse matrix holds",
}
REASONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("ai.onnx.ml", "CastMap"): "whose length is the number of keys",
        ("ai.onnx.preview.training", "Gradient"): "whose backward pass is not written out",
        ("", "GivenTensorFill"): "which is as large as values say",
        **{
            ("", f"{name}_TRT"): _PLUGIN
            for name in ("EfficientNMS", "MultilevelCropAndResize", "PyramidROIAlign")
        },
        **{("com.microsoft", name): reason for name, reason in _REASONS.items()},
    }
)
# Why a shape is not known after these operators of ONNX's own, as the end of "on a shape that".
SHAPES: Mapping[str, str] = MappingProxyType(
    {"ImageDecoder": "the encoded image decides", "CastMap": "the keys of a map decide"}
)
