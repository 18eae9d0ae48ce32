"""ncnn, through TorchScript and pnnx."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.latency.engines.protocol import Call, Engine, EngineError, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


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
        import ncnn
        import numpy as np
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
        names, outputs = net.input_names(), net.output_names()
        feed = [  # copies, as a Mat of an array does not keep it
            (name, ncnn.Mat(x[0].contiguous().numpy()).clone())
            for name, x in zip(names, inputs, strict=True)
        ]

        def call() -> list[object]:
            extractor = net.create_extractor()
            for name, mat in feed:
                extractor.input(name, mat)
            results = [extractor.extract(name) for name in outputs]
            if any(code for code, _ in results):
                raise EngineError("ncnn failed in the forward pass: too little memory, or an op")
            return [np.array(mat) for _, mat in results]

        return call


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
