"""Rules for language models, worked out by hand for one layer of attention of 64."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.counters.language_rules import (
    LANGUAGE_RULES,
    causal_terms,
    differences,
    language_model,
    rules_for,
)
from shufflenet_flops.trace.trace import Trace, trace
from tests.closed_form import nets

N, S = 2, 32
T = N * S
TABLE = 100 * 64
WEIGHTS = 64 * 192 + 64 * 64
PAIRS = 2 * N * 2 * 64 * S * S  # FLOPs of q·k and of what comes of it with v


class Shared(nn.Module):
    """A layer that runs twice, a norm, scores of words, and a pooler of the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.norm = nn.LayerNorm(16)
        self.layer = nn.Linear(16, 16)
        self.pooler = nn.Linear(16, 16, bias=False)
        self.head = nn.Linear(16, 50, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.layer(self.layer(self.norm(self.embed(tokens))))
        return self.head(x) + self.pooler(x[:, 0]).sum()


def traced(module: nn.Module) -> Trace:
    return trace(module.eval(), torch.zeros(N, S, dtype=torch.int64))


def test_each_rule_on_one_layer_of_attention() -> None:
    """6N has no attention, PaLM's all of it, MaxText's and Megatron's half and the vocabulary."""
    totals = {name: sum(terms.values()) for name, terms in rules_for(traced(nets.Attending()))}

    attention, logits = 3 * PAIRS, 6 * T * TABLE
    assert totals == {
        "causal attention": 2 * WEIGHTS * T + PAIRS * (S + 1) // (2 * S),
        "2N": 2 * WEIGHTS * T,
        "2N, all parameters": 2 * (WEIGHTS + TABLE) * T,
        "2N + 2·L·d·s": 2 * WEIGHTS * T + 2 * 64 * S * T,
        "6N": 6 * WEIGHTS * T,
        "6N, all parameters": 6 * (WEIGHTS + TABLE) * T,
        "6N + 12·L·d·s": 6 * (WEIGHTS + TABLE) * T + 12 * 64 * S * T,
        "MaxText": 6 * WEIGHTS * T + logits + attention // 2,
        "Megatron-LM": 6 * WEIGHTS * T + logits + attention // 2,
        "Megatron-LM, attention in full": 6 * WEIGHTS * T + logits + attention,
    }


@pytest.mark.parametrize("module", [nets.Attending, nets.Projected, Shared])
def test_the_differences_are_all_that_there_is(module: type[nn.Module]) -> None:
    found = traced(module())
    model = language_model(found)

    assert model is not None
    assert model.flops == found.table.flops
    for rule in LANGUAGE_RULES:
        ran = rule.passes * found.table.flops
        assert sum(differences(rule, model).values()) == sum(rule.terms(model).values()) - ran


def test_reasons_by_hand() -> None:
    """A shared layer is one of N's and runs twice; a pooler runs on one token; a norm on none."""
    model = language_model(traced(Shared()))
    assert model is not None
    by_name = {rule.name: differences(rule, model) for rule in LANGUAGE_RULES}

    assert by_name["2N"] == {
        "norms and biases": 2 * T * (32 + 16),
        "weights not used once per token": 2 * T * -256 + 2 * 256 * (T - N),
    }
    assert by_name["Megatron-LM"] == {"layers of fewer tokens": -3 * 2 * 256 * N}
    assert causal_terms(model)["attention"] == 0


def test_a_reported_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Kaplan's 2N + 2·L·d·s of one text of 32."""
    total = 2 * WEIGHTS * S + 2 * 64 * S * S
    asked = ("--input", f"1x{S}:int64", "--reported", f"{total} FLOPs")
    name = f"{nets.__file__}:Attending"

    assert run(["explain", name, *asked, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert [match["counter"] for match in found["matches"]] == ["rule 2N + 2·L·d·s"]
    assert sum(found["matches"][0]["terms"].values()) == total
    assert run(["explain", name, *asked]) == 0
    assert "rule 2N + 2·L·d·s: " in capsys.readouterr().out


def test_a_network_of_images_has_no_such_rule() -> None:
    assert not list(rules_for(trace(nets.Strided().eval(), torch.zeros(1, 3, 9, 9))))
    assert "rule" not in str(sf.explain("resnet18", reported="1.8G"))
