"""One model, counted by our tracer and by torch's counter."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.trace import trace
from tests.support import torchvision_ops

LIMIT_S = 120

Status = Literal["equal", "differs", "not counted", "not built", "no reference"]
MEANING: dict[Status, str] = {
    "equal": "our MACs are half of torch's FLOPs",
    "differs": "both counted, and disagree",
    "not counted": "torch counts it, we do not",
    "not built": "the library fails to build it",
    "no reference": "torch's counter fails",
}


@dataclass(frozen=True)
class Call:
    """A model and what it is called with."""

    model: nn.Module
    inputs: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


# Calls that may work, the best first: of a model whose library does not say what it takes.
Candidates = Callable[[str], Iterable[Call]]


@dataclass(frozen=True)
class Result:
    """One model: MACs by us and by the reference, None where that failed, and why not equal."""

    model: str
    status: Status
    macs: int | None = None
    reference: int | None = None
    params: int | None = None
    reason: str = ""
    unknown_ops: dict[str, int] = field(default_factory=dict)
    real_forward: bool = False


def compared(
    candidates: Candidates, name: str, count: Callable[[str, Call], Result] | None = None
) -> Result:
    """The first call of a model that torch can count, counted twice, within the time limit.

    `count` counts it, by default a forward pass.
    """
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(LIMIT_S)
    torchvision_ops.declare()
    result: Result | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for call in candidates(name):
                counted = (count or _counted_twice)(name, call)
                if counted.reference is not None:
                    return counted
                result = result or counted
    except Exception as error:
        result = result or Result(name, "not built", reason=_line(error))
    finally:
        signal.alarm(0)
    return result or Result(name, "not built", reason="no configuration of it can be built")


def _counted_twice(name: str, call: Call) -> Result:
    reference, why_none = _torch_macs(call)
    try:
        traced = trace(call.model, *call.inputs, kwargs=call.kwargs)
    except Exception as error:
        status: Status = "no reference" if reference is None else "not counted"
        ours = _line(error) if not isinstance(error, ShufflenetFlopsError) else str(error)
        reason = f"{ours}; torch: {why_none or 'counted'}"
        return Result(name, status, reference=reference, reason=reason)
    macs = traced.table.macs
    equal: Status = "equal" if macs == reference else "differs"
    return Result(
        name,
        "no reference" if reference is None else equal,
        macs,
        reference,
        traced.params,
        why_none,
        dict(traced.unknown_ops),
        traced.real_forward,
    )


def _grouped_flops(a: Any, b: Any, *rest: Any, out_shape: Any, **options: Any) -> int:
    """Two for each element of the rows or columns that groups share, and each that it sums."""
    return 2 * int(torch.Size(out_shape).numel()) * int(a[-1])


# torch's counter has none for it.
_GROUPED = {torch.ops.aten._grouped_mm: _grouped_flops}


def _torch_macs(call: Call) -> tuple[int | None, str]:
    """Half of what torch counts, with attention as the two matrix products that it is.

    On CPU tensors its counter would give a fused attention 0.
    """
    try:
        with (
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False, custom_mapping=_GROUPED) as counter,
        ):
            call.model(*call.inputs, **call.kwargs)
    except TimeoutError:
        raise
    except Exception as error:
        return None, _line(error)
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2, ""


def _out_of_time(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {LIMIT_S} s")


def _line(error: Exception) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first[:200]}"
