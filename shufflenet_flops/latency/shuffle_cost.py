"""What channel shuffle costs: as an op of its own, and within ShuffleNet's unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from shufflenet_flops.build import ChannelShuffle
from shufflenet_flops.latency.engines.protocol import Engine, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.measure import TimingPlan, measure
from shufflenet_flops.latency.sampling import Progress, sample
from shufflenet_flops.latency.shuffle import OpCost, UnitShare, shuffled
from shufflenet_flops.latency.stats import paired_ratio, summarise
from shufflenet_flops.sources import resolve
from shufflenet_flops.zoo.shufflenet_v1_widths import STAGE_WIDTHS

_SIZES = (28, 14, 7)  # of the maps in stages 2 to 4, for an input of 224x224
_COPY = "copy"


def unit_sizes(g: int) -> list[tuple[int, int]]:
    """Channels and size of the map of ShuffleNet 1x's units, stages 2 to 4."""
    return list(zip(STAGE_WIDTHS[g], _SIZES, strict=True))


def op_costs(g: int, setup: Setup, rounds: int | None, progress: Progress) -> list[OpCost]:
    """Every way to shuffle the bottleneck of each unit size, beside a copy of as many bytes."""
    torch.set_num_threads(setup.threads)
    costs = []
    for c, size in unit_sizes(g):
        x = torch.randn(1, c // 4, size, size)
        with quiet():
            calls = {name: _in_inference(call) for name, call in _ways(x, g).items()}
            for call in calls.values():
                call()
        samples = sample(calls, rounds=rounds, min_time_s=0.5, progress=progress)
        moved = 2 * x.numel() * x.element_size()
        copying = summarise(samples[_COPY]).median
        for name in calls:
            if name == _COPY:
                continue
            latency = summarise(samples[name])
            ratio = paired_ratio(samples[name], _COPY, samples[_COPY])
            costs.append(
                OpCost(
                    name,
                    c // 4,
                    size,
                    size,
                    moved,
                    latency.median,
                    latency.q1,
                    latency.q3,
                    moved / latency.median,
                    moved / copying,
                    ratio.ratio,
                    ratio.low,
                    ratio.high,
                )
            )
    return costs


def _ways(x: Tensor, g: int) -> dict[str, Callable[[], object]]:
    module = ChannelShuffle(g)
    order = torch.tensor(shuffled(g, x.shape[1] // g))
    last = x.contiguous(memory_format=torch.channels_last)
    compiled = torch.compile(module, fullgraph=True, dynamic=False)
    target = torch.empty_like(x)
    return {
        "reshape, transpose, copy": lambda: module(x),
        "torch channel_shuffle": lambda: F.channel_shuffle(x, g),
        "index gather": lambda: x.index_select(1, order),
        "channels-last": lambda: module(last),
        "compiled": lambda: compiled(x),
        _COPY: lambda: target.copy_(x),
    }


def _in_inference(call: Callable[[], object]) -> Callable[[], object]:
    return torch.inference_mode()(call)


def unit_shares(
    g: int, engines: Sequence[Engine], plan: TimingPlan, progress: Progress
) -> Iterator[UnitShare]:
    """Units with and without their shuffle, in the same rounds, on every engine."""
    for c, size in unit_sizes(g):
        text = f"shufflenet_unit@c={c},g={g},h={size},w={size}"
        sources = [resolve(f"{text},shuffle={flag}") for flag in ("false", "true")]
        rows = list(measure(sources, engines, plan, progress))
        for i, engine in enumerate(engines):
            without, full = rows[i], rows[i + len(engines)]
            pair = next((pair for pair in full.pairs if pair.b == without.label), None)
            yield UnitShare(
                engine.name,
                full.engine_version,
                c,
                size,
                size,
                full.median_s,
                without.median_s,
                1 - 1 / pair.ratio if pair else None,
                1 - 1 / pair.low if pair else None,
                1 - 1 / pair.high if pair else None,
                full.reason or without.reason,
            )
