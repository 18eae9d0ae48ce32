"""Any model as the ONNX graph that an engine compiles."""

from __future__ import annotations

from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources.source import Source
from shufflenet_flops.sources.torch_modules.imports import one_line
from shufflenet_flops.spec import shape_text

LARGEST = 2**31 - 1  # bytes that a graph may have


def onnx_graph(source: Source) -> bytes:
    """The graph of a model on its inputs: of the zoo from its spec, of a module by torch's export.

    An `.onnx` file is taken as it is. Raises InputError for what has no graph, or inputs other
    than the file's, and ModelError where torch cannot export it.
    """
    if source.network is not None:
        from shufflenet_flops.latency.predict.onnx_graph import onnx_model

        return bytes(onnx_model(source.network.spec, source.network.input).SerializeToString())
    if not source.can_run:
        return _file(source)
    return _exported(source)


def _file(source: Source) -> bytes:
    """The file's graph with all of its weights."""
    from shufflenet_flops.sources.onnx.file import OnnxSource

    if not isinstance(source, OnnxSource):
        raise InputError(f"{source.name}: an {source.origin} cannot be compiled: give its module")
    import onnx

    held = {tensor.name for tensor in source.model.graph.initializer}
    for value in source.model.graph.input:
        shape = tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
        if value.name not in held and source.given.inputs[value.name].shape != shape:
            raise InputError(
                f"{source.name}: --compile takes the file's own inputs, and {value.name} is "
                f"{shape_text(shape)} there: leave --input out, or export the model at that size"
            )
    try:
        return bytes(onnx.load(source.name).SerializeToString())
    except (OSError, ValueError) as error:
        raise InputError(f"{source.name}: its weights cannot be read: {one_line(error)}") from None


def _exported(source: Source) -> bytes:
    import torch

    from shufflenet_flops.latency.engines.quiet import quiet

    try:
        with quiet():
            program = torch.onnx.export(
                source.module(), source.example_inputs(), dynamo=True, verbose=False
            )
            content = program.model_proto.SerializeToString() if program is not None else b""
    except Exception as error:
        raise ModelError(
            f"{source.name}: torch cannot export it to ONNX, which --compile needs: "
            f"{one_line(error)}"
        ) from error
    if not content or len(content) > LARGEST:
        raise ModelError(f"{source.name}: its ONNX graph has more than {LARGEST:,} bytes, or none")
    return content
