"""A counted model as a lock holds it: totals, stages, the layers that weigh, a hash of the rest."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import Any

from shufflenet_flops.budget.layers import Layer, fingerprint, full_hash, layer_of_row
from shufflenet_flops.counting import CONVENTIONS, Convention
from shufflenet_flops.sources import Counted, Input


@dataclass(frozen=True)
class Stage:
    """The part of a model below one first name.

    `layers` are those that count or have parameters; `hash` is of all of its ops, in order.
    """

    name: str
    layers: tuple[Layer, ...]
    activations: int
    memory_bytes: int
    hash: str

    @cached_property
    def count(self) -> int:
        """MACs or FLOPs under the model's convention."""
        return sum(layer.count for layer in self.layers)

    @cached_property
    def params(self) -> int:
        """Parameters of the layers."""
        return sum(layer.params for layer in self.layers)


@dataclass(frozen=True)
class Block:
    """One model on one input, counted under one convention.

    `params` counts every parameter once, used or not; those of the layers may add up to less.
    `traced_with` are the versions that the rows of a traced model may depend on. `all_layers` are
    all ops in the order they run, empty where a lock has only a hash of them; `line` is where the
    lock names the model, `reason` why its figures were accepted. None of these four makes another
    model.
    """

    model: str
    inputs: tuple[str, ...]
    convention: str
    params: int
    stages: tuple[Stage, ...]
    fingerprint: str
    args: Mapping[str, Any] = field(default_factory=dict)
    unknown_ops: Mapping[str, int] = field(default_factory=dict)
    traced_with: Mapping[str, str] = field(default_factory=dict, compare=False)
    all_layers: tuple[Layer, ...] = field(default=(), compare=False, repr=False)
    line: int | None = field(default=None, compare=False)
    reason: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The model with its arguments, which make another model of it."""
        args = ", ".join(f"{key}={value!r}" for key, value in self.args.items())
        return f"{self.model}({args})" if args else self.model

    @property
    def order(self) -> tuple[str, ...]:
        """What the blocks of a lock are sorted by."""
        return (self.name, *self.inputs, self.convention)

    @property
    def uncounted(self) -> str:
        """`aten.fft x2`: the ops that are in no figure, and how often each is called."""
        return ", ".join(f"{op} x{calls}" for op, calls in sorted(self.unknown_ops.items()))

    @property
    def unit(self) -> str:
        """`macs` or `flops`, which the convention counts."""
        return f"{CONVENTIONS[self.convention].unit.lower()}s"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that count or have parameters, stage by stage."""
        return tuple(layer for stage in self.stages for layer in stage.layers)

    @cached_property
    def count(self) -> int:
        """MACs or FLOPs under the convention."""
        return sum(stage.count for stage in self.stages)

    @cached_property
    def activations(self) -> int:
        """Output elements of layers with MACs."""
        return sum(stage.activations for stage in self.stages)

    @cached_property
    def memory_bytes(self) -> int:
        """Bytes read and written."""
        return sum(stage.memory_bytes for stage in self.stages)


Lock = tuple[Block, ...]


def stages_of(layers: Iterable[Layer]) -> tuple[Stage, ...]:
    """The stages of a model's layers, in the order in which they are first met."""
    parts: dict[str, list[Layer]] = {}
    for layer in layers:
        parts.setdefault(layer.stage, []).append(layer)
    return tuple(
        Stage(
            name,
            tuple(layer for layer in part if layer.count or layer.params),
            sum(layer.activations for layer in part),
            sum(layer.memory_bytes for layer in part),
            full_hash(part),
        )
        for name, part in parts.items()
    )


def block_of(
    model: str,
    inputs: tuple[str, ...],
    convention: str,
    params: int,
    layers: tuple[Layer, ...],
    **more: Any,
) -> Block:
    """The block of a model all of whose layers are known; `more` are its other fields."""
    return Block(
        model,
        inputs,
        convention,
        params,
        stages_of(layers),
        fingerprint(layers),
        all_layers=layers,
        **more,
    )


def block(
    model: str,
    inputs: tuple[Input, ...],
    args: Mapping[str, Any],
    convention: Convention,
    counted: Counted,
) -> Block:
    """The block of a counted model."""
    return block_of(
        model,
        tuple(map(str, inputs)),
        convention.name,
        counted.params,
        tuple(layer_of_row(row, convention) for row in counted.table.rows),
        # As JSON gives them back: a date of TOML as text.
        args=json.loads(json.dumps(dict(args), default=str, sort_keys=True)),
        unknown_ops=dict(counted.unknown_ops),
        traced_with=versions() if any(row.aten for row in counted.table.rows) else {},
    )


def versions() -> dict[str, str]:
    """What a trace may differ by, without what only tells builds of one release apart."""
    return {
        "torch": metadata.version("torch").partition("+")[0],
        "python": ".".join(platform.python_version_tuple()[:2]),
        "shufflenet-flops": metadata.version("shufflenet-flops"),
    }
