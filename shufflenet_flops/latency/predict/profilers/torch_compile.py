"""torch.compile: the clock before and after each call in the code that Inductor writes."""

from __future__ import annotations

import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

from shufflenet_flops.counting.row import CONV_KINDS, Kind
from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import Call, EngineError, Setup
from shufflenet_flops.latency.predict.kernels import ACTIVATIONS, BYTES, Fusion, amounts
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers.converting import KEPT, converting
from shufflenet_flops.latency.predict.profilers.eager import built
from shufflenet_flops.latency.predict.profilers.in_order import OpInKernel, ops_of
from shufflenet_flops.latency.predict.profilers.protocol import Profile, Profiler, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s, runs
from shufflenet_flops.running.no_gc import no_gc

_WARM_UP = 3
_LOOP = "cpp_fused_"  # how the names of Inductor's own loops begin, before the ops in them
_LIBRARIES = ("extern_kernels", "torch")  # whose functions the code calls beside
# Functions of libraries that hold the work of a layer, by the place of its weights.
_LAYERS = {"convolution": 1, "addmm": 2, "mm": 1}
_ATTENTION = "_scaled_dot_product"
# Ops that are loops by themselves, as their names stand in that of a loop.
_LOOPS = (
    *("max_pool2d", "avg_pool2d", "layer_norm", "softmax", "mean", "cat", "mul", "clone"),
    "batch_norm",
)
_SAME = {"adaptive_avg_pool2d": "mean", "channel_shuffle": "clone"}


@profiler
class CompiledProfiler(Profiler):
    """What goes element by element is one loop, which follows on a convolution."""

    name = "torch-compile"
    fusion = Fusion(
        norm=True, activations=frozenset(ACTIVATIONS[1:]), addition=True, attention=True
    )

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The least time of a call by the thread's own clock, and that of each call within it.

        Raises EngineError for a network that is not compiled, or not as this knows it.
        """
        call, code = _compiled(network, setup)
        whole = least_s(call, repeats)
        calls = _timed(call, code, runs(whole, repeats))
        # What is left is Python's work before the first call and after the last.
        around = max(0.0, whole - sum(called.seconds for called in calls)) / len(calls)
        calls = [replace(called, seconds=called.seconds + around) for called in calls]
        parts = _Owners(ops_of(network, self.fusion)).seconds(calls)
        return Profile(whole, {path: parts[path] for path in parts.keys() & paths})


class _Value(NamedTuple):
    """A tensor, told by where it lies and by its shape."""

    place: int
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class _Called:
    """A call in the code: what of, the tensors it was given, those it returned, its seconds."""

    name: str
    tensors: Sequence[_Value]
    result: Sequence[_Value]
    seconds: float

    @property
    def weights(self) -> _Value | None:
        """The weights of a layer, None where it is none."""
        place = _LAYERS.get(self.name, len(self.tensors))
        return self.tensors[place] if place < len(self.tensors) else None


class _Owners:
    """Whose time a call is.

    A layer is told by the number of its weights. The time of a loop is that of the op that it is
    named after and whose size it writes; else of the layer that wrote what it reads first. Where it
    puts weights in another order, the layers that take them have a share.
    """

    def __init__(self, ops: Sequence[OpInKernel]) -> None:
        self._layers: defaultdict[object, deque[str]] = defaultdict(deque)
        self._loops: defaultdict[tuple[str, int], deque[str]] = defaultdict(deque)
        for op in ops:
            row = op.row
            if row.kind in CONV_KINDS or row.kind is Kind.LINEAR:
                self._layers[amounts(op.kernel).bytes_weights // BYTES].append(row.path)
            elif row.op == "scaled_dot_product_attention":
                self._layers[_ATTENTION].append(row.path)
            elif op.is_first:
                self._loops[_SAME.get(row.op, row.op), prod(row.output)].append(row.path)

    def seconds(self, calls: Sequence[_Called]) -> dict[str, float]:
        """Seconds of each op, by its path."""
        layers = [self._layer(call) for call in calls]
        orders = _orders(calls, layers)
        seconds: defaultdict[str, float] = defaultdict(float)
        writers: dict[int, str] = {}  # by where a value lies: the op that wrote it
        last = next((path for path in layers if path), "")
        for i, call in enumerate(calls):
            read = (writers[value.place] for value in call.tensors if value.place in writers)
            owner = layers[i] or self._loop(call) or next(read, last)
            written = call.result or call.tensors[-1:]
            writers |= {value.place: owner for value in written}
            shares = _shares(call, orders[i], owner)
            for path, share in shares.items():
                seconds[path] += share * call.seconds
            last = owner
        return dict(seconds)

    def _layer(self, call: _Called) -> str:
        """The path of the layer that is called, empty where none is."""
        told = weights.elements if (weights := call.weights) else call.name[: len(_ATTENTION)]
        left = self._layers[told]
        return left.popleft() if left else ""

    def _loop(self, call: _Called) -> str:
        """The path of the op that a loop is named after, empty where it is none."""
        for value in reversed(call.tensors):
            for op in _LOOPS:
                left = self._loops[op, value.elements] if op in call.name else None
                if left:
                    return left.popleft()
        return ""


def _orders(calls: Sequence[_Called], layers: Sequence[str]) -> list[dict[str, _Value]]:
    """Of each call the weights that it puts in order, by the layer that takes them."""
    orders: list[dict[str, _Value]] = [{} for _ in calls]
    for i, (call, path) in enumerate(zip(calls, layers, strict=True)):
        if path and (weights := call.weights):
            made = (j for j in reversed(range(i)) if weights in calls[j].tensors and not layers[j])
            if (j := next(made, None)) is not None:
                orders[j][path] = weights
    return orders


def _shares(call: _Called, ordered: Mapping[str, _Value], owner: str) -> dict[str, float]:
    """What part of a call is whose: by the weights that it orders, and the largest other value."""
    sizes = {path: weights.elements for path, weights in ordered.items()}
    others = [
        value.elements
        for value in call.tensors
        if value.shape not in {weights.shape for weights in ordered.values()}
    ]
    whole = sum(sizes.values()) + (rest := max(others, default=0) if ordered else 1)
    shares = {path: size / whole for path, size in sizes.items()}
    return shares | {owner: shares.get(owner, 0.0) + rest / whole}


def _timed(call: Call, code: ModuleType, calls: int) -> list[_Called]:
    """The calls within a call of compiled code, each with its least seconds of so many."""
    log = _Log()
    seconds: list[float] = []
    with _watched(code, log), no_gc():
        for _ in range(_WARM_UP + calls):
            log.calls, log.ready = [], 0.0
            call()
            new = [each.seconds for each in log.calls]
            seconds = [min(pair) for pair in zip(seconds or new, new, strict=True)]
    # Where values lie is another thing in each run, so it is that of one.
    return [replace(each, seconds=least) for each, least in zip(log.calls, seconds, strict=True)]


@dataclass
class _Log:
    """The calls so far, and when the last of them had been noted; 0 before the first."""

    calls: list[_Called] = field(default_factory=list)
    ready: float = 0.0


@contextmanager
def _watched(code: ModuleType, log: _Log) -> Iterator[None]:
    """Put what is called in the code within a clock, and note it in the log."""
    kept = {
        name: value
        for name, value in vars(code).items()
        if name in _LIBRARIES or name.startswith(_LOOP)
    }
    for name, value in kept.items():
        setattr(code, name, _Clocked(name, value, log))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(code, name, value)


class _Clocked:
    """A function, or what holds some, whose calls are timed and noted."""

    def __init__(self, name: str, target: Any, log: _Log) -> None:
        self._name = name
        self._target = target
        self._log = log

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if isinstance(value, type) or not (callable(value) or isinstance(value, ModuleType)):
            return value
        return _Clocked(self._name if name == "default" else name, value, self._log)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        start = self._log.ready or time.thread_time()
        result = self._target(*args, **kwargs)
        seconds = time.thread_time() - start
        tensors = [_value(x) for x in args if hasattr(x, "data_ptr")]
        results = result if isinstance(result, tuple) else (result,)
        written = [_value(x) for x in results if hasattr(x, "data_ptr")]
        self._log.calls.append(_Called(self._name, tensors, written, seconds))
        self._log.ready = time.thread_time()
        return result


def _value(x: Any) -> _Value:
    return _Value(x.data_ptr(), tuple(x.shape))


@lru_cache(maxsize=KEPT)
def _compiled(network: RandomNetwork, setup: Setup) -> tuple[Call, ModuleType]:
    """The network as it is compiled, and the code that Inductor wrote of it."""
    module, x = built(network)
    before = set(sys.modules)
    with converting():
        call = find_engine("torch-compile").prepare(module, (x,), setup)
    written = [sys.modules[name] for name in set(sys.modules) - before]
    codes = [module for module in written if any(name.startswith(_LOOP) for name in vars(module))]
    if len(codes) != 1:
        raise EngineError(f"torch.compile made {len(codes)} pieces of it, and one can be timed")
    return call, codes[0]
