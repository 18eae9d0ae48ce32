"""A callback for `transformers.Trainer`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from shufflenet_flops.api.meter import Meter, meter
from shufflenet_flops.api.model import ModelInput
from shufflenet_flops.api.training import Training


class TrainerFlops(TrainerCallback):
    """Adds `flops`, `flop_per_s` and, where the peak is known, `mfu` and `hfu` to what is logged.

    `input` is a batch of one device as the model is given it, such as the dictionary that the data
    collator makes. The model is traced once, as the training begins; nothing is watched after that.
    `flops` are those of this process: the model's on its own batches. A batch of another size than
    that of `input` counts as one like it.
    """

    def __init__(self, input: ModelInput, *, flops_per_second: str | int | None = None) -> None:
        self.input = input
        self.flops_per_second = flops_per_second
        self.meter: Meter | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Trace a step of the model. Raises a ShufflenetFlopsError where that cannot be."""
        asked = Training(accumulate=args.gradient_accumulation_steps)
        made = meter(
            kwargs["model"],
            self.input,
            training=asked,
            flops_per_second=self.flops_per_second,
        )
        self.meter = made.__enter__()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Count an update of the weights, with all the batches that went into it."""
        if self.meter is not None:
            self.meter.step()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add what is known so far to what other callbacks log."""
        if self.meter is not None and logs is not None:
            logs.update(self.meter.as_dict())

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Stop the clock."""
        if self.meter is not None:
            self.meter.__exit__(None, None, None)
