"""Models of transformers, one of each make, against torch's own counter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from benchmarks.coverage.compared import Call, compared
from shufflenet_flops.closed_form.derive import derive
from shufflenet_flops.closed_form.sized import sized
from shufflenet_flops.closed_form.writing import PEOPLE, written
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.sources import Options, parse_input, resolve
from tests.support import small_transformers, torchvision_ops

TYPES = """
    albert bart beit bert bigbird_pegasus blip bloom canine clip conditional_detr convnextv2 cvt
    d_fine deberta-v2 deepseek_v4 deformable_detr dinov2 dpt efficientnet electra falcon
    falcon_mamba flava focalnet gemma3_text glm4_moe gpt2 gpt_neox gpt_oss hiera hubert imagegpt
    jamba layoutlmv3 led levit llama mixtral t5 whisper
    """.split()


def calls(model_type: str) -> Iterator[Call]:
    """Of the smallest model that can be built."""
    for model, inputs in small_transformers.candidates(model_type):
        yield Call(model, (), inputs)


@pytest.mark.slow
@pytest.mark.parametrize("model_type", TYPES)
def test_a_model_type_is_counted_as_torch_counts_it(model_type: str) -> None:
    """Half of torch's FLOPs, every op known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = compared(calls, model_type)

    assert result.status == "equal", result
    assert result.unknown_ops == {}


def test_a_cache_of_keys_and_values_is_a_second_input() -> None:
    """Two layers, 12·64² and 64·64·2 a token: 2·64 for each pair of tokens, in each layer."""
    pytest.importorskip("transformers")  # beside the oldest and the newest torch it is not there
    torchvision_ops.declare()
    shapes = tuple(map(parse_input, ("2x1:int64", "2x4x30x16")))
    args = {"n_embd": 64, "n_layer": 2, "n_head": 4}
    source = resolve("transformers:gpt2", Options(inputs=shapes, args=args))

    assert [given.shape for given in source.inputs] == [(2, 1), (2, 4, 30, 16)]
    weights = 4 * 64 * 64 + 2 * 64 * 256
    assert source.counted.table.macs == 2 * 2 * (weights + 2 * 64 * 31)
    assert any(row.path == "h.1.attn" for row in source.counted.table.rows)

    found = derive(sized("transformers:gpt2", Options(inputs=shapes, args=args)), {"p": None})
    assert found.value({"p": 30}) == source.counted.table.macs
    assert written(found.expression, PEOPLE) == f"512·(p + 1) + {4 * weights:,}"


def test_a_cache_of_a_model_that_takes_none_is_refused() -> None:
    torchvision_ops.declare()
    shapes = tuple(map(parse_input, ("1x8:int64", "1x4x30x16")))
    with pytest.raises(ShufflenetFlopsError):
        resolve("transformers:vit", Options(inputs=shapes)).trace()
