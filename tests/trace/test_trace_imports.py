"""Tracing a common network loads neither torch's compiler nor sympy: they take as long as torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import torch
from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.trace import trace
model = zoo.find({name!r})
with torch.device("meta"):
    torch.nn.Conv2d(1, 1, 1)
    torchs_own = set(sys.modules)  # torch 2.9 needs sympy to make a layer
    module = build(model.spec)
trace(module, torch.empty(model.input, device="meta"))
{more}
heavy = {{"sympy", "torch._dynamo", "torch._inductor", "numpy.random"}} & set(sys.modules)
heavy -= torchs_own
sys.exit(" ".join(sorted(heavy)))
"""


def heavy_after(name: str, more: str = "") -> str:
    """Heavy modules loaded after a trace in a process of its own."""
    code = CODE.format(name=name, more=more)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr


@pytest.mark.parametrize("name", ["shufflenet_v1@g=3,se=true", "vgg16"])
def test_nothing_heavy_is_loaded(name: str) -> None:
    """All their ops have rules of our own."""
    assert heavy_after(name).strip() == ""


def test_that_this_would_be_seen() -> None:
    """The check can fail."""
    assert heavy_after("resnet18", "import numpy.random").strip() == "numpy.random"
