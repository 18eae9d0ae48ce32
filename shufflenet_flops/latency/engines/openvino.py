"""OpenVINO, straight from the module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.latency.engines.protocol import Call, Engine, EngineError, Setup
from shufflenet_flops.latency.engines.registry import engine

if TYPE_CHECKING:
    from torch import Tensor, nn

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_PRECISION = "INFERENCE_PRECISION_HINT"


@engine
class OpenVino(Engine):
    """The converted model on OpenVINO's CPU plugin, one request at a time."""

    name = "openvino"
    place = 4
    distribution = "openvino"
    modules = ("openvino",)
    extra = "openvino"
    dtypes = tuple(_PRECISIONS)

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """Convert with static shapes, and compile in exactly the precision asked for.

        Raises EngineError where the plugin does not use it: where the processor has no instructions
        for it, most versions take any and compute in another, and some fail.
        """
        import openvino

        converted = openvino.convert_model(model, example_input=tuple(inputs))
        converted.reshape([list(x.shape) for x in inputs] if len(inputs) > 1 else inputs[0].shape)
        settings = {
            "INFERENCE_NUM_THREADS": setup.threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Without it, a CPU that has bfloat16 uses it for fp32 models.
            _PRECISION: _PRECISIONS[setup.dtype],
        }
        try:
            compiled = openvino.Core().compile_model(converted, "CPU", settings)
        except RuntimeError as error:
            if setup.dtype == "float32":
                raise
            # As where ONEDNN_MAX_CPU_ISA takes away what the plugin goes by.
            raise EngineError(
                f"{setup.dtype} is not used: OpenVINO cannot compile for it on this processor: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        used = compiled.get_property(_PRECISION).get_type_name()
        if used != _PRECISIONS[setup.dtype]:
            raise EngineError(
                f"{setup.dtype} is not used: OpenVINO computes in {used} on this processor"
            )
        request = compiled.create_infer_request()
        feed = [x.numpy() for x in inputs]
        return lambda: list(request.infer(feed, share_inputs=True, share_outputs=True).values())
