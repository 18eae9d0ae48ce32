"""ExecuTorch with the XNNPACK backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.latency.engines.protocol import Call, Engine, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


@engine
class ExecuTorch(Engine):
    """The exported program, lowered to XNNPACK; what that leaves runs on portable kernels."""

    name = "executorch"
    place = 6
    distribution = "executorch"
    modules = ("executorch", "torchao")
    extra = "executorch"

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """Export, lower, load, and run on a pool of `setup.threads` threads of the process."""
        from executorch.runtime import Runtime

        program = Runtime.get().load_program(lowered(model, inputs, setup))
        arguments = tuple(x.contiguous() for x in inputs)
        # Loaded once and then looked up; a method alone does not keep its program's data alive.
        return lambda: program.load_method("forward").execute(arguments)


def lowered(model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> bytes:
    """The program of a model, for a pool of `setup.threads` threads of the process."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings import portable_lib

    if portable_lib._threadpool_get_thread_count() != setup.threads:
        # Programs that are loaded hold on to the old pool, so it is only left for cause.
        portable_lib._unsafe_reset_threadpool(setup.threads)
    exported = torch.export.export(model, tuple(inputs))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    return bytes(edge.to_executorch().buffer)
