"""Further operators of ONNX Runtime, each by hand, and that none of ONNX's is unknown.

microsoft/onnxruntime, ContribOperators.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper

from shufflenet_flops.sources.onnx.contributed import MEANINGS
from shufflenet_flops.sources.onnx.rules import FORMULAS, FREE
from shufflenet_flops.sources.onnx.uncounted import REASONS
from tests.cases.test_onnx_machine_learning import NODE, count, totals, value, weight

INT32, INT64, UINT8 = TensorProto.INT32, TensorProto.INT64, np.uint8


def node(op_type: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """One of ONNX Runtime's; "-" is an input or output that is left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return NODE(op_type, *names, domain="com.microsoft", **attributes)


def test_no_operator_is_unknown() -> None:
    """Each has a formula, stands for others, or has its sentence; ONNX itself defines the rest."""
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    schemas = (*state.get_all_operator_schema(), *defs.get_all_schemas_with_history())
    written_out = {
        (schema.domain, schema.name)
        for schema in defs.get_all_schemas()
        if schema.has_context_dependent_function
    }
    unfolded = {("", name) for name in ("If", "Loop", "Scan", "SequenceMap")}
    own = {("", name) for name in (*FORMULAS, *FREE)}
    known = {*MEANINGS, *REASONS, *own, *unfolded, *written_out}

    assert {(schema.domain, schema.name) for schema in schemas} - known == set()


# (rows, 64) by weights of 64 x 32 in halves of bytes, and scales for blocks of 32.
PACKED = (weight("q", 32, 2, 16, dtype=UINT8), weight("s", 32, 2), weight("b", 32))
FLAT = weight("q", 32 * 64 // 2, dtype=UINT8), weight("s", 64)
SMALL = weight("d", 4, 2, 16, dtype=UINT8), weight("ds", 4, 2)
LARGE = weight("u", 32, 1, 16, dtype=UINT8), weight("us", 32, 1)
BITS = {"K": 64, "N": 32, "bits": 4, "block_size": 32}
PRODUCT = 3 * 64 * 32


@pytest.mark.parametrize(
    ("made", "weights", "width", "macs", "params"),
    [
        (node("MatMulNBits", "x q s", **BITS), PACKED[:2], 64, PRODUCT, 64 * 32),
        (node("MatMulNBits", "x q s - - b", **BITS), PACKED, 64, PRODUCT, 64 * 32 + 32),
        (node("MatMulBnb4", "x q s", K=64, N=32), FLAT, 64, PRODUCT, 64 * 32),
        (node("MatMulBnb4", "x q s", K=64, N=32, transB=0), FLAT, 32, PRODUCT, 64 * 32),
        (
            node("MatMulPacked", "x q", K=64, N=32, packed_type="q", activation_type="relu2"),
            (weight("q", 32, 36, dtype=UINT8),),
            64,
            PRODUCT,
            64 * 32,
        ),
        (
            node("MatMulBlockQuantizedFp4Weight", "x q s one - b"),
            (weight("q", 32, 32, dtype=UINT8), *PACKED[1:], weight("one")),
            64,
            PRODUCT,
            64 * 32 + 32,
        ),
        (
            node("MatMulBlockQuantizedFp8Weight", "x q s - b"),
            (weight("q", 32, 64, dtype=UINT8), *PACKED[1:]),
            64,
            PRODUCT,
            64 * 32 + 32,
        ),
        (
            node("MatMulNBitsQLoRA", "x q s d ds u us", lora_bits=4, lora_block_size=32, **BITS),
            (*PACKED[:2], *SMALL, *LARGE),
            64,
            PRODUCT + 3 * 64 * 4 + 3 * 4 * 32,
            64 * 32 + 64 * 4 + 4 * 32,
        ),
        (
            node("MatMulNBitsMlp", "x x g q s - q s b", "y sum", activation="silu", **BITS),
            (*PACKED, weight("g", 64)),
            64,
            2 * PRODUCT,
            64 * 32 + 32 + 64,
        ),
        (
            node("MatMulNBitsQkv", "x - g q s - u us - v vs b", "y", Nq=32, Nkv=8, K=64, bits=4),
            (*PACKED[:2], weight("u", 8, 2, 16, dtype=UINT8), weight("us", 8, 2),
             weight("v", 8, 2, 16, dtype=UINT8), weight("vs", 8, 2), weight("b", 8),
             weight("g", 64)),
            64,
            3 * 64 * (32 + 8 + 8),
            64 * (32 + 8 + 8) + 8 + 64,
        ),
    ],
    ids="bits bias bnb transposed packed fp4 fp8 lora mlp qkv".split(),
)  # fmt: skip
def test_products_with_packed_weights(
    tmp_path: Path,
    made: onnx.NodeProto,
    weights: tuple[onnx.TensorProto, ...],
    width: int,
    macs: int,
    params: int,
) -> None:
    """A parameter is a number, of which a byte holds two, and scales are none."""
    found = count(tmp_path, [made], value("x", 3, width), weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == macs
    assert found.params == params


def test_what_reading_a_packed_weight_moves(tmp_path: Path) -> None:
    """Bytes of two numbers each, beside rows of 4 bytes for each."""
    found = count(
        tmp_path, [node("MatMulNBits", "x q s", **BITS)], value("x", 3, 64), weights=PACKED
    )
    (row,) = found.table.rows

    assert row.read_bytes == 3 * 64 * 4 + 32 * 64 // 2


@pytest.mark.parametrize(("dtype", "each"), [(UINT8, 2), (np.int32, 1)])
def test_rows_of_a_packed_table(tmp_path: Path, dtype: Any, each: int) -> None:
    made = node("GatherBlockQuantized", "table x s", bits=4, gather_axis=0, quantize_axis=1)
    table = weight("table", 10, 16, dtype=dtype)
    weights = (table, weight("s", 10, 1))
    found = count(tmp_path, [made], value("x", 5, dtype=INT64), weights=weights)

    assert found.unknown_ops == {}
    assert found.table.rows[-1].output == (5, 16 * each)


def test_scales_of_each_channel_are_no_parameters(tmp_path: Path) -> None:
    weights = (
        weight("q", 64, 32, dtype=np.int8), weight("sc", 32), weight("zc", 32, dtype=np.int8),
        weight("s"), helper.make_tensor("z", TensorProto.UINT8, [], [1]),
    )  # fmt: skip
    x = value("x", 2, 64, dtype=TensorProto.UINT8)
    found = count(tmp_path, [node("QGemm", "x s z q sc zc")], x, weights=weights)

    assert found.table.macs == 2 * 64 * 32
    assert found.params == 64 * 32


def test_attention_of_whole_numbers(tmp_path: Path) -> None:
    """Three products of 8 x 8, two heads of 4 on 5 tokens."""
    names = "x s s s s q k v s s s b b b - - s"
    weights = (*(weight(name, 8, 8, dtype=np.int8) for name in "qkv"), weight("b", 8), weight("s"))
    x = value("x", 1, 5, 8, dtype=TensorProto.INT8)
    found = count(tmp_path, [node("QOrderedAttention", names, num_heads=2)], x, weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 3 * 5 * 8 * 8 + 2 * 5 * 5 * (4 + 4)


# Tokens of 3 streams of 4 numbers.
STREAMS = value("x", 2, 5, 3, 4)
FLAT_STREAMS = value("x", 2, 5, 12)


@pytest.mark.parametrize(
    ("made", "inputs", "macs", "output"),
    [
        (node("BranchwiseRMSNorm", "x"), (STREAMS,), 0, (2, 5, 3, 4)),
        (node("BranchwiseRMSNorm", "x w", num_branches=3), (FLAT_STREAMS,), 0, (2, 5, 12)),
        (node("HyperConnectionPreMix", "x g"), (STREAMS, value("g", 2, 5, 3)), 120, (2, 5, 4)),
        (node("HyperConnectionPreMix", "x g"), (STREAMS, value("g", 2, 5, 3, 1)), 120, (2, 5, 4)),
        (
            node("HyperConnectionPreMix", "x g", num_branches=3),
            (FLAT_STREAMS, value("g", 2, 5, 12)),
            120,
            (2, 5, 4),
        ),
        (
            node("HyperConnectionPostMix", "x b g m"),
            (STREAMS, value("b", 2, 5, 4), value("g", 2, 5, 3), value("m", 2, 5, 3, 3)),
            10 * 3 * 3 * 4,
            (2, 5, 3, 4),
        ),
        (
            node("HyperConnectionPostMix", "x b g", num_branches=3),
            (FLAT_STREAMS, value("b", 2, 5, 4), value("g", 2, 5, 3, 4)),
            0,
            (2, 5, 12),
        ),
        (
            node("HyperConnectionLowRankMix", "x n d u i b g", "y gate s", num_branches=3),
            (FLAT_STREAMS, value("b", 2, 5, 4), value("g", 2, 5, 3)),
            10 * (12 * 6 + 6 * 12 + 12 * 3 + 12),
            (2, 5, 4),
        ),
        (
            node("EngramGate", "x x v k q c", "y normed"),
            (STREAMS, value("v", 2, 5, 4)),
            10 * 3 * 4,
            (2, 5, 3, 4),
        ),
        (
            node("GatedAdd", "x x g p"),
            (FLAT_STREAMS, value("g", 2, 5, 7)),
            10 * 7,
            (2, 5, 12),
        ),
        (node("GatedAdd", "x x g"), (FLAT_STREAMS, value("g", 2, 5, 1)), 0, (2, 5, 12)),
    ],
    ids="norm flat sum sum1 sum_flat mix add low engram gate gated".split(),
)
def test_streams_and_gates(
    tmp_path: Path,
    made: onnx.NodeProto,
    inputs: tuple[onnx.ValueInfoProto, ...],
    macs: int,
    output: tuple[int, ...],
) -> None:
    weights = (
        weight("w", 4), weight("n", 12), weight("d", 12, 6), weight("u", 6, 12), weight("i", 12, 3),
        weight("k", 3, 4), weight("q", 3, 4), weight("c", 3, 4), weight("p", 7, 1),
    )  # fmt: skip
    used = tuple(each for each in weights if each.name in made.input)
    found = count(tmp_path, [made, NODE("Relu", ["y"], ["z"])], *inputs, weights=used)

    assert found.unknown_ops == {}
    assert found.table.macs == macs
    assert found.table.rows[-1].output == output
    assert found.params == sum(int(np.prod(each.dims)) for each in used)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("rule", "products"), [("linear", 2), ("gated", 2), ("delta", 3), ("gated_delta", 3)]
)
def test_states_of_tokens_in_one_row(
    tmp_path: Path, rule: str, products: int, packed: bool
) -> None:
    """6 tokens of 2 sequences, 4 heads of values of 5 and 2 of keys of 3: states of 5 x 3."""
    state = value("state", 2, 4, 5, 3)
    gates = value("decay", 6, 4), value("beta", 6, 4)
    if packed:
        inputs = (value("x", 6, 2 * 2 * 3 + 4 * 5), *gates, state)
        names = "x - - - decay beta state"
    else:
        inputs = (value("x", 6, 2, 3), value("k", 6, 2, 3), value("v", 6, 4, 5), *gates, state)
        names = "x k v - decay beta state"
    found = count(
        tmp_path,
        [node("GatedDeltaNet", names, "y last", update_rule=rule), NODE("Relu", ["last"], ["z"])],
        *inputs,
    )

    assert found.unknown_ops == {}
    assert found.table.macs == 6 * 4 * 5 * 3 * products
    assert totals(found).get("mul_elements", 0) == (6 * 4 * 5 * 3 if "gated" in rule else 0)
    assert [row.output for row in found.table.rows] == [(6, 4, 5), (2, 4, 5, 3)]


def test_a_selective_state(tmp_path: Path) -> None:
    """3 tokens: 4 taps of 2 * 4 + 2 * 5 channels; two products with 2 states of 4 x 5."""
    names = "x conv ssm w b dt a d n row"
    made = node("Mamba2Verify", names, "y c s", heads=2, head_dim=4, d_state=5, n_groups=1)
    weights = (
        weight("w", 18, 4), weight("b", 18), weight("dt", 2), weight("a", 2), weight("d", 2),
        weight("n", 8),
    )  # fmt: skip
    inputs = (
        value("x", 3, 2 * 8 + 2 * 5 + 2), value("conv", 7, 18, 3), value("ssm", 7, 2, 5, 4),
        value("row", 1, dtype=INT32),
    )  # fmt: skip
    found = count(tmp_path, [made], *inputs, weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 3 * 4 * 18 + 3 * 2 * (2 * 4 * 5)
    assert found.params == sum(int(np.prod(each.dims)) for each in weights)


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_over_tokens(tmp_path: Path, dilation: int) -> None:
    """10 tokens of 6 channels by 4 taps, wherever sequences begin."""
    made = node(
        "VarlenCausalConvWithState",
        "x w ends b state",
        "y last",
        activation="silu",
        dilation=dilation,
    )
    inputs = value("x", 10, 6), value("ends", 4, dtype=INT32), value("state", 3, 6, 3 * dilation)
    weights = weight("w", 6, 1, 4), weight("b", 6)
    found = count(tmp_path, [made], *inputs, weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 10 * 6 * 4
    assert found.params == 30
    assert found.table.rows[-1].output == (10, 6)


def test_an_lstm_that_attends(tmp_path: Path) -> None:
    """5 steps of 2 sequences: 3 + 6 numbers in, 4 states; 7 places of 8, keys of 9, 6 out."""
    made = node("AttnLSTM", "x w r - - - - - qw mw v m - aw", "y", hidden_size=4)
    weights = (
        weight("w", 1, 16, 9), weight("r", 1, 16, 4), weight("qw", 1, 4, 9), weight("mw", 1, 8, 9),
        weight("v", 1, 9), weight("aw", 1, 12, 6),
    )  # fmt: skip
    found = count(tmp_path, [made], value("x", 5, 2, 3), value("m", 2, 7, 8), weights=weights)

    cells = 5 * 2 * (16 * 9 + 16 * 4)
    keys, queries = 2 * 7 * 8 * 9, 5 * 2 * 4 * 9
    scores, sums, last = 5 * 2 * 7 * 9, 5 * 2 * 7 * 8, 5 * 2 * 12 * 6
    assert found.unknown_ops == {}
    assert found.table.macs == cells + keys + queries + scores + sums + last
    assert found.params == sum(int(np.prod(each.dims)) for each in weights)


@pytest.mark.parametrize("known", [True, False])
def test_borders_that_are_values(tmp_path: Path, known: bool) -> None:
    """Each of 4 x 4 places of 2 channels meets 3 x 3 x 5 weights; a border of 1 is cut off."""
    pads = helper.make_tensor("p", INT64, [4], [1, 1, 1, 1])
    made = node("ConvTransposeWithDynamicPads", "x w p b", strides=[2, 2])
    inputs = [value("x", 1, 2, 4, 4)] + ([] if known else [value("p", 4, dtype=INT64)])
    weights = (weight("w", 2, 5, 3, 3), weight("b", 5), *([pads] if known else []))
    found = count(tmp_path, [made, NODE("Relu", ["y"], ["z"])], *inputs, weights=weights)

    assert found.table.macs == 16 * 2 * 45
    if known:
        assert found.unknown_ops == {}
        assert found.table.rows[-1].output == (1, 5, 7, 7)


def test_scores_of_experts(tmp_path: Path) -> None:
    """6 tokens of 8 to 5 scores, and to a gated layer of 3 beside 4 scores."""
    made = node("MoEGroupRouter", "x b w", "- y scores", n_group=1, topk_group=1, group_topk=2)
    weights = weight("b", 5), weight("w", 5, 8)
    found = count(tmp_path, [made], value("x", 6, 8), weights=weights)
    assert found.unknown_ops == {}
    assert found.table.macs == 6 * 8 * 5

    made = node("MoEGroupRouter", "x b", "y", n_group=1, topk_group=1, group_topk=2)
    found = count(tmp_path, [made], value("x", 2, 3, 5), weights=weights[:1])
    assert found.unknown_ops == {}
    assert found.table.rows[-1].output == (6, 5)

    made = node("RouterGateUpProj", "x w", "scores y", router_size=4, activation="swiglu")
    found = count(tmp_path, [made], value("x", 6, 8), weights=(weight("w", 8, 4 + 2 * 3),))
    assert found.unknown_ops == {}
    assert found.table.macs == 6 * 8 * 10
    assert found.table.rows[-1].output == (6, 3)


@pytest.mark.parametrize("op_type", ["NGramHashMapping", "VarlenNGramHashMapping"])
def test_rows_of_a_table_for_tokens(tmp_path: Path, op_type: str) -> None:
    """Of 3 tokens, 2 heads each for two and three in a row: 4 places of each."""
    varlen = op_type.startswith("Varlen")
    shape = (10,) if varlen else (2, 5)
    places = [
        helper.make_tensor(name, INT64, [size], [7] * size) for name, size in (("m", 3), ("v", 4))
    ]
    names = "x m v ends" if varlen else "x m v"
    made = node(op_type, names, "y last", max_ngram_size=3, n_head_per_ngram=2)
    nodes = [made, NODE("Gather", ["table", "y"], ["rows"])]
    inputs = value("x", *shape, dtype=INT64), value("ends", 3, dtype=INT32)
    weights = (*places, weight("table", 7, 6))
    found = count(tmp_path, nodes, *inputs[: 1 + varlen], weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 0
    assert found.table.rows[-1].output == (*shape, 4, 6)
    assert found.params == 42


@pytest.mark.parametrize(
    ("made", "inputs", "output"),
    [
        (
            node("RMSNormRotary", "x s p c c", "y", input_width=6, rotary_embedding_dim=4),
            (value("x", 2, 5, 3, 8), value("p", 1, dtype=INT64)),
            (2, 5, 18),
        ),
        (node("LinearAttentionGate", "x d d x", "decay y"), (value("x", 2, 5, 3),), (2, 5, 3)),
        (node("IsAllFinite", "x x"), (value("x", 2, 5),), ()),
        (node("Unique", "x", "y place number"), (value("x", 5),), (0,)),
        (NODE("Affine", ["x"], ["y"], alpha=2.0, beta=1.0), (value("x", 4),), (4,)),
        (NODE("ImageScaler", ["x"], ["y"], scale=2.0), (value("x", 1, 3, 4, 4),), (1, 3, 4, 4)),
        (NODE("ScaledTanh", ["x"], ["y"], alpha=2.0), (value("x", 4),), (4,)),
        (NODE("ParametricSoftplus", ["x"], ["y"]), (value("x", 4),), (4,)),
        (NODE("MemcpyToHost", ["x"], ["y"]), (value("x", 4),), (4,)),
        (NODE("Crop", ["x"], ["y"], border=[1, 0, 1, 1]), (value("x", 1, 3, 8, 8),), (1, 3, 7, 6)),
        (
            NODE("GRUUnit", ["x", "gates", "p", "p"], ["y"]),
            (value("x", 2, 4), value("gates", 2, 12), value("p", 2, dtype=INT32)),
            (2, 4),
        ),
        (
            NODE("DisentangledAttention_TRT", ["x", "p", "p"], ["y"], span=4, factor=0.5),
            (value("x", 4, 6, 6), value("p", 4, 6, 8)),
            (4, 6, 6),
        ),
    ],
    ids=lambda made: made.op_type if isinstance(made, onnx.NodeProto) else "",
)
def test_no_products(
    tmp_path: Path,
    made: onnx.NodeProto,
    inputs: tuple[onnx.ValueInfoProto, ...],
    output: tuple[int, ...],
) -> None:
    """Counted, and without a multiply-accumulate."""
    weights = weight("s", 6), weight("c", 10, 2), weight("d", 3)
    used = tuple(each for each in weights if each.name in made.input)
    nodes = [made, NODE("Identity", ["y"], ["z"]), NODE("Cast", ["z"], ["end"], to=1)]
    found = count(tmp_path, nodes, *inputs, weights=used)

    if made.op_type != "Unique":  # values tell how many there are
        assert found.unknown_ops == {}
        assert found.table.rows[-1].output == output
    assert found.table.macs == 0


@pytest.mark.parametrize(
    ("op_type", "each"), [("Momentum", 2 + 3), ("Adagrad", 5 + 2), ("Adam", 5 + 3 + 4)]
)
def test_a_step_of_an_optimiser(tmp_path: Path, op_type: str, each: int) -> None:
    """Of two tensors of 6 numbers: so many operations on each."""
    kept = {"Momentum": 3, "Adagrad": 3, "Adam": 4}[op_type]
    names = [f"{kind}{i}" for kind in "xgvh"[:kept] for i in range(2)]
    results = [f"{name}'" for name in names if name[0] != "g"]
    made = NODE(op_type, ["r", "t", *names], results, domain="ai.onnx.preview.training")
    inputs = [value("r"), value("t", dtype=INT64), *(value(name, 2, 3) for name in names)]
    found = count(tmp_path, [made], *inputs)

    assert found.unknown_ops == {}
    assert sum(totals(found).values()) == 2 * 6 * each


def test_channels_last_of_the_engine_itself(tmp_path: Path) -> None:
    """Images of 4 x 4 with their 8 channels last."""
    inside = {"domain": "com.ms.internal.nhwc"}
    scales = weight("scales", 4)
    x = value("x", 1, 4, 4, 8)
    for made, output, weights in (
        (NODE("DepthToSpace", ["x"], ["y"], blocksize=2, **inside), (1, 8, 8, 2), ()),
        (NODE("SpaceToDepth", ["x"], ["y"], blocksize=2, **inside), (1, 2, 2, 32), ()),
        (NODE("Resize", ["x", "", "scales"], ["y"], **inside), (2, 8, 8, 16), (scales,)),
        (
            NODE(
                "ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_padding=[1, 1], **inside
            ),
            (1, 10, 10, 5),
            (weight("w", 8, 5, 3, 3),),
        ),
        (
            NODE("QLinearConvTranspose", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"], **inside),
            (1, 6, 6, 5),
            (weight("w", 8, 5, 3, 3, dtype=np.int8), weight("s"), weight("z", dtype=np.int8)),
        ),
    ):
        found = count(tmp_path, [made, NODE("Relu", ["y"], ["z'"])], x, weights=weights)

        assert found.unknown_ops == {}
        assert found.table.rows[-1].output == output
        assert found.table.macs == (16 * 8 * 45 if "Conv" in made.op_type else 0)


@pytest.mark.parametrize("modified", [False, True])
def test_attention_with_functions_within(tmp_path: Path, modified: bool) -> None:
    """2 heads of 8 for 4 queries and 6 keys; a function of each score."""
    body = helper.make_graph(
        [NODE("Tanh", ["s"], ["o"])], "body", [value("s", 1, 2, 4, 6)], [value("o", 1, 2, 4, 6)]
    )
    made = NODE(
        "FlexAttention", ["x", "k", "k"], ["y"], domain="ai.onnx.preview",
        **({"score_mod": body} if modified else {}),
    )  # fmt: skip
    inputs = value("x", 1, 2, 4, 8), value("k", 1, 2, 6, 8)
    found = count(tmp_path, [made], *inputs, versions=(26, 3))

    assert found.unknown_ops == {}
    assert found.table.macs == 2 * 4 * 6 * (8 + 8)
    assert totals(found).get("activation_elements", 0) == (2 * 4 * 6 if modified else 0)
