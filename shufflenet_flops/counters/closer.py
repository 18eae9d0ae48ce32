"""A closer look at a run, for what a trace cannot tell: how functions were called, what was unused.

It is taken only where a cost model leaves something over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from shufflenet_flops.counters.cost_model import from_the_left
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import map_tensors, tensors_of
from shufflenet_flops.trace.call_site import REPLACED, callee, is_handed_over
from shufflenet_flops.trace.recurrent_steps import has_kernel
from shufflenet_flops.trace.whole import seeing

TEXT_PADDING = "text_padding"
UNUSED = "unused_results"
UNBATCHED = "unbatched_inputs"


@dataclass(frozen=True)
class FunctionCall:
    """A torch function that a model called, and what came of it."""

    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any
    samples: tuple[int, ...] = ()  # how many each `torch.vmap` around it runs at once
    has_kernel: bool = False  # of attention, which the model may forbid with `sdpa_kernel`
    callee: Any = None  # what the code called, which may be no name that counters replace
    again: bool = False  # a class or a mode of the model's own calls it once more

    @property
    def name(self) -> str:
        """As in `torch` or `torch.nn.functional`."""
        return str(getattr(self.function, "__name__", ""))

    def argument(self, place: int, name: str) -> Any:
        """An argument by its place or its name, None where it was not given."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name)


class _Watch(TorchFunctionMode):
    """Notices the outermost function of each nest, and attention in layers of several heads."""

    def __init__(
        self, notice: Callable[[FunctionCall], None], *, only_attention: bool = False
    ) -> None:
        super().__init__()
        self._notice, self._only_attention = notice, only_attention

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        attends = func is F.scaled_dot_product_attention
        if func is F.multi_head_attention_forward and isinstance(func, FunctionType):
            # It would be called by way of this mode again, which sees what is inside.
            known = {**func.__globals__, "has_torch_function": lambda operands: False}
            with _Watch(self._notice, only_attention=True):
                output = seeing(func, known)(*args, **kwargs)
        else:
            output = func(*args, **kwargs)
        if attends or not self._only_attention:
            samples = torch_private.samples_of(tensors_of((args, kwargs)))
            is_fused = attends and _has_kernel(args, kwargs)
            frame = torch_private.calling_frame(1)
            called = callee(func, frame) if func in REPLACED else func
            again = any(kind not in _PLAIN for kind in types) or is_handed_over(frame)
            self._notice(FunctionCall(func, args, kwargs, output, samples, is_fused, called, again))
        return output


_PLAIN = (Tensor, nn.Parameter)


def _has_kernel(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    args, kwargs = map_tensors(_plain, (args, kwargs))
    return torch_private.has_attention_kernel(*args, **kwargs)


def _plain(x: Tensor) -> Tensor:
    """One sample that a transform has wrapped, which torch says nothing of, laid out as it was."""
    if not torch_private.is_transformed(x):
        return x
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype)


def calls_of(model: nn.Module, inputs: Sequence[Any]) -> list[FunctionCall]:
    """Every torch function that a forward pass calls, the outermost of each nest."""
    calls: list[FunctionCall] = []
    with _Watch(calls.append):
        model(*inputs)
    return calls


class AllResults(nn.Module):
    """The model, giving back the results of all functions that it calls, so that all are used."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Any) -> list[Tensor]:
        results: list[Tensor] = []

        def keep(call: FunctionCall) -> None:
            # An alias, as what is no result of an op cannot be the output of a TorchScript trace.
            results.extend(tensor.detach() for tensor in tensors_of(call.output))

        with _Watch(keep):
            output = self.model(*inputs)
        return [*tensors_of(output), *results]


def unused(count: Callable[[nn.Module], int], model: nn.Module) -> int:
    """What a counter of TorchScript's graphs leaves out, as nothing of the output needs it."""
    return count(AllResults(model)) - count(model)


def text_padding_macs(calls: Iterable[FunctionCall], functions: Sequence[str]) -> int:
    """MACs of convolutions with padding "same" or "valid", which TorchScript calls another op."""
    return sum(
        call.output.numel() * prod(call.argument(1, "weight").shape[1:])
        for call in calls
        if call.name in functions and isinstance(call.argument(4, "padding"), str)
    )


def unbatched_macs(calls: Iterable[FunctionCall]) -> int:
    """MACs of convolutions in two dimensions of one image without an axis for a batch."""
    return sum(
        call.output.numel() * prod(call.argument(1, "weight").shape[1:])
        for call in calls
        if call.name == "conv2d" and call.output.dim() == 3
    )


def mean_slopes(calls: Iterable[FunctionCall]) -> int:
    """Calls of activations of a random slope that take its mean, as they do but in training."""
    functions = (F.rrelu, torch.rrelu, torch.rrelu_)
    return sum(call.function in functions and not call.argument(3, "training") for call in calls)


def aligned_places(calls: Iterable[FunctionCall]) -> int:
    """Places along the axes of grids whose corners are aligned, which torch does not scale."""
    return sum(
        size
        for call in calls
        if call.function is F.affine_grid and call.argument(2, "align_corners")
        for size in call.output.shape[1:-1]
        if size > 1
    )


def sampled_otherwise(calls: Iterable[FunctionCall], per_element: Mapping[str, int]) -> int:
    """What these modes of sampling by a grid add to what `bilinear` takes, for each element."""
    return sum(
        call.output.numel() * per_element.get(call.argument(2, "mode") or "bilinear", 0)
        for call in calls
        if call.function is F.grid_sample
    )


def resized_by_a_scale(calls: Iterable[FunctionCall]) -> int:
    """What counting resized images by the factor given, and not by the size it comes to, adds.

    Of several factors each is cut to a whole number. `upsample` calls `interpolate`, and both
    count.
    """
    counted, made = 0.0, 0
    for call in calls:
        times = {F.interpolate: 1, F.upsample: 2}.get(call.callee, 0)
        scale = call.argument(2, "scale_factor")
        if call.function is F.interpolate and times and scale is not None:
            x: Tensor = call.args[0]
            axes = x.dim() - 2
            factor = prod(map(int, scale)) if isinstance(scale, tuple) else scale**axes
            counted += times * x.numel() * factor
            made += times * call.output.numel()
    return int(counted) - made


def replaced_again(calls: Iterable[FunctionCall]) -> int:
    """What functions that ptflops replaces count where they are called again.

    Torch hands a class or a mode of the model's own what it finds under the name of a function in
    Python or of a method, be that called by a sign.
    """
    return sum(_replaced(call) for call in calls if call.again and call.function in REPLACED)


def _replaced(call: FunctionCall) -> int:
    x = call.args[0]
    if isinstance(call.function, FunctionType):
        return int(x.numel())
    if getattr(Tensor, call.name, None) is not call.function:
        return 0
    other = call.argument(1, "other")
    shapes = [operand.shape for operand in (x, other) if isinstance(operand, Tensor)]
    if call.name in ("add", "mul"):
        return from_the_left(shapes)
    return int(x.numel() * shapes[-1][-1])


def renewed_elements(calls: Iterable[FunctionCall]) -> int:
    """Elements of batch norms that were given statistics, and told to work out new ones."""
    given_at = {torch.batch_norm: 3, F.batch_norm: 1}
    return sum(
        call.output.numel()
        for call in calls
        if call.function in given_at
        and call.argument(given_at[call.function], "running_mean") is not None
        and call.argument(5, "training")
    )


_BY_SIGN = (Tensor.__matmul__, Tensor.__rmatmul__)
_BY_NAME = (torch.matmul, Tensor.matmul)


def factor_macs(calls: Iterable[FunctionCall], *, by_sign: bool) -> int:
    """What counting a product by its factors adds to its MACs where one is broadcast.

    They take the elements of the first factor times the last size of the second.
    """
    functions = (*_BY_NAME, *_BY_SIGN) if by_sign else _BY_NAME
    more = 0
    for call in calls:
        if call.function in functions:
            first, second = call.args[0], call.argument(1, "other")
            if min(first.dim(), second.dim()) > 1:
                more += first.numel() * second.shape[-1] - call.output.numel() * first.shape[-1]
    return more


def unseen_keys(calls: Iterable[FunctionCall]) -> int:
    """Work of attention on keys that are no input: a bias, or zeros that are added.

    For each query and head the two products and the softmax, as ptflops would count them.
    """
    work = 0
    for call in calls:
        if call.function is F.multi_head_attention_forward:
            added = (call.argument(7, "bias_k") is not None) + bool(call.argument(9, "zero"))
            queries, width, heads = call.args[0].shape[:-1].numel(), *call.args[3:5]
            work += added * queries * (2 * width + heads)
    return work


def left_out_summands(calls: Iterable[FunctionCall]) -> int:
    """Elements of what a product is added to, where it is multiplied by 0 and so left out."""
    functions = (torch.addmm, torch.baddbmm, Tensor.addmm)
    return sum(
        call.args[0].numel()
        for call in calls
        if call.function in functions and call.kwargs.get("beta") == 0
    )


def biases_apart(calls: Iterable[FunctionCall]) -> int:
    """Elements to which a recurrent layer adds its input's bias apart from the product.

    So torch has it for the first layer in each direction on an input that has gaps in memory, but
    for an LSTM that it runs whole, which is one without projections.
    """
    work = 0
    for call in calls:
        x = call.args[0] if call.args else None
        if call.name not in _STEPS or not isinstance(x, Tensor) or x.dim() != 3:
            continue
        weights, has_bias, layers, _, _, both_ways, batch_first = call.args[2:9]
        directions = 1 + both_ways
        per_direction = len(weights) // (layers * directions)
        is_whole = call.name == "lstm" and per_direction < 5 and has_kernel(x)
        steps = x.transpose(0, 1) if batch_first else x
        if has_bias and not is_whole and not steps.is_contiguous():
            work += steps.shape[:2].numel() * directions * weights[0].shape[0]
    return work


_STEPS = frozenset({"gru", "lstm", "rnn_tanh", "rnn_relu"})
