"""Quantised modules keep their weights packed, which are parameters all the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.trace import trace

pytestmark = pytest.mark.filterwarnings("ignore")  # torch is about to move its quantisation


class Several(nn.Module):
    """A recurrent layer, a recurrent cell and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6)
        self.cell = nn.GRUCell(6, 5)
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(self.cell(self.lstm(x)[0][-1]))
        return y


# Gates times (inputs + outputs), with a bias for each of both products.
PARAMS = 4 * 6 * (8 + 6) + 2 * 4 * 6 + 3 * 5 * (6 + 5) + 2 * 3 * 5 + 5 * 4 + 4


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16], ids=str)
def test_dynamically_quantised(dtype: torch.dtype) -> None:
    kinds = {nn.LSTM, nn.GRUCell, nn.Linear}
    model = torch.ao.quantization.quantize_dynamic(Several().eval(), kinds, dtype)

    traced = trace(model, torch.randn(3, 2, 8))
    assert traced.params == PARAMS
    # 6 steps of the layer, 2 of the cell and of the linear layer, by each matrix once.
    assert traced.table.macs == 6 * 4 * 6 * 14 + 2 * (3 * 5 * 11 + 5 * 4)
    assert traced.unknown_ops == {}


def test_statically_quantised() -> None:
    """A convolution of two groups and a linear layer, with biases."""
    quantization = torch.ao.quantization
    model = nn.Sequential(
        quantization.QuantStub(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(144, 5), quantization.DeQuantStub(),
    ).eval()  # fmt: skip
    model.qconfig = quantization.get_default_qconfig("x86")
    prepared = quantization.prepare(model)
    prepared(torch.randn(1, 4, 8, 8))
    converted = quantization.convert(prepared)

    traced = trace(converted, torch.randn(1, 4, 8, 8))
    assert traced.params == 4 * 18 + 4 + 144 * 5 + 5
    assert traced.table.macs == 4 * 18 * 36 + 144 * 5
    assert traced.unknown_ops == {}
    assert {row.groups for row in traced.table.rows} == {2, None}
