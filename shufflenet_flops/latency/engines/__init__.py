"""Engines that run a model; each is one file behind `protocol.Engine`, imported when asked for."""

from __future__ import annotations

from importlib import import_module

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.latency.engines.protocol import Engine

_PLACES = {
    "eager": "eager:Eager",
    "channels-last": "channels_last:ChannelsLast",
    "torch-compile": "compiled:Compiled",
    "onnxruntime": "onnxruntime:OnnxRuntime",
    "openvino": "openvino:OpenVino",
    "ncnn": "ncnn:Ncnn",
    "executorch": "executorch:ExecuTorch",
}
ENGINE_NAMES = tuple(_PLACES)


def find_engine(name: str) -> Engine:
    """The engine of this name, installed or not. Raises UnknownNameError with the closest names."""
    if name not in _PLACES:
        raise UnknownNameError("engine", name, ENGINE_NAMES)
    module, _, cls = _PLACES[name].partition(":")
    found: type[Engine] = getattr(import_module(f"{__name__}.{module}"), cls)
    return found()
