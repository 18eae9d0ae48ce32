"""The callback of Lightning, in a short run on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tests.support import torchvision_ops

torchvision_ops.declare()  # what it measures with imports it
lightning = pytest.importorskip("lightning.pytorch", reason="is an extra")

from shufflenet_flops.callbacks.lightning import LightningFlops  # noqa: E402 - after the check

STEP = 2 * (16 + 8 + 16 + 8 + 8)  # MACs of two samples: forward, both weights, one input


class Module(lightning.LightningModule):  # type: ignore[misc] # an extra, whose types are not there
    """Two layers, as `forward` and as an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        x, labels = batch
        return nn.functional.cross_entropy(self(x), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
@pytest.mark.parametrize("network", ["", "net"])
def test_a_short_run(tmp_path: Path, network: str) -> None:
    """Of eight samples in batches of two, twice."""
    callback = LightningFlops((2, 4), network=network, flops_per_second=10**12)
    samples = TensorDataset(torch.randn(8, 4), torch.arange(8) % 2)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[callback],
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), DataLoader(samples, batch_size=2))

    assert callback.meter is not None
    assert callback.meter.steps == 8
    assert callback.meter.flops == 8 * 2 * STEP
    assert trainer.callback_metrics["flops"] == callback.meter.flops
    assert 0 < float(trainer.callback_metrics["mfu"]) < 1
