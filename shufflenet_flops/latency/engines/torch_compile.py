"""PyTorch compiled by TorchInductor."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from shufflenet_flops.latency.engines.eager import Eager, in_inference_mode, placed
from shufflenet_flops.latency.engines.protocol import Call, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


@engine
class Compiled(Eager):
    """`torch.compile` with its default backend, static shapes, the whole model one graph."""

    name = "torch-compile"
    place = 2

    def missing(self) -> str:
        """Inductor makes C++ and has it compiled when the model first runs."""
        compilers = (os.environ.get("CXX", "g++"), "clang++")
        if not any(map(shutil.which, compilers)):
            return "it needs a C++ compiler: install g++, or name one in CXX"
        return super().missing()

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """The compiled model, after the first call, which compiles it."""
        import torch._dynamo

        model, moved = placed(model, inputs, setup)
        compiled = cast("nn.Module", torch.compile(model, fullgraph=True, dynamic=False))
        call = in_inference_mode(compiled, moved, setup)
        # Models of one class share their code, and past a limit of versions of it torch would
        # quietly run the next ones in eager mode.
        with torch._dynamo.config.patch(recompile_limit=10**4, accumulated_recompile_limit=10**5):
            call()
        return call
