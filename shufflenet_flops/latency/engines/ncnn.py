"""ncnn, through TorchScript and pnnx."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.engines.protocol import Call, Engine, EngineError, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


_HEADER = 2  # lines of a .param file before its layers


@engine
class Ncnn(Engine):
    """The traced model, converted by pnnx, on the CPU; it runs one image at a time."""

    name = "ncnn"
    place = 5
    distribution = "ncnn"
    modules = ("ncnn", "pnnx")
    extra = "ncnn"
    dtypes = ("float32", "bfloat16")

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """Trace, convert, load, and run with `setup.threads` threads."""
        import numpy as np

        loaded = load(model, inputs, setup)
        outputs = loaded.net.output_names()

        def call() -> list[object]:
            extractor = loaded.extractor()
            return [np.array(extract(extractor, name)) for name in outputs]

        return call


@dataclass(frozen=True)
class Loaded:
    """A network that is ready to run, its input, and its layers as pnnx writes them, a line each.

    `feed` are the names of its inputs with what goes in.
    """

    net: Any
    feed: tuple[tuple[str, Any], ...]
    layers: tuple[str, ...]

    def extractor(self) -> Any:
        """What computes a value of the network, and all that it takes, when it is asked for."""
        extractor = self.net.create_extractor()
        for name, mat in self.feed:
            extractor.input(name, mat)
        return extractor


def load(model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Loaded:
    """Trace, convert and load. Raises EngineError for what ncnn does not take."""
    import ncnn
    import torch

    for x in inputs:
        if x.dtype != torch.float32 or x.shape[0] != 1 or not 2 <= x.dim() <= 4:
            raise EngineError("it takes one fp32 vector, map or image at a time, batch 1")
    net = ncnn.Net()
    net.opt.num_threads = setup.threads
    # Half precision is on by default.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = setup.dtype == "bfloat16"
    with tempfile.TemporaryDirectory() as folder:
        stem = _convert(model, inputs, Path(folder))
        if net.load_param(f"{stem}.ncnn.param") or net.load_model(f"{stem}.ncnn.bin"):
            raise EngineError("ncnn cannot load what pnnx made: an op has no counterpart")
        layers = Path(f"{stem}.ncnn.param").read_text().splitlines()[_HEADER:]
    feed = [  # copies, as a Mat of an array does not keep it
        (name, ncnn.Mat(x[0].contiguous().numpy()).clone())
        for name, x in zip(net.input_names(), inputs, strict=True)
    ]
    return Loaded(net, tuple(feed), tuple(layers))


def extract(extractor: Any, name: str, as_is: bool = False) -> Any:
    """The value of this name, in plain rows and columns, or `as_is`, as the layers pass it on."""
    import ncnn

    mat = ncnn.Mat()  # given rather than returned, which would copy it
    if extractor.extract(name, mat, int(as_is)):
        raise EngineError("ncnn failed in the forward pass: too little memory, or an op")
    return mat


def _convert(model: nn.Module, inputs: Sequence[Tensor], folder: Path) -> Path:
    import pnnx
    import torch

    stem = folder / "model"
    torch.jit.trace(model, tuple(inputs)).save(str(stem.with_suffix(".pt")))
    shapes = ",".join(f"[{','.join(map(str, x.shape))}]f32" for x in inputs)
    done = subprocess.run(
        [pnnx.EXEC_PATH, str(stem.with_suffix(".pt")), f"inputshape={shapes}", "fp16=0"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if done.returncode or not stem.with_suffix(".ncnn.bin").exists():
        raise EngineError(f"pnnx cannot convert the model: it ended with {done.returncode}")
    return stem
