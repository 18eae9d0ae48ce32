"""What layers were given, for counters that misread inputs which are no batch, or are packed.

Like `closer`, it is asked only where a cost model leaves something over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from shufflenet_flops.counters.recurrent import Count, layers_of
from shufflenet_flops.counting import ModuleCall

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


@dataclass(frozen=True)
class LayerCall:
    """A layer of one of torch's own types, its first input and its output."""

    layer: Any
    input: Any
    output: Any


def calls_of_layers(
    model: nn.Module, inputs: Sequence[Any], types: tuple[type[nn.Module], ...]
) -> list[LayerCall]:
    """Every call of a layer of exactly these types in a forward pass."""
    calls: list[LayerCall] = []

    def notice(layer: nn.Module, args: Any, output: Any) -> None:
        calls.append(LayerCall(layer, args[0], output))

    for module in model.modules():  # a copy, which is thrown away with its hooks
        if type(module) in types:
            module.register_forward_hook(notice)
    model(*inputs)
    return calls


def thop_without_batch(model: nn.Module, inputs: Sequence[Any]) -> int:
    """thop takes the second axis of the input for its channels."""
    more = 0
    for call in calls_of_layers(model, inputs, _CONVOLUTIONS + _TRANSPOSED):
        layer, x = call.layer, call.input
        if _is_one(layer, x):
            channels = x.shape[1] // layer.groups - layer.in_channels // layer.groups
            more += call.output.numel() * channels * prod(layer.kernel_size)
    return more


def ptflops_without_batch(model: nn.Module, inputs: Sequence[Any]) -> int:
    """ptflops takes the channels of the input for its batch, and the next axis for channels."""
    more = 0
    for call in calls_of_layers(model, inputs, _CONVOLUTIONS + _TRANSPOSED):
        layer, x, y = call.layer, call.input, call.output
        if _is_one(layer, x):
            sizes = x.shape if type(layer) in _TRANSPOSED else y.shape
            window = layer.weight[0].numel() * layer.weight.shape[0]
            more += window * (x.shape[0] * prod(sizes[2:]) - prod(sizes[1:]))
            if layer.bias is not None:
                more += prod(y.shape[1:]) * (x.shape[0] - y.shape[0])
    return more


def _is_one(layer: Any, x: Tensor) -> bool:
    """Whether a convolution was given one image or signal, without an axis for a batch."""
    return x.dim() == layer.weight.dim() - 1


def misread_steps(model: nn.Module, inputs: Sequence[Any], count: Count) -> int:
    """What a counter adds where it multiplies the first two sizes to get steps and sequences.

    Of one sequence without a batch the second is its width; of packed ones it takes the longest
    for all. `count` is the counter's for one step of a layer.
    """
    more = 0
    for call in calls_of_layers(model, inputs, _RECURRENT):
        x = call.input
        if isinstance(x, PackedSequence):
            steps, read = x.data.shape[0], int(x.batch_sizes[0]) * len(x.batch_sizes)
        elif x.dim() == 2:
            steps, read = x.shape[0], prod(x.shape)
        else:
            continue
        more += (read - steps) * sum(map(sum, map(count, layers_of(_described(call)))))
    return more


def _described(call: LayerCall) -> ModuleCall:
    layer = call.layer
    params = {name: tensor.numel() for name, tensor in layer.named_parameters()}
    width = (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
    kind = f"torch.nn.modules.rnn.{type(layer).__name__}"
    return ModuleCall("", kind, True, params, (1, width))
