"""How long a trace of a training step takes, and one of peak memory, against torch's own tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import geometric_mean
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.trace_time import build, times_of
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.trace import fast, trace
from tests.support import torchvision_ops

NETWORKS = ("shufflenet_v2_x1_0", "mobilenet_v2", "resnet50", "densenet121", "swin_t")
SIZE, BATCH = 224, 2
# Torch's tools leave the caches without what ours use, so that each is among its like.
ROUNDS, ROUNDS_OF_TOOLS = 15, 5
GOALS = {"step": 2.5, "peak": 1.2}


def section() -> str:
    """A Markdown section: steps and peaks against the forward trace, and against torch's tools."""
    torchvision_ops.declare()
    lines = [
        "## Training steps and peak memory",
        "",
        f"Medians of {ROUNDS} interleaved rounds, {ROUNDS_OF_TOOLS} of torch's tools,",
        f"on {BATCH} images of {SIZE} pixels, all on the meta device, ours with nothing known",
        "from earlier traces. `counter` is",
        "`torch.utils.flop_counter` over a forward and a backward pass, `tracker` torch's",
        "MemTracker (`torch.distributed._tools`) over the same step. Ratios under 1 are in our",
        "favour.",
        "",
        "| network | forward, ms | step, ms | ratio | counter, ms | ratio | peak, ms | ratio "
        "| peak of a step, ms | tracker, ms | ratio |",
        "| :--- |" + " ---: |" * 10,
    ]
    ratios: dict[str, list[float]] = {"step": [], "peak": [], "counter": [], "tracker": []}
    for name in NETWORKS:
        times = _measured(name)
        of_network = {
            "step": times["step"] / times["forward"],
            "counter": times["step"] / times["counter"],
            "peak": times["peak"] / times["forward"],
            "tracker": times["step peak"] / times["tracker"],
        }
        for key, ratio in of_network.items():
            ratios[key].append(ratio)
        cells = [name, _ms(times["forward"])]
        for key, other in (("step", "step"), ("counter", "counter"), ("peak", "peak")):
            cells += [_ms(times[other]), f"{of_network[key]:.2f}"]
        cells += [_ms(times["step peak"]), _ms(times["tracker"]), f"{of_network['tracker']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    means = {key: geometric_mean(values) for key, values in ratios.items()}
    return "\n".join(
        [
            *lines,
            "",
            *(
                f"- A trace of {what} takes {means[key]:.2f} times that of a forward pass (goal "
                f"{goal}, {'met' if means[key] <= goal else f'missed by {means[key] - goal:.2f}'})."
                for (key, goal), what in zip(
                    GOALS.items(), ("a step", "the peak of inference"), strict=True
                )
            ),
            f"- A step takes {means['counter']:.2f} times as long as torch's counter, and its peak "
            f"{means['tracker']:.2f} times as long as torch's tracker.",
            "",
        ]
    )


def _measured(name: str) -> Mapping[str, float]:
    x = torch.empty(BATCH, 3, SIZE, SIZE, device="meta")

    def fresh(**asked: object) -> Callable[[], object]:
        return partial(_ours, build(name, "meta").train(), x, asked)

    ours = {
        "forward": fresh(),
        "step": fresh(step=ALL),
        "peak": fresh(memory=True),
        "step peak": fresh(step=ALL, memory=True),
    }
    tools: dict[str, Callable[[], object]] = {
        "counter": partial(_counter, build(name, "meta").train(), x),
        "tracker": partial(_tracker, build(name, "meta").train(), x),
    }
    return times_of(ours, ROUNDS) | times_of(tools, ROUNDS_OF_TOOLS)


def _ours(model: nn.Module, x: Tensor, asked: Mapping[str, Any]) -> object:
    fast.KNOWN.clear()  # as for the first trace of a process
    return trace(model, x, training=True, **asked)


def _step(model: nn.Module, x: Tensor) -> None:
    with torch.enable_grad():
        y = model(x)
        y = getattr(y, "logits", y)
        y.backward(torch.empty_like(y))
    model.zero_grad(set_to_none=True)


def _counter(model: nn.Module, x: Tensor) -> object:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as mode:
        _step(model, x)
    return mode.get_total_flops()


def _tracker(model: nn.Module, x: Tensor) -> object:
    from torch.distributed._tools.mem_tracker import MemTracker

    tracker = MemTracker()
    tracker.track_external(model)
    with tracker:
        _step(model, x)
    return tracker.get_tracker_snapshot("peak")


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


if __name__ == "__main__":
    print(section())
