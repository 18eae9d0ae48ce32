"""How long a trace takes, against other FLOP counters and against the module's own forward pass."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from statistics import geometric_mean, median

import torch
from torch import Tensor, nn

from shufflenet_flops.latency.sampling import sample
from shufflenet_flops.trace import fast, trace
from tests.support import torchvision_ops

Call = Callable[[], object]
Count = Callable[[nn.Module, Tensor], object]

# Networks of torchvision, each with a tiny input size that it takes.
NETWORKS = {
    "shufflenet_v2_x1_0": 32,
    "mobilenet_v2": 32,
    "resnet18": 32,
    "resnet50": 32,
    "resnet152": 32,
    "resnext50_32x4d": 32,
    "vgg16": 32,
    "alexnet": 64,
    "squeezenet1_1": 32,
    "googlenet": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "convnext_tiny": 32,
    "swin_t": 32,
}


SIZES = (224, 640)
GOALS: dict[int | str, float] = {224: 0.35, 640: 0.1, "meta": 0.5, "floor": 1.6, "memory": 1.2}
ROUNDS = 5


def section() -> str:
    """Markdown sections: against counters, with and without the build; the floor; peak memory."""
    torchvision_ops.declare()
    parts = [
        "## Trace time",
        "",
        f"Medians of {ROUNDS} interleaved rounds, {torch.get_num_threads()} threads. Each counter",
        "is run as its documentation runs it, on a real model and input on the CPU, in eval mode",
        "and without gradients; those that can, also on the meta device. `fastest` is the fastest",
        f"of {', '.join(DOCUMENTED)}.",
        "Ours gets the same module and input, and starts with nothing remembered from earlier",
        "traces. Ratios under 1 are in our favour.",
        "",
        *_against_counters(),
        *_with_build(),
        *_against_forward(),
        *_memory(),
    ]
    return "\n".join(parts)


def _against_counters() -> list[str]:
    lines = [
        "| network | input | ours, ms | fastest, ms | which | ratio | ours on meta, ms "
        "| fastest on meta, ms | which | ratio |",
        "| :--- | ---: | ---: | ---: | :--- | ---: | ---: | ---: | :--- | ---: |",
    ]
    ratios: dict[int | str, list[float]] = {size: [] for size in SIZES} | {"meta": []}
    for name in NETWORKS:
        for size in SIZES:
            cells = [name, str(size)]
            for device in ("cpu", "meta"):
                model, x = build(name, device), torch.zeros(1, 3, size, size, device=device)
                ours, fastest, which = _race(model, x, DOCUMENTED if device == "cpu" else ON_META)
                ratios[size if device == "cpu" else "meta"].append(ours / fastest)
                cells += [_ms(ours), _ms(fastest), which, f"{ours / fastest:.3f}"]
            lines.append(f"| {' | '.join(cells)} |")
    summary = [
        f"Geometric mean against {what}: {geometric_mean(ratios[key]):.3f} (goal {GOALS[key]}, "
        f"{_verdict(geometric_mean(ratios[key]), GOALS[key])}); "
        f"faster on {sum(r < 1 for r in ratios[key])} of {len(ratios[key])}."
        for key, what in (
            (224, "the fastest as documented at 224 pixels"),
            (640, "the same at 640 pixels"),
            ("meta", "the fastest on the meta device, both sizes"),
        )
    ]
    return [*lines, "", *(f"- {line}" for line in summary), ""]


def _with_build() -> list[str]:
    """From nothing but the code: the model is built in the time, ours on the meta device."""
    lines = [
        "### Model build included",
        "",
        "Ours builds the model on the meta device; the others as documented, on the CPU.",
        "",
        "| network | ours, ms | fastest, ms | which | ratio |",
        "| :--- | ---: | ---: | :--- | ---: |",
    ]
    ratios = []
    for name in NETWORKS:
        x = torch.zeros(1, 3, 224, 224)
        calls = {"ours": partial(_built, name, "meta", _ours, x)}
        for counter, count in DOCUMENTED.items():
            calls[counter] = partial(_built, name, "cpu", count, x)
        ours, fastest, which = _compare(calls, rounds=3)
        ratios.append(ours / fastest)
        lines.append(f"| {name} | {_ms(ours)} | {_ms(fastest)} | {which} | {ours / fastest:.3f} |")
    return [*lines, "", f"Geometric mean: {geometric_mean(ratios):.3f}.", ""]


def _built(name: str, device: str, count: Count, x: Tensor) -> object:
    return count(build(name, device), x)


def _against_forward() -> list[str]:
    lines = [
        "### The floor: the module's own forward pass at a tiny input",
        "",
        "Whatever runs `forward` cannot be faster than its Python code. Ours and the forward pass",
        "get the same module and input on the CPU, one thread. Ours is given twice: for the first",
        "trace of a process, and for a later one, which knows the results of ops by their shapes.",
        "",
        "| network | input | forward, ms | first, ms | ratio | 1.6 | later, ms | ratio | 1.6 |",
        "| :--- | ---: | ---: | ---: | ---: | :--- | ---: | ---: | :--- |",
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    missed = []
    for name, size in NETWORKS.items():
        model, x = build(name, "cpu"), torch.zeros(1, 3, size, size)
        calls = {
            "forward": partial(model, x),
            "first": partial(_ours, model, x),
            "later": partial(trace, model, x),
        }
        times = times_of(calls, rounds=25)
        cells = [name, str(size), _ms(times["forward"])]
        for ours in ("first", "later"):
            ratio = times[ours] / times["forward"]
            cells += [_ms(times[ours]), f"{ratio:.2f}", _verdict(ratio, GOALS["floor"])]
            if ours == "first" and ratio > GOALS["floor"]:
                missed.append(_why(name, model, x, times))
        lines.append(f"| {' | '.join(cells)} |")
    torch.set_num_threads(threads)
    return [*lines, "", *missed]


def _why(name: str, model: nn.Module, x: Tensor, times: Mapping[str, float]) -> str:
    """Where the time of a first trace goes, in figures of this run."""
    fast.KNOWN.clear()
    ops = len(trace(model, x).table.rows)
    new = len(fast.KNOWN)
    forward, first, later = (times[key] * 1e6 for key in ("forward", "first", "later"))
    return (
        f"- {name}: its {ops} ops take {forward / ops:.0f} µs each in the forward pass and "
        f"{later / ops:.0f} µs in a later trace, most of it Python's way into torch and the row; "
        f"in a first one, {new} of them have shapes not met before, and working these out takes "
        f"another {(first - later) / new:.0f} µs each.\n"
    )


def _memory() -> list[str]:
    """Peak resident memory of whole processes."""
    bare = _peak("import torch")
    ours = _peak(
        "import torch\n"
        "from shufflenet_flops import zoo\n"
        "from shufflenet_flops.build import build\nfrom shufflenet_flops.trace import trace\n"
        "model = zoo.find('vgg16')\n"
        "with torch.device('meta'):\n"
        "    module = build(model.spec)\n"
        "trace(module, torch.empty(model.input, device='meta'))\n"
    )
    ratio = ours / bare
    return [
        "### Peak memory",
        "",
        f"VGG-16 from nothing, its 138 million weights never allocated: {ours / 2**20:.0f} MiB, "
        f"{ratio:.2f} times a bare `import torch` ({bare / 2**20:.0f} MiB; goal {GOALS['memory']}, "
        f"{_verdict(ratio, GOALS['memory'])}).",
        "",
    ]


def _peak(code: str) -> int:
    """Bytes; not of `getrusage`, which starts with what the parent process had."""
    report = "\nprint(next(s for s in open('/proc/self/status') if s.startswith('VmHWM')))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], check=True, capture_output=True, text=True
    )
    return int(done.stdout.split()[1]) * 1024


def _torch(model: nn.Module, x: Tensor) -> object:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as mode:
        model(x)
    return mode.get_total_flops()


def _fvcore(model: nn.Module, x: Tensor) -> object:
    from fvcore.nn import FlopCountAnalysis

    return FlopCountAnalysis(model, x).total()


def _thop(model: nn.Module, x: Tensor) -> object:
    import thop

    return thop.profile(model, inputs=(x,), verbose=False)


def _torchinfo(model: nn.Module, x: Tensor) -> object:
    import torchinfo

    return torchinfo.summary(model, input_data=x, verbose=0, device=x.device)


def _ptflops(model: nn.Module, x: Tensor, backend: str = "pytorch") -> object:
    import ptflops

    counted = ptflops.get_model_complexity_info(
        model,
        tuple(x.shape[1:]),
        input_constructor=lambda shape: x,
        print_per_layer_stat=False,
        as_strings=False,
        backend=backend,
    )
    for module in model.modules():  # it leaves hooks behind, which would add up over the rounds
        module._forward_pre_hooks.clear()
        module._forward_hooks.clear()
    assert counted[0], "ptflops prints its exceptions and goes on"
    return counted


def _ptflops_aten(model: nn.Module, x: Tensor) -> object:
    return _ptflops(model, x, "aten")


DOCUMENTED: dict[str, Count] = {
    "torch": _torch,
    "fvcore": _fvcore,
    "thop": _thop,
    "torchinfo": _torchinfo,
    "ptflops": _ptflops,
}
# The others need real tensors, or count wrong without.
ON_META: dict[str, Count] = {
    "torch": _torch,
    "thop": _thop,
    "torchinfo": _torchinfo,
    "ptflops": _ptflops_aten,
}


def build(name: str, device: str) -> nn.Module:
    import torchvision

    options = {"init_weights": False} if name == "googlenet" else {}
    with torch.device(device):
        module: nn.Module = getattr(torchvision.models, name)(**options)
    return module.eval()


def _ours(model: nn.Module, x: Tensor) -> object:
    fast.KNOWN.clear()  # as for the first trace of a process
    return trace(model, x).table.macs


def _race(model: nn.Module, x: Tensor, counters: Mapping[str, Count]) -> tuple[float, float, str]:
    calls: dict[str, Call] = {"ours": partial(_ours, model, x)}
    for name, count in counters.items():
        calls[name] = partial(count, copy.deepcopy(model), x)
    return _compare(calls)


def _compare(calls: Mapping[str, Call], rounds: int = ROUNDS) -> tuple[float, float, str]:
    """Seconds of ours, of the fastest other, and its name."""
    times = times_of(calls, rounds)
    which = min((name for name in times if name != "ours"), key=times.__getitem__)
    return times["ours"], times[which], which


def times_of(calls: Mapping[str, Call], rounds: int = ROUNDS) -> dict[str, float]:
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        samples = sample(calls, rounds=rounds)
    logging.disable(logging.NOTSET)
    return {name: median(seconds) for name, seconds in samples.items()}


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def _verdict(value: float, goal: float) -> str:
    return "met" if value <= goal else f"missed by {value - goal:.2f}"


if __name__ == "__main__":
    print(section())
