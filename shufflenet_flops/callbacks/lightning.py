"""A callback for Lightning's `Trainer`."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from shufflenet_flops.api.meter import Meter, meter
from shufflenet_flops.api.model import ModelInput
from shufflenet_flops.api.training import Training


class LightningFlops(Callback):
    """Logs `flops`, `flop_per_s` and, where the peak is known, `mfu` and `hfu` with each batch.

    `input` is a batch of one device as the network is given it, and `network` the name of the
    module's attribute that holds it, without which the module's own `forward` is meant. It is
    traced once, as the training begins; nothing is watched after that. `flops` are those of this
    process. A batch of another size than that of `input` counts as one like it.
    """

    def __init__(
        self,
        input: ModelInput,
        *,
        network: str = "",
        flops_per_second: str | int | None = None,
    ) -> None:
        self.input = input
        self.network = network
        self.flops_per_second = flops_per_second
        self.meter: Meter | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Trace a step of the network. Raises a ShufflenetFlopsError where that cannot be."""
        network: nn.Module = pl_module.get_submodule(self.network)
        made = meter(
            network, self.input, training=Training(), flops_per_second=self.flops_per_second
        )
        self.meter = made.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch, and log what is known so far."""
        if self.meter is not None:
            self.meter.step()
            pl_module.log_dict(self.meter.as_dict())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        if self.meter is not None:
            self.meter.__exit__(None, None, None)
