"""What layers were given, for counters that misread inputs which are no batch, or are packed.

Like `closer`, it is asked only where a cost model leaves something over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import nn
from torch.nn.utils.rnn import PackedSequence

from shufflenet_flops.counters.closer import UNBATCHED
from shufflenet_flops.counters.recurrent import StepCost, layers_of
from shufflenet_flops.counting import ModuleCall

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


@dataclass(frozen=True)
class LayerCall:
    """A layer of one of torch's own types, its first input, its output and its other inputs."""

    layer: Any
    input: Any
    output: Any
    others: tuple[Any, ...] = ()


def calls_of_layers(
    model: nn.Module, inputs: Sequence[Any], types: tuple[type[nn.Module], ...]
) -> list[LayerCall]:
    """Every call of a layer of exactly these types in a forward pass."""
    calls: list[LayerCall] = []

    def notice(layer: nn.Module, args: Any, output: Any) -> None:
        calls.append(LayerCall(layer, args[0], output, args[1:]))

    for module in model.modules():  # a copy, which is thrown away with its hooks
        if type(module) in types:
            module.register_forward_hook(notice)
    model(*inputs)
    return calls


def misread(
    model: nn.Module, inputs: Sequence[Any], more: Callable[[LayerCall], int], count: StepCost
) -> dict[str, int]:
    """What a counter adds to layers: `more` to a convolution of one image or signal.

    Those have no axis for a batch. `count` is what the counter adds for one step of a recurrent
    layer.
    """
    convolutions = sum(
        more(call)
        for call in calls_of_layers(model, inputs, _CONVOLUTIONS + _TRANSPOSED)
        if call.input.dim() == call.layer.weight.dim() - 1
    )
    return {UNBATCHED: convolutions + _misread_steps(model, inputs, count)}


def thop_more(call: LayerCall) -> int:
    """thop takes the second axis of the input for its channels."""
    layer = call.layer
    channels = call.input.shape[1] // layer.groups - layer.in_channels // layer.groups
    return int(call.output.numel() * channels * prod(layer.kernel_size))


def ptflops_more(call: LayerCall) -> int:
    """ptflops takes the channels of the input for its batch, and the next axis for channels."""
    layer, x, y = call.layer, call.input, call.output
    sizes = x.shape if type(layer) in _TRANSPOSED else y.shape
    more = layer.weight.numel() * (x.shape[0] * prod(sizes[2:]) - prod(sizes[1:]))
    if layer.bias is not None:
        more += prod(y.shape[1:]) * (x.shape[0] - y.shape[0])
    return int(more)


def own_widths(model: nn.Module, inputs: Sequence[Any]) -> int:
    """What ptflops adds to attention whose keys or values have a width of their own.

    It takes every projection for a square, and heads of values and of the output for as wide as the
    values given.
    """
    more = 0
    for call in calls_of_layers(model, inputs, (nn.MultiheadAttention,)):
        layer, query = call.layer, call.input
        width, of_keys, of_values = layer.embed_dim, layer.kdim, layer.vdim
        if query.dim() != 3 or len(call.others) < 2 or width == of_keys == of_values:
            continue
        batch, length = query.shape[:2] if layer.batch_first else query.shape[1::-1]
        keys = call.others[0].shape[1 if layer.batch_first else 0]
        heads = layer.num_heads
        more += batch * (
            keys * of_keys * (of_keys - width)
            + keys * of_values * (of_values - width)
            + heads * length * keys * (of_values // heads - width // heads)
            + length * (of_values * (of_values + 1) - width * (width + 1))
        )
    return more


def widths_for_steps(model: nn.Module, inputs: Sequence[Any], count: StepCost) -> int:
    """What taking the width of an LSTM's result for a number of steps adds.

    The result of packed sequences has no axis for them. `count` is for one step of a layer.
    """
    more = 0
    for call in calls_of_layers(model, inputs, (nn.LSTM,)):
        if isinstance(call.input, PackedSequence):
            described, steps = _described(call), call.input.data.shape[0]
            macs = sum(count(layer)[0] for layer in layers_of(described))
            more += steps * (described.output[-1] - 1) * macs
    return more


def _misread_steps(model: nn.Module, inputs: Sequence[Any], count: StepCost) -> int:
    """It multiplies the first two sizes to get the steps of all sequences.

    Of one sequence without a batch the second is its width; of packed ones it takes the longest
    for all.
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
