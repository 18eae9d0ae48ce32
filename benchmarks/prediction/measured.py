"""Time networks of timm and torchvision on an engine: what predictions are held against.

They are exported by torch, once at 224 x 224; at other sizes the same graph is given another input,
and left out where its shapes do not follow. What was measured is saved as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shufflenet_flops.environment import Environment, environment
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler
from shufflenet_flops.saved import record, structured
from shufflenet_flops.sources import resolve

FOLDER = Path("build/prediction")
_EXPORTED = 224
_REPEATS = 10


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
    """All that was measured on an engine, and where."""

    engine: str
    engine_version: str
    environment: Environment
    rows: tuple[Measured, ...]


def measure(engine: str, networks: tuple[str, ...], sizes: tuple[int, ...]) -> Truth:
    """Measure what is missing from this engine's file in FOLDER, and return all of it.

    All networks are measured once, and then once more, so that what slowed the machine for a while
    does not stay.
    """
    from shufflenet_flops.latency.engines import find_engine

    path = FOLDER / f"{engine}.json"
    truth = Truth(engine, find_engine(engine).version(), environment(), ())
    if path.exists():
        truth = load(path)
    there = {(row.model, row.size) for row in truth.rows}
    for model in networks:
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
    rows = ",\n".join(f"  {json.dumps(row)}" for row in data.pop("rows"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{json.dumps(data)[:-1]}, "rows": [\n{rows}\n]}}\n')


def _measured(engine: str, model: str, sizes: list[int]) -> Iterator[Measured]:
    try:
        graph = exported(model)
    except Exception as error:  # whatever torch's exporter or the model raises
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        yield from (Measured(model, size, reason=reason) for size in sizes)
        return
    for size in sizes:
        try:
            yield _timed(engine, model, graph, size)
        except Exception as error:  # a graph that is of one size alone, above all
            yield Measured(model, size, reason=f"{type(error).__name__}: {str(error)[:200]}")


def _timed(engine: str, model: str, graph: Any, size: int) -> Measured:
    import numpy as np

    profiler = find_profiler(engine)
    assert isinstance(profiler, GraphProfiler)
    x = np.random.default_rng(0).standard_normal((1, 3, size, size), dtype="float32")
    run = profiler.run(at_size(graph, size).SerializeToString(), x, Setup(), _REPEATS)
    return Measured(model, size, run.seconds, sum(node.seconds for node in run.nodes))


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
