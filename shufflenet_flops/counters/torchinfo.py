"""torchinfo: its "mult-adds" are the parameters of a layer times the positions it is used at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.cost_model import Part
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import ModuleCall
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.trace.trace import Trace

OTHER_PARAMETERS = "other_parameters"  # of layers that are neither convolutions nor linear


def _uses(call: ModuleCall, name: str) -> int:
    """How often it counts each element of a parameter, by the names of layer and parameter.

    A convolution is any layer so named, whatever its type; others count once per image, and
    parameters with a longer name, as recurrent layers have them, once per image and step.
    """
    if name in ("weight", "bias"):
        if "Conv" in _class_name(call):
            return prod(call.output[:1] + call.output[2:])
        return call.output[0] if call.output else 0
    return prod(call.output[:2]) if "weight" in name or "bias" in name else 0


def _class_name(call: ModuleCall) -> str:
    return call.module.rsplit(".", 1)[-1]


def _term(call: ModuleCall, name: str) -> str:
    bias = "bias" in name
    if "Conv" in _class_name(call):
        return (OpClass.CONV_BIAS_ADDS if bias else OpClass.CONV_MACS).value
    if "Linear" in _class_name(call):
        return (OpClass.LINEAR_BIAS_ADDS if bias else OpClass.LINEAR_MACS).value
    return OTHER_PARAMETERS


@counter
class Torchinfo(Counter):
    """`torchinfo.summary(model).total_mult_adds`."""

    name = "torchinfo"
    unit = "MAC"
    rank = 70
    extra = "counters"

    def count(self, model: nn.Module, inputs: Sequence[Any]) -> CounterTotal:
        """Total over the leaves of the module tree."""
        import torchinfo

        summary = torchinfo.summary(model, input_data=list(inputs), verbose=0, device="cpu")
        return CounterTotal(int(summary.total_mult_adds))

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """Of a pruned weight it counts what the mask keeps, by the weight's own name."""
        facts: dict[str, int] = defaultdict(int)

        def after(module: nn.Module, args: Any, output: Any) -> None:
            kind = f"{type(module).__module__}.{type(module).__qualname__}"
            call = ModuleCall("", kind, True, {}, first_shape(output))
            for name, mask in module.named_buffers(recurse=False):
                plain = name.removesuffix("_mask")
                original = module._parameters.get(f"{plain}_orig")
                if plain != name and original is not None:
                    facts[_term(call, plain)] += int(mask.sum()) * _uses(call, plain)
                    facts[_term(call, plain)] -= original.numel() * _uses(call, f"{plain}_orig")

        from shufflenet_flops.trace.call_site import first_shape

        for module in model.modules():
            if not any(module.children()):
                module.register_forward_hook(after)
        model(*inputs)
        return facts

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """By the calls of modules without children; what other modules do itself is not seen."""
        yield from super().parts(trace, facts)
        yield from _parts(trace.calls)


def _parts(calls: Iterable[ModuleCall]) -> Iterator[Part]:
    for call in calls:
        # A scripted module takes no hooks, and is passed over.
        if call.leaf and not call.module.startswith("torch.jit."):
            for name, elements in call.params.items():
                amount = elements * _uses(call, name)
                if amount:
                    yield Part(call.path, _term(call, name), amount, 1)
