"""thop: forward hooks on modules of exactly known types; functional calls are invisible to it."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.counters import ultralytics_thop
from shufflenet_flops.counters.cost_model import (
    ADAPTIVE_AVERAGE_POOLS,
    AVERAGE_POOLS,
    BATCH_NORMS,
    CONVOLUTIONS,
    INSTANCE_NORMS,
    TRANSPOSED,
    Amount,
    CostRule,
    Part,
    Weights,
    norm_rules,
    torch_modules,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.recurrent import RecurrentLayer, recurrent_parts
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.trace.trace import Trace

_NORMS = (
    BATCH_NORMS
    | INSTANCE_NORMS
    | torch_modules("batchnorm: SyncBatchNorm", "normalization: LayerNorm")
)


def _times(row: Row) -> int:
    """A module that n parents hold is hooked n times, and its sum is read n times."""
    return row.call.occurrences**2


def _macs_at_outputs(row: Row) -> int:
    """A transposed convolution taken for a plain one, with one window per output position."""
    c_in, outputs = row.inputs[0][1], prod(row.output)
    return outputs * (c_in // (row.groups or 1)) * prod(row.kernel or ())


def _window_sums(row: Row) -> int:
    """Window + 1 per output, the mean window in floating point, less the 1 of the outputs."""
    window = 1.0
    for size, cells in zip(row.inputs[0][2:], row.output[2:], strict=True):
        window *= size / cells
    outputs = prod(row.output)
    return int((window + 1) * outputs) - outputs


def _recurrent(layer: RecurrentLayer) -> tuple[int, int]:
    """Its gates and, but in a plain layer, its state; whatever a state is projected to."""
    hidden = layer.hidden
    inputs = layer.inputs if layer.first else hidden * layer.directions
    gates = layer.gates * hidden * (3 if layer.bias else 1)
    state = 4 * hidden if layer.gates > 1 else 0
    return layer.gates * (inputs + hidden) * hidden, gates + state


_UPSAMPLE = torch_modules("upsampling: Upsample UpsamplingBilinear2d UpsamplingNearest2d")
_NEAREST = frozenset(f"upsample_nearest{axes}d" for axes in (1, 2, 3))
_INTERPOLATED = OpClass.INTERPOLATED_ELEMENTS


def _by_type(times: Callable[[Row], int] | None, transposed: int | Amount) -> tuple[CostRule, ...]:
    """Rules for modules of exactly known types, each counted so many times."""

    def rule(
        modules: frozenset[str], weights: Weights, aten: frozenset[str] | None = None
    ) -> CostRule:
        return CostRule(weights, modules, aten=aten, times=times)

    return (
        rule(CONVOLUTIONS, {OpClass.CONV_MACS: 1}),
        rule(TRANSPOSED, {OpClass.CONV_MACS: transposed}),
        rule(torch_modules("linear: Linear"), {OpClass.LINEAR_MACS: 1}),
        *norm_rules(4, 2, modules=_NORMS, times=times),
        rule(AVERAGE_POOLS, {OpClass.AVG_POOL_OUTPUTS: 1}),
        rule(
            ADAPTIVE_AVERAGE_POOLS,
            {OpClass.GLOBAL_POOL_INPUTS: _window_sums, OpClass.GLOBAL_POOL_OUTPUTS: 1},
        ),
        rule(torch_modules("activation: PReLU"), {OpClass.ACTIVATION_ELEMENTS: 1}),
        rule(
            torch_modules("activation: Softmax"),
            {OpClass.SOFTMAX_ELEMENTS: ultralytics_thop.softmax},
        ),
        rule(_UPSAMPLE, {_INTERPOLATED: 1}, _NEAREST),
        rule(_UPSAMPLE, {_INTERPOLATED: 5}, frozenset({"upsample_linear1d"})),
        rule(_UPSAMPLE, {_INTERPOLATED: 11}, frozenset({"upsample_bilinear2d"})),
        rule(_UPSAMPLE, {_INTERPOLATED: 224 + 35}, frozenset({"upsample_bicubic2d"})),
    )


RULES = _by_type(_times, _macs_at_outputs)
# The other distribution at first mended shared modules and transposed convolutions alone.
ULTRALYTICS_FIRST = _by_type(None, 1)
_BY_FEW_CLASSES_SINCE = (2, 1, 2)
_BY_CLASS_SINCE = (2, 1, 3)
_BY_FUNCTION_SINCE = (2, 2, 0)


@counter
class Thop(Counter):
    """`thop.profile`, from whichever distribution provides a package of that name."""

    name = "thop"
    unit = "MAC"
    rank = 30
    in_compare = True
    by_calls = True
    rules = RULES
    versions: ClassVar[Mapping[str, tuple[CostRule, ...]]] = {
        "thop 0.1": RULES,
        "ultralytics-thop 2.1.0": ULTRALYTICS_FIRST,
        "ultralytics-thop 2.1.2": ultralytics_thop.BY_FEW_CLASSES,
        "ultralytics-thop 2.1.6": ultralytics_thop.BY_CLASS,
        "ultralytics-thop 2.2": ultralytics_thop.BY_CLASS_AND_FUNCTION,
    }

    def distribution(self) -> str:
        """`thop`, or `ultralytics-thop`, which installs a package of the same name."""
        return _distribution()

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total of all modules with a rule."""
        import thop

        macs, _ = thop.profile(model, inputs=tuple(inputs), verbose=False)
        return CounterTotal(int(macs))

    def rules_here(self) -> tuple[CostRule, ...]:
        """By the distribution, and how it counts since when."""
        version = _ultralytics()
        if not version:
            return RULES
        if version < _BY_FEW_CLASSES_SINCE:
            return ULTRALYTICS_FIRST
        if version < _BY_CLASS_SINCE:
            return ultralytics_thop.BY_FEW_CLASSES
        if version < _BY_FUNCTION_SINCE:
            return ultralytics_thop.BY_CLASS
        return ultralytics_thop.BY_CLASS_AND_FUNCTION

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It reads the sizes of inputs as if they were a batch, and nothing else."""
        from shufflenet_flops.counters import layer_inputs

        if _ultralytics() >= _BY_CLASS_SINCE:
            return NO_FACTS
        return layer_inputs.misread(model, inputs, layer_inputs.thop_more, _recurrent)

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """By the exact type of the module."""
        yield from super().parts(trace, facts)
        steps = _ultralytics() >= ultralytics_thop.PROJECTIONS_SINCE
        yield from recurrent_parts(trace.calls, ultralytics_thop.recurrent if steps else _recurrent)


def _ultralytics() -> tuple[int, ...]:
    """The version of ultralytics-thop; empty where another provides the package."""
    if _distribution() != "ultralytics-thop":
        return ()
    return tuple(int(part) for part in metadata.version("ultralytics-thop").split(".")[:3])


@cache
def _distribution() -> str:
    """The distribution whose `profile.py` is on the disk: each installs its own over the other's.

    Where that was edited, or nothing is written down of it, any that is installed.
    """
    installed = []
    for name in ("ultralytics-thop", "thop"):
        with suppress(metadata.PackageNotFoundError):
            installed.append(metadata.distribution(name))
    whole = [each for each in installed if _is_whole(each)]
    return next((each.name for each in (*whole, *installed)), "thop")


def _is_whole(distribution: metadata.Distribution) -> bool:
    """Whether a distribution's file with the rules is as it was installed."""
    for path in distribution.files or ():
        if path.as_posix() == "thop/profile.py" and path.hash is not None:
            try:
                digest = hashlib.new(path.hash.mode, path.read_binary()).digest()
            except (OSError, ValueError):
                return False
            return urlsafe_b64encode(digest).rstrip(b"=").decode() == path.hash.value
    return False
