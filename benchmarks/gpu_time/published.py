"""What timm publishes: how long its models take, in one file for each machine and setup."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SOURCE = "https://github.com/huggingface/pytorch-image-models/tree/main/results"
PREFIX = "benchmark-infer-"
FILES = f"{PREFIX}*.csv"


@dataclass(frozen=True, order=True)
class Sized:
    """A model of timm on square images of `size` pixels."""

    model: str
    size: int


class Run(NamedTuple):
    """How long an image takes in a batch of so many, and the network's parameters in millions."""

    image_s: float
    batch: float
    params_m: float


@dataclass(frozen=True)
class Published:
    """One file's runs; `setup` is what its name says.

    That is precision, memory layout, PyTorch, CUDA, machine, and `dynamo` for compiled models.
    """

    setup: str
    runs: Mapping[Sized, Run]

    @property
    def on_cpu(self) -> bool:
        """On a CPU, where timm runs one image at a time."""
        return "-cpu-" in self.setup


def published(folder: Path) -> list[Published]:
    """Every file of timm's results of inference in `folder`, by name.

    Raises FileNotFoundError where there is none.
    """
    files = sorted(folder.glob(FILES))
    if not files:
        raise FileNotFoundError(f"{folder} has no {FILES}: they are in {SOURCE}")
    return [Published(_setup(file), _runs(file)) for file in files]


def _setup(file: Path) -> str:
    return file.stem.removeprefix(PREFIX)


def _runs(file: Path) -> dict[Sized, Run]:
    """Those that came to an end; an image's time is from the rate, which has the most digits."""
    with file.open(newline="") as lines:
        return {
            Sized(line["model"], int(float(line["infer_img_size"]))): Run(
                1 / float(line["infer_samples_per_sec"]),
                float(line["infer_batch_size"]),
                float(line["param_count"]),
            )
            for line in csv.DictReader(lines)
            if line["infer_samples_per_sec"]
        }
