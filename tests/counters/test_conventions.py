"""Conventions that are named after counters say what the counters say."""

from __future__ import annotations

from importlib import import_module

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counters import all_counters
from shufflenet_flops.counters.conventions import _FUNCTIONS, _LAYERS
from shufflenet_flops.counters.cost_model import terms_of
from shufflenet_flops.counters.known import KNOWN
from shufflenet_flops.counting import CONVENTIONS, layer_table
from shufflenet_flops.trace import trace

NETWORKS = (
    "shufflenet_unit@stride=2",
    "shufflenet_v1_x0_25_g3",
    "shufflenet_v2_x1_0",
    "mobilenet_v1_x1_0",
    "resnet18",
    "googlenet",
    "vgg16",
)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("convention", ["fvcore", "thop"])
def test_they_agree_on_networks_of_modules(name: str, convention: str) -> None:
    """The analytic table under the convention, and the cost model on the trace."""
    import torch

    model = zoo.find(name)
    with torch.device("meta"):
        traced = trace(build(model.spec), torch.empty(model.input))
    (counter,) = (known for known in all_counters() if known.name == convention)
    if convention == "thop":
        assert counter.distribution() == "thop"
    table = layer_table(model.spec, model.input)

    assert table.total(CONVENTIONS[convention]) == sum(terms_of(counter.parts(traced)).values())


def test_texts_name_what_has_a_weight() -> None:
    """And what has none."""
    thop, fvcore = CONVENTIONS["thop"], CONVENTIONS["fvcore"]

    assert "no matrix products" in thop.meaning
    assert "matmul_macs" not in thop.weights
    assert f"{thop.weights['norm_elements']} per norm element" in thop.meaning
    assert f"{fvcore.weights['norm_elements']} per norm element" in fvcore.meaning
    assert fvcore.weights["matmul_macs"] == 1


def test_cost_models_name_what_torch_has() -> None:
    """Modules are written as text, which nothing else would check."""
    rules = [rule for counter in all_counters() for rule in counter.rules]
    rules += [rule for known in KNOWN for rule in known.rules]
    named = {name for rule in rules for name in rule.modules or ()}
    named |= {row.call.module for row in (*_LAYERS, *_FUNCTIONS) if row.call.module}
    found = {name for name in named if name.startswith("torch.")}

    assert len(found) > 35
    for name in found:
        module, _, attribute = name.rpartition(".")
        assert getattr(import_module(module), attribute).__module__ == module
