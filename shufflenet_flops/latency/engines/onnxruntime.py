"""ONNX Runtime, through torch's ONNX export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.latency.engines.protocol import Call, Engine, EngineError, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn


@engine
class OnnxRuntime(Engine):
    """The exported graph on the CPU execution provider, all of its optimisations on."""

    name = "onnxruntime"
    place = 3
    distribution = "onnxruntime"
    modules = ("onnxruntime", "onnx", "onnxscript")
    extra = "onnxruntime"

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """Export, load and run with `setup.threads` threads in an op and one op at a time."""
        import onnxruntime
        import torch

        program = torch.onnx.export(model, tuple(inputs), dynamo=True, verbose=False)
        if program is None:
            raise EngineError("torch.onnx.export gave no program")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setup.threads
        options.inter_op_num_threads = 1
        # Between two calls the threads would go on spinning, in the way of the next engine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(
            program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = (node.name for node in session.get_inputs())
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        return lambda: session.run(None, feed)
