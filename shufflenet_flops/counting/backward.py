"""Multiply-accumulates of a backward pass, from the rows of the forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from shufflenet_flops.counting.row import CONV_KINDS, MAC_CLASSES, Kind, Row
from shufflenet_flops.counting.table import Table, row_of
from shufflenet_flops.counting.trained import ALL, Trained
from shufflenet_flops.spec import (
    BatchNorm,
    Conv2d,
    Join,
    Linear,
    Node,
    Op,
    OpClass,
    Seq,
    Shape,
    walk,
)
from shufflenet_flops.spec.token_ops import (
    Attention,
    ClassToken,
    LayerNorm,
    LayerScale,
    PositionEmbedding,
)
from shufflenet_flops.spec.window_ops import RelativePosition


def backward_macs(row: Row, *, input_grad: bool = True, weight_grad: bool = True) -> int:
    """MACs that one op's backward pass adds.

    Every product of the forward pass, w·x, comes back once as w·dy in the gradient of the input
    and once as x·dy in that of the weight; each is as much work as the forward pass, grouped,
    strided, dilated or transposed. A matrix product of two activations has two inputs and no
    weight. The first layer of a network needs no `input_grad`, a frozen one no `weight_grad`.
    """
    if row.kind in CONV_KINDS or row.kind is Kind.LINEAR:
        return row.macs * (input_grad + weight_grad)
    return row.macs * 2 * input_grad


class Purpose(StrEnum):
    """What the work of a backward pass is for."""

    WEIGHTS = "weights"  # gradients of parameters
    INPUTS = "inputs"  # gradients of what a layer is given
    RECOMPUTED = "recomputed"  # forward work that is done again, to save memory


class BackwardRow(NamedTuple):
    """MACs of a backward pass: where the forward op was, its kind, and what they are for.

    `forward` is the row of that op: of the run that is differentiated, where it ran twice.
    """

    path: str
    kind: Kind
    purpose: Purpose
    macs: int
    forward: Row


@dataclass(frozen=True)
class TrainingStep:
    """One training step: a forward and a backward pass, in MACs.

    The backward pass starts with a gradient for every output: the loss is not in it. `params` are
    the parameters that are trained, each counted once. `unknown_ops` are ops of the backward pass
    without a rule, and how often they ran.
    """

    forward: Table
    backward: tuple[BackwardRow, ...]
    params: int
    unknown_ops: Mapping[str, int]

    @cached_property
    def parts(self) -> dict[Purpose, int]:
        """MACs of the backward pass by what they are for."""
        sums = dict.fromkeys(Purpose, 0)
        for row in self.backward:
            sums[row.purpose] += row.macs
        return sums

    @property
    def table(self) -> Table:
        """The rows of the forward pass, and one of the same layer for the MACs of each gradient.

        Its MACs are those of the `training` convention: what is recomputed is not in it.
        """
        gradients = (
            row.forward._replace(path=row.path, kind=row.kind, params=0, counts=_as(row))
            for row in self.backward
            if row.purpose is not Purpose.RECOMPUTED
        )
        return Table((*self.forward.rows, *gradients))

    @property
    def backward_macs(self) -> int:
        """MACs of all gradients; what is recomputed is not in it."""
        return self.parts[Purpose.WEIGHTS] + self.parts[Purpose.INPUTS]

    @property
    def macs(self) -> int:
        """MACs of the step, each product once (the `training` convention)."""
        return self.forward.macs + self.backward_macs

    @property
    def hardware_macs(self) -> int:
        """MACs that run, with those that run again (the `training-hardware` convention)."""
        return self.macs + self.parts[Purpose.RECOMPUTED]


def _as(row: BackwardRow) -> dict[OpClass, int]:
    """MACs of a backward pass, of the class that the forward op has."""
    classes = [op_class for op_class in MAC_CLASSES if op_class in row.forward.counts]
    return {classes[0] if classes else OpClass.MATMUL_MACS: row.macs}


def step_of(
    node: Node, x: Shape, trained: Trained = ALL, *, input_grad: bool = False
) -> TrainingStep:
    """The training step of `node` on an input of shape `x` (batch first), from its spec.

    Every parameter is trained that `trained` does not freeze; the input needs no gradient unless
    `input_grad`. A layer's input needs one where a trained parameter comes before it. Raises
    SpecError where the network cannot take the input, InputError for a pattern without a match.
    """
    visits = walk(node, x)
    trained.check(f"{visit.path}.{name}" for visit in visits for name in _parameters(visit.op))
    needs: list[bool] = []
    _flow(node, "", input_grad, trained, needs)
    rows: list[Row] = []
    backward: list[BackwardRow] = []
    params = 0
    for visit, needed in zip(visits, needs, strict=True):
        params += sum(
            count
            for name, count in _parameters(visit.op).items()
            if trained.is_trained(f"{visit.path}.{name}")
        )
        if visit.op.free:
            continue
        row = row_of(visit)
        rows.append(row)
        weight = trained.is_trained(f"{visit.path}.weight")
        backward += _gradients(row, input_grad=needed, weight_grad=weight)
    return TrainingStep(Table(tuple(rows)), tuple(backward), params, {})


def _gradients(row: Row, *, input_grad: bool, weight_grad: bool) -> Iterator[BackwardRow]:
    for purpose, wants in (
        (Purpose.WEIGHTS, {"input_grad": False, "weight_grad": weight_grad}),
        (Purpose.INPUTS, {"input_grad": input_grad, "weight_grad": False}),
    ):
        macs = backward_macs(row, **wants)
        if not (isinstance(macs, int) and macs == 0):
            yield BackwardRow(row.path, row.kind, purpose, macs, row)
    if row.op == Attention.name and input_grad:
        # The scores, which is the first of its two equal products.
        yield BackwardRow(row.path, row.kind, Purpose.RECOMPUTED, row.macs // 2, row)


# Ops with one parameter, and its name.
_LONE = {
    LayerScale: "weight",
    ClassToken: "token",
    PositionEmbedding: "positions",
    RelativePosition: "distances",
}


def _parameters(op: Op) -> dict[str, Any]:
    """The sizes of an op's parameters, by the names that torch's layers give them."""
    if isinstance(op, BatchNorm | LayerNorm):
        return {"weight": op.channels, "bias": op.channels}
    for kind, name in _LONE.items():
        if isinstance(op, kind):
            return {name: op.params}
    if isinstance(op, Conv2d | Linear) and op.bias:
        bias = op.c_out if isinstance(op, Conv2d) else op.features_out
        return {"weight": op.params - bias, "bias": bias}
    return {"weight": op.params} if isinstance(op, Conv2d | Linear) else {}


def _flow(node: Node, path: str, needed: bool, trained: Trained, needs: list[bool]) -> bool:
    """Whether what `node` gives needs a gradient, where what it is given does or not.

    Adds to `needs`, for each op in the order of a walk, whether an input of the op needs one.
    """

    def under(name: str) -> str:
        return f"{path}.{name}" if path else name

    if isinstance(node, Seq):
        for name, child in node.children:
            needed = _flow(child, under(name), needed, trained, needs)
        return needed
    if isinstance(node, Join):
        branches = [
            _flow(child, under(name), needed, trained, needs) for name, child in node.branches
        ]
        needed = any(branches)
        needs.append(needed)
        for name, child in node.after:
            needed = _flow(child, under(name), needed, trained, needs)
        return needed
    needs.append(needed)
    return needed or any(trained.is_trained(f"{path}.{name}") for name in _parameters(node))
