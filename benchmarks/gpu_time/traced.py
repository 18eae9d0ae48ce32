"""Each model of timm's results, traced at the size that they were measured at.

Traces are kept as lines of JSON as they come, so that a run that was cut short goes on.
"""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

from benchmarks.gpu_time.published import Sized
from shufflenet_flops.counting import Row
from shufflenet_flops.trace import trace
from tests.support import torchvision_ops

LIMIT_S = 120
ROUNDED = 5_000  # parameters: they are printed in hundredths of a million
MOST_APART = 0.01  # of the parameters: some versions of a network differ in a few biases


class Layer(NamedTuple):
    """What a row says of its time: elements are those of its output, bytes those of fp32."""

    op: str
    kind: str
    macs: int
    read_bytes: int
    write_bytes: int
    params: int
    elements: int
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int


@dataclass(frozen=True)
class Traced:
    """A model on one image: its distinct layers, and `order`, which of them it runs.

    `module` is the module of timm that defines its class; `fused` tells that branches and norms
    were folded into convolutions first. Without layers `reason` says why.
    """

    model: str
    size: int
    module: str = ""
    fused: bool = False
    params: int = 0
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    order: tuple[int, ...] = field(default=(), repr=False)
    unknown_ops: dict[str, int] = field(default_factory=dict)
    reason: str = ""


Traces = dict[Sized, list[Traced]]


def traced(wanted: Iterable[Sized], cache: Path, workers: int = 1) -> Traces:
    """All that is wanted, from the file where it is there already: as built, and as fused."""
    known = _saved(cache)
    missing = sorted(set(wanted) - known.keys())
    if not missing:
        return known
    # A process for a few models only: some change it for those that follow.
    with get_context("spawn").Pool(workers, maxtasksperchild=50) as pool, cache.open("a") as file:
        for sized, found in zip(missing, pool.imap(_traced, missing), strict=True):
            file.writelines([json.dumps(asdict(one)) + "\n" for one in found])
            file.flush()
            known[sized] = found
    return known


def as_measured(traces: Sequence[Traced], params_m: float) -> Traced | None:
    """The trace whose parameters are those of the network that was measured; None without one.

    Some names meant another network when they were measured, and some networks were fused.
    """
    near = min(traces, key=lambda one: abs(one.params - params_m * 1e6), default=None)
    if near is None or abs(near.params - params_m * 1e6) > MOST_APART * params_m * 1e6 + ROUNDED:
        return None
    return near if near.layers else None


def _saved(cache: Path) -> Traces:
    found: Traces = {}
    with cache.open("a+") as lines:
        lines.seek(0)
        for line in lines:
            data = json.loads(line)
            layers = tuple(Layer(*map(_frozen, layer)) for layer in data.pop("layers"))
            one = Traced(**data | {"layers": layers, "order": tuple(data["order"])})
            found.setdefault(Sized(one.model, one.size), []).append(one)
    return found


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _traced(sized: Sized) -> list[Traced]:
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(LIMIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _both(sized)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return [Traced(sized.model, sized.size, reason=reason)]
    finally:
        signal.alarm(0)


def _both(sized: Sized) -> list[Traced]:
    """As built, and as fused where that makes another network of it."""
    torchvision_ops.declare()
    from timm.utils.model import reparameterize_model

    model, built = _as_timm_measures(sized)
    with torch.device(next(model.parameters()).device), torch.no_grad():
        reparameterize_model(model, inplace=True)
    fused = _of(model, sized, fused=True)
    return [built, fused] if fused.params != built.params else [built]


def _as_timm_measures(sized: Sized) -> tuple[Any, Traced]:
    """The image's size is told to a model that does not go by its image; some must have values."""
    import timm

    errors: list[Exception] = []
    for device, options in (("meta", {}), ("meta", {"img_size": sized.size}), ("cpu", {})):
        try:
            with torch.device(device):
                model: Any = timm.create_model(sized.model, pretrained=False, **options).eval()
            return model, _of(model, sized)
        except TimeoutError:
            raise
        except Exception as error:
            errors.append(error)
    raise errors[0]


def _of(model: Any, sized: Sized, *, fused: bool = False) -> Traced:
    channels = model.pretrained_cfg["input_size"][0]
    result = trace(model, torch.empty((1, channels, sized.size, sized.size), device="meta"))
    numbers: dict[Layer, int] = {}
    order = [numbers.setdefault(_layer(row), len(numbers)) for row in result.table.rows]
    return Traced(
        sized.model,
        sized.size,
        type(model).__module__,
        fused,
        result.params,
        tuple(numbers),
        tuple(order),
        dict(result.unknown_ops),
    )


def _layer(row: Row) -> Layer:
    return Layer(
        row.op,
        row.kind.value,
        row.macs,
        row.read_bytes,
        row.write_bytes,
        row.params,
        prod(row.output),
        row.inputs,
        row.output,
        row.kernel or (),
        row.stride or (),
        row.groups or 1,
    )


def _out_of_time(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {LIMIT_S} s")
