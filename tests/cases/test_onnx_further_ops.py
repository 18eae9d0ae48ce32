"""ONNX on text, on matrices, on what ONNX defines by other operators, and of ONNX Runtime's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import parse_input
from tests.cases.test_onnx_machine_learning import NODE, count, totals, value, weight

_GRAMS: dict[str, Any] = {
    "mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0,
    "ngram_counts": [0], "ngram_indexes": [0, 1, 2], "pool_strings": ["a", "b", "c"],
}  # fmt: skip


def test_text_is_free_and_what_comes_of_it_is_counted(tmp_path: Path) -> None:
    """Counts of 3 words in each of 2 texts, and a linear layer of 4 on them."""
    counted = count(
        tmp_path,
        [
            NODE("StringConcat", ["x", "suffix"], ["whole"]),
            NODE("StringNormalizer", ["whole"], ["lower"], case_change_action="LOWER"),
            NODE("TfIdfVectorizer", ["lower"], ["grams"], **_GRAMS),
            NODE("Gemm", ["grams", "w"], ["y"]),
        ],
        value("x", 1, 5, dtype=TensorProto.STRING),
        weights=(weight("w", 3, 4), helper.make_tensor("suffix", TensorProto.STRING, [], [b"!"])),
    )
    assert counted.unknown_ops == {}
    assert [row.output for row in counted.table.rows] == [(1, 3), (1, 4)]
    assert totals(counted) == {"reduction_inputs": 3, "linear_macs": 12}


def test_names_and_numbers_of_classes(tmp_path: Path) -> None:
    """Of text to rows of a table, and of one text to the place of it among two."""
    encoder = {"domain": "ai.onnx.ml", "keys_strings": ["a"], "values_int64s": [1]}
    counted = count(
        tmp_path,
        [
            NODE("StringSplit", ["x"], ["parts", "number"]),
            NODE("RegexFullMatch", ["x"], ["fits"], pattern="a"),
            NODE("LabelEncoder", ["x"], ["places"], **encoder),
            NODE("Gather", ["table", "places"], ["rows"]),
            NODE("OneHotEncoder", ["x"], ["hot"], domain="ai.onnx.ml", cats_strings=["a", "b"]),
            NODE("Concat", ["rows", "hot"], ["y"], axis=1),
        ],
        value("x", 3, dtype=TensorProto.STRING),
        weights=(weight("table", 4, 5),),
    )
    assert counted.unknown_ops == {}
    assert totals(counted) == {"moved_elements": 3 * 5 + 3 * 2 + 3 * 7}


def test_text_is_refused_by_torch() -> None:
    text = parse_input("1x5:string")
    with pytest.raises(InputError, match=r"--input 1x5:string: torch has no tensors of text"):
        text.example(real=False)


def test_determinants_and_inverses(tmp_path: Path) -> None:
    """Of 3 rows: 2 + 1 quotients, 4 + 1 products that are taken off, and 2 of the diagonal."""
    x = value("x", 2, 3, 3)
    found = count(tmp_path, [NODE("Det", ["x"], ["y"])], x)
    assert totals(found) == {"elementwise_elements": 2 * 10}
    found = count(tmp_path, [NODE("Inverse", ["x"], ["y"], domain="com.microsoft")], x)
    assert totals(found) == {"elementwise_elements": 2 * 27}


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_attention_that_keeps_a_state(tmp_path: Path, domain: str) -> None:
    """4 tokens, 2 heads of 4 x 4: written, read, and read once more by a delta rule; a decay."""
    inputs = [value(name, 1, 4, 8) for name in "qkv"] + [value("decay", 1, 4, 2)]
    heads = {"q_num_heads": 2, "kv_num_heads": 2, "domain": domain}
    for rule, macs, others in (("linear", 256, 0), ("gated", 256, 128), ("gated_delta", 384, 128)):
        names = ["q", "k", "v", "", "decay" if "gated" in rule else ""]
        names += ["decay"] if "delta" in rule else []
        node = NODE("LinearAttention", names, ["y", "s"], update_rule=rule, **heads)
        found = totals(count(tmp_path, [node], *inputs, versions=(27, 3)))
        assert found == {"matmul_macs": macs} | ({"mul_elements": others} if others else {})


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_what_onnx_defines_by_other_operators(tmp_path: Path, domain: str) -> None:
    """A convolution of 4 channels by themselves, of a window of 3 at 8 places."""
    node = NODE("CausalConvWithState", ["x", "w"], ["y", "s"], domain=domain)
    weights = (weight("w", 4, 1, 3),)
    found = count(tmp_path, [node], value("x", 1, 4, 8), weights=weights, versions=(27, 3))
    assert found.unknown_ops == {}
    assert found.table.macs == 4 * 3 * 8


_RUNTIMES: dict[str, tuple[onnx.NodeProto, dict[str, int]]] = {
    name: (NODE(name, inputs, ["y"], domain="com.microsoft", **attributes), expected)
    for name, inputs, attributes, expected in (
        ("GemmFastGelu", ["x", "w", "b"], {},
         {"linear_macs": 24, "add_elements": 8, "activation_elements": 8}),
        ("QOrderedMatMul", ["x", "s", "w", "s", "s", "b"], {},
         {"linear_macs": 24, "add_elements": 8}),
        ("GemmFloat8", ["x", "w"], {}, {"linear_macs": 24}),
        ("SwiGLU", ["x", "x"], {}, {"activation_elements": 6, "mul_elements": 6}),
        ("GatedRMSNorm", ["x", "g", "x"], {},
         {"norm_elements": 6, "activation_elements": 6, "mul_elements": 6}),
        ("ComplexMul", ["x", "x"], {}, {"mul_elements": 12, "add_elements": 6}),
        ("MulInteger", ["x", "", "x"], {}, {"mul_elements": 6}),
        ("ReduceSumInteger", ["x"], {"axes": [1]}, {"reduction_inputs": 6}),
        ("QLinearReduceMean", ["x", "s", "s", "s"], {"axes": [1]},
         {"mean_inputs": 6, "mean_outputs": 2}),
        ("BiasDropout", ["x", "g"], {}, {"add_elements": 6}),
        ("ScaledSiLU", ["x"], {}, {"activation_elements": 6}),
    )
}  # fmt: skip


@pytest.mark.parametrize("name", _RUNTIMES)
def test_operators_of_onnx_runtime(tmp_path: Path, name: str) -> None:
    """On 2 rows of 3, with a weight of 3 x 4."""
    node, expected = _RUNTIMES[name]
    weights = weight("w", 3, 4), weight("b", 4), weight("g", 3), weight("s")
    found = count(tmp_path, [node], value("x", 2, 3), weights=weights, versions=(21, 3))
    assert found.unknown_ops == {}
    assert totals(found) == expected
