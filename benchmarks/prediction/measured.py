"""Time networks of timm and torchvision on an engine: what predictions are held against.

An engine that runs ONNX graphs is given what torch exports, once at 224 x 224; at other sizes the
same graph is given another input, and left out where its shapes do not follow. Any other engine is
given the module. What was measured is saved as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.prediction.guidelines import guidelines
from shufflenet_flops.environment import Environment, environment
from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import EngineError, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler
from shufflenet_flops.latency.predict.profilers.timing import least_s
from shufflenet_flops.saved import record, structured
from shufflenet_flops.sources import resolve
from shufflenet_flops.sources.torch_modules.imports import one_line

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path("build/prediction")
_EXPORTED = 224
_REPEATS = 10
_OF_GUIDELINES = 15


@dataclass(frozen=True)
class Measured:
    """A network at a size (its image is square): seconds of a call, and the sum of its kernels.

    The seconds are the least of two sittings, and `other_s` those of the other one, None where
    there was one alone. Without seconds it could not be run, for `reason`.
    """

    model: str
    size: int
    seconds: float | None = None
    kernels_s: float | None = None
    reason: str = ""
    other_s: float | None = None

    def least(self, again: Measured) -> Measured:
        """Of two sittings the one that was disturbed less, and the other's seconds."""
        if self.seconds is None or again.seconds is None:
            return replace(self, other_s=self.seconds)
        first, second = sorted((self, again), key=lambda row: row.seconds or 0.0)
        return replace(first, other_s=second.seconds)


@dataclass(frozen=True)
class Truth:
    """All that was measured on an engine, and where: networks, and those of the guidelines."""

    engine: str
    engine_version: str
    environment: Environment
    rows: tuple[Measured, ...]
    guidelines: tuple[Measured, ...] = ()


def measure(engine: str, networks: Mapping[str, tuple[int, ...]]) -> Truth:
    """Measure what is missing from this engine's file in FOLDER, and return all of it.

    `networks` are those to measure, and the sizes of each. All are measured once, and then once
    more, so that what slowed the machine for a while does not stay.
    """
    path = FOLDER / f"{engine}.json"
    fresh = Truth(engine, find_engine(engine).version(), environment(), ())
    truth = load(path) if path.exists() else fresh
    if not truth.guidelines:
        truth = replace(truth, guidelines=tuple(_guidelines(engine)))
        save(path, truth)
    there = {(row.model, row.size) for row in truth.rows}
    for model, sizes in networks.items():
        missing = [size for size in sizes if (model, size) not in there]
        if missing:
            print(engine, model, flush=True)
            truth = replace(truth, rows=(*truth.rows, *_measured(engine, model, missing)))
            save(path, truth)
    for model in networks:
        once = {
            row.size: row
            for row in truth.rows
            if row.model == model and row.seconds is not None and row.other_s is None
        }
        if once:
            print(engine, model, "again", flush=True)
            again = {row.size: row for row in _measured(engine, model, list(once))}
            rows = tuple(
                row.least(again[row.size]) if row in once.values() else row for row in truth.rows
            )
            truth = replace(truth, rows=rows)
            save(path, truth)
    return truth


def load(path: Path) -> Truth:
    """What was saved. Raises DataError for anything else."""
    return structured(Truth, json.loads(path.read_text()), "")


def save(path: Path, truth: Truth) -> None:
    """Write what was measured, a line for each network at a size."""
    data = record(truth)
    lists = [_lines(name, data.pop(name)) for name in ("rows", "guidelines")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{json.dumps(data)[:-1]}, {', '.join(lists)}}}\n")


def _lines(name: str, rows: list[Any]) -> str:
    return f'"{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]"


def _guidelines(engine: str) -> Iterator[Measured]:
    """The networks of the guidelines: from our spec, as they are in no library."""
    profiler = find_profiler(engine)
    for networks in guidelines().values():
        for name, (spec, shape) in networks.items():
            network = RandomNetwork(0, spec, shape)
            try:
                profile = profiler.profile(network, frozenset(), Setup(), _OF_GUIDELINES)
            except EngineError as error:
                yield Measured(name, shape[-1], reason=one_line(error))
            else:
                yield Measured(name, shape[-1], profile.seconds)


def _measured(engine: str, model: str, sizes: list[int]) -> Iterator[Measured]:
    try:
        timed = _ready(engine, model)
    except Exception as error:  # whatever torch's exporter or the model raises
        yield from (Measured(model, size, reason=one_line(error)) for size in sizes)
        return
    for size in sizes:
        try:
            yield timed(size)
        except Exception as error:  # a network that is of one size alone, above all
            yield Measured(model, size, reason=one_line(error))


def _ready(engine: str, model: str) -> Callable[[int], Measured]:
    """What times the network at a size."""
    profiler = find_profiler(engine)
    if isinstance(profiler, GraphProfiler):
        return partial(_graph_timed, profiler, model, exported(model))
    return partial(_module_timed, engine, model, resolve(model).module())


def _graph_timed(profiler: GraphProfiler, model: str, graph: Any, size: int) -> Measured:
    import numpy as np

    x = np.random.default_rng(0).standard_normal((1, 3, size, size), dtype="float32")
    run = profiler.run(at_size(graph, size).SerializeToString(), x, Setup(), _REPEATS)
    return Measured(model, size, run.seconds, sum(node.seconds for node in run.nodes))


def _module_timed(engine: str, model: str, module: nn.Module, size: int) -> Measured:
    """As `latency` runs it; what the engine makes of it is forgotten afterwards."""
    import torch

    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with quiet(), torch.inference_mode():
        call = find_engine(engine).prepare(module, (x,), Setup())
        call()
    return Measured(model, size, least_s(call, _REPEATS))


def exported(model: str) -> Any:
    """The ONNX graph of a network on an image of 224 x 224."""
    import torch

    source = resolve(model)
    with quiet():
        program = torch.onnx.export(
            source.module(), (torch.randn(1, 3, _EXPORTED, _EXPORTED),), dynamo=True, verbose=False
        )
    assert program is not None
    return program.model_proto


def at_size(graph: Any, size: int) -> Any:
    """The graph on an image of another size, all other shapes worked out again.

    Raises what ONNX raises where they do not follow.
    """
    import onnx

    if size == _EXPORTED:
        return graph
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    del other.graph.value_info[:]
    for axis in other.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = size
    for output in other.graph.output:
        output.ClearField("type")
    return onnx.shape_inference.infer_shapes(other, strict_mode=True, data_prop=True)
