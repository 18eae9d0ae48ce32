"""Graphs as ONNX Runtime writes them, in blocks of channels that are filled up with zeros."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.sources import resolve
from tests.sources.programs import export_onnx


class Squeezed(nn.Module):
    """Convolutions to widths that fill no block, and a squeeze and excitation."""

    def __init__(self, inputs: int, width: int, squeezed: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs, width, 3)
        self.depthwise = nn.Conv2d(width, width, 3, groups=width)
        self.reduce = nn.Conv2d(width, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, width, 1)
        self.end = nn.Conv2d(2 * width, inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(self.stem(x).relu())
        scale = self.expand(self.reduce(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.end(torch.cat([x * scale, x], 1))


@pytest.mark.parametrize("inputs", [3, 20, 32])
@pytest.mark.parametrize(("width", "squeezed"), [(32, 8), (20, 4), (48, 12), (24, 6), (16, 16)])
def test_channels_that_fill_a_block_are_no_work(
    inputs: int, width: int, squeezed: int, tmp_path: Path
) -> None:
    """Whichever blocks this machine has."""
    plain, optimised = str(tmp_path / "plain.onnx"), str(tmp_path / "optimised.onnx")
    module = Squeezed(inputs, width, squeezed).eval()
    export_onnx(module, (torch.randn(1, inputs, 10, 10),), plain, fold=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the file is for this machine
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = optimised
    onnxruntime.InferenceSession(plain, options, providers=["CPUExecutionProvider"])

    source = resolve(optimised)
    stem = 64 * width * inputs * 9
    rest = 36 * width * 9 + 2 * width * squeezed + 36 * 2 * width * inputs
    assert source.table.macs == stem + rest
    assert source.counted.params == sum(p.numel() for p in module.parameters())
