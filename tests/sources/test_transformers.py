"""Models of transformers, one of each make, against torch's own counter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from benchmarks.coverage.compared import Call, compared
from tests.support import small_transformers

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
