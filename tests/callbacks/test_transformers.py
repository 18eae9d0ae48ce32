"""The callback of `transformers.Trainer`: by hand, and in a short run on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from tests.support import torchvision_ops

torchvision_ops.declare()  # transformers imports it
transformers = pytest.importorskip("transformers", reason="is an extra")

from shufflenet_flops.callbacks.transformers import TrainerFlops  # noqa: E402 - after the check

# Two layers, 4 by 4 and 4 by 2, of two samples: forward, both weights, and the input of the last.
STEP = 2 * (16 + 8 + 16 + 8 + 8)


class Net(nn.Module):
    """Gives its loss, as the trainer asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        y = self.b(self.a(x).relu())
        found = {"logits": y}
        if labels is not None:
            found = {"loss": nn.functional.cross_entropy(y, labels), **found}
        return found


class Samples(Dataset[dict[str, Tensor]]):
    """Eight of them."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"x": torch.full((4,), float(index)), "labels": torch.tensor(index % 2)}


def batch() -> dict[str, Tensor]:
    return {"x": torch.zeros(2, 4), "labels": torch.zeros(2, dtype=torch.long)}


class _Arguments:
    gradient_accumulation_steps = 2


def test_by_hand() -> None:
    """Two updates of two batches, and what is logged after them."""
    callback, none = TrainerFlops(batch(), flops_per_second="1 MFLOP"), None
    hooks: Any = callback
    hooks.on_train_begin(_Arguments, none, none, model=Net())
    for _ in range(2):
        hooks.on_step_end(_Arguments, none, none)
    logs: dict[str, Any] = {"loss": 1.0}
    hooks.on_log(_Arguments, none, none, logs=logs)
    hooks.on_train_end(_Arguments, none, none)

    assert callback.meter is not None
    assert callback.meter.flops == 2 * 2 * 2 * STEP
    assert set(logs) == {"loss", "flops", "flop_per_s", "mfu", "hfu"}
    assert logs["flops"] == callback.meter.flops
    assert logs["mfu"] == pytest.approx(logs["flop_per_s"] / 1e6)
    ended = callback.meter.seconds
    assert callback.meter.seconds == ended


def test_a_short_run(tmp_path: Path) -> None:
    """Of eight samples in batches of two, twice: eight steps, each of which is logged."""
    pytest.importorskip("accelerate", reason="the trainer needs it")
    callback = TrainerFlops(batch(), flops_per_second=10**12)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=2,
        num_train_epochs=2,
        logging_steps=1,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(Net(), arguments, train_dataset=Samples(), callbacks=[callback])
    trainer.train()

    assert callback.meter is not None
    assert callback.meter.steps == 8
    assert callback.meter.flops == 8 * 2 * STEP
    assert callback.meter.mfu is not None
    assert 0 < callback.meter.mfu < 1
