"""ONNX files as people have them, against the modules they were made from.

Forty networks by both of torch's exporters, and some of them as ONNX Runtime optimises and
quantises them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.coverage.compared import Result, Status
from shufflenet_flops.sources import resolve
from shufflenet_flops.trace import trace
from tests.support import torchvision_ops
from tests.support.quiet import silence

# timm's names, on small images: what matters is the operators.
NETWORKS: Mapping[str, int] = dict.fromkeys(
    "resnet18 resnet50 resnext50_32x4d wide_resnet50_2 seresnet50 resnest14d res2net50_26w_4s "
    "densenet121 vgg11 mobilenetv1_100 mobilenetv2_100 mobilenetv3_small_100 mobilenetv3_large_100 "
    "mobilenetv4_conv_small mnasnet_100 efficientnet_b0 efficientnet_lite0 ghostnet_100 "
    "regnetx_002 regnety_002 repvgg_a0 hrnet_w18_small dla34 dpn48b cspresnet50 convnext_atto "
    "convnextv2_atto mobileone_s0 fastvit_t8 rexnet_100 hardcorenas_a tinynet_a lcnet_050 "
    "inception_v3".split(),
    96,
) | dict.fromkeys(
    "vit_tiny_patch16_224 deit_tiny_patch16_224 swin_tiny_patch4_window7_224 mixer_s32_224 "
    "levit_128s pit_ti_224".split(),
    224,
)
CHANGED = ("resnet18", "mobilenetv2_100", "efficientnet_b0", "vit_tiny_patch16_224")

Change = Callable[[str, str, tuple[int, ...]], None]  # reads the first path, writes the second


def entries() -> list[str]:
    """`network, exporter` and `network, change`."""
    plain = [f"{name}, {exporter}" for name in NETWORKS for exporter in ("TorchScript", "dynamo")]
    return plain + [f"{name}, {change}" for name in CHANGED for change in _CHANGES]


def checked(entry: str) -> Result:
    """The MACs of a file beside those of the module's trace."""
    name, _, way = entry.partition(", ")
    model, x = _model(name)
    expected = trace(model, x).table.macs
    with TemporaryDirectory() as directory:
        path = str(Path(directory) / "plain.onnx")
        _export(model, x, path, dynamo=way == "dynamo")
        if way in _CHANGES:
            plain, path = path, str(Path(directory) / "changed.onnx")
            _CHANGES[way](plain, path, tuple(x.shape))
        source = resolve(path)
        counted = source.counted
    macs, unknown = source.table.macs, dict(counted.unknown_ops)
    status: Status = "equal" if macs == expected else "differs"
    return Result(entry, status, macs, expected, counted.params, "", unknown)


def _model(name: str) -> tuple[nn.Module, Tensor]:
    torchvision_ops.declare()
    import timm

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = timm.create_model(name, pretrained=False, exportable=True).eval()
    for parameter in model.parameters():
        if not parameter.any():  # weights that begin as zeros are written once for all of a size
            nn.init.normal_(parameter)
    return model, torch.rand(1, 3, NETWORKS[name], NETWORKS[name])


def _export(model: nn.Module, x: Tensor, path: str, *, dynamo: bool) -> None:
    with silence():
        torch.onnx.export(model, (x,), path, dynamo=dynamo, external_data=False)


def _optimised(level: str) -> Change:
    def change(before: str, after: str, shape: tuple[int, ...]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(
            onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}"
        )
        options.optimized_model_filepath = after
        onnxruntime.InferenceSession(before, options, providers=["CPUExecutionProvider"])

    return change


class _Samples:
    """Two random inputs to calibrate with, in the protocol of ONNX Runtime."""

    def __init__(self, before: str, shape: tuple[int, ...]) -> None:
        import onnx

        name = onnx.load(before).graph.input[0].name
        draw = np.random.default_rng(0)
        self._left = iter([{name: draw.random(shape, dtype=np.float32)} for _ in range(2)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._left, None)


def _static(form: str) -> Change:
    def change(before: str, after: str, shape: tuple[int, ...]) -> None:
        from onnxruntime.quantization import QuantFormat, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with silence():
            quant_pre_process(before, before)
            samples = _Samples(before, shape)
            quantize_static(before, after, samples, quant_format=QuantFormat[form])

    return change


def _dynamic(before: str, after: str, shape: tuple[int, ...]) -> None:
    from onnxruntime.quantization import quantize_dynamic

    with silence():
        quantize_dynamic(before, after)


def _half(before: str, after: str, shape: tuple[int, ...]) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with silence():
        onnx.save(convert_float_to_float16(onnx.load(before)), after)


_CHANGES: Mapping[str, Change] = {
    "basic": _optimised("basic"),
    "extended": _optimised("extended"),
    "all optimisations": _optimised("all"),
    "QDQ": _static("QDQ"),
    "QOperator": _static("QOperator"),
    "dynamic int8": _dynamic,
    "fp16": _half,
}
