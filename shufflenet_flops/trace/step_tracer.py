"""The mode that watches a training step: a forward pass, and the backward pass of autograd."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from shufflenet_flops.counting.backward import BackwardRow, Purpose, TrainingStep
from shufflenet_flops.counting.row import MAC_CLASSES, MAC_KINDS, Call, Kind, Row
from shufflenet_flops.counting.table import Table
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import META
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.facts import Facts
from shufflenet_flops.trace.lifetimes import Lifetimes
from shufflenet_flops.trace.module_tree import NOWHERE, Place
from shufflenet_flops.trace.shortcuts import Shortcuts
from shufflenet_flops.trace.state import State


class StepTracer(Tracer):
    """A tracer of stand-ins that autograd differentiates, so that a backward pass can follow.

    Every parameter has a stand-in of its own, in its place in its module. What runs in the backward
    pass is told apart by the node of autograd that it runs for: it goes to the row of the op that
    made the node. With gradients switched on, or within a module, it is forward work done again.
    """

    def __init__(
        self,
        state: State,
        shortcuts: Shortcuts,
        values: bool,
        lifetimes: Lifetimes | None,
        trained: Trained,
        places: list[Place],
    ) -> None:
        super().__init__(state, shortcuts, values, lifetimes)
        self.differentiates = True
        self.returning = False  # whether the backward pass is on its way
        self.functions: TorchFunctionMode | None = None
        self._which = trained
        self._places = places
        self.backward: list[BackwardRow] = []
        self.backward_unknown: list[str] = []
        self._numbers: list[int] = []  # of the last node before a row, and
        self._rows_at: list[Row] = []  # that row
        self._trained: dict[int, Tensor] = {}  # what is differentiated for the module's own, by id
        self._leaves: dict[int, Tensor] = {}
        self._params = 0
        self._reached: set[int] = set()

    def call(self, place: Place, forward: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """As for any tracer; a module that runs again in a backward pass has its functions seen.

        Torch takes the mode of functions away for a backward pass, whose ops are then worked out
        without a trip to it; older versions leave it.
        """
        is_again = self.returning and self.place is NOWHERE
        is_missed = is_again and not torch_private.function_modes()
        with (is_missed and self.functions) or nullcontext():
            return super().call(place, forward, *args, **kwargs)

    def begin(self) -> None:
        """Put stand-ins in the place of parameters; with values, the module is a copy already."""
        if not self.values and any(place.scripted for place in self._places):
            raise NotImplementedError  # as torch raises: a run on real values follows
        trained, places = self._which, self._places
        names: dict[int, list[str]] = {}
        held: dict[int, tuple[Tensor, list[tuple[Any, str]]]] = {}
        for place in places:
            own = torch_private.parameters_of(place.module)
            for name, param in own.items():
                if param is not None:
                    path = f"{place.path}.{name}" if place.path else name
                    names.setdefault(id(param), []).append(path)
                    held.setdefault(id(param), (param, []))[1].append((own, name))
        trained.check(name for several in names.values() for name in several)
        self._params = len(held)
        for key, (param, where) in held.items():
            wanted = all(trained.is_trained(name, param.requires_grad) for name in names[key])
            wanted = wanted and _is_differentiable(param)
            self._take(param, wanted, where)
            if wanted:
                self._trained[key] = self._leaves.get(key, param)

    def _take(self, param: Tensor, wanted: bool, where: list[tuple[Any, str]]) -> None:
        if self.values or type(param) is not nn.Parameter:
            param.requires_grad_(wanted)
            if self.values:
                param.grad = None  # of the copy, which has those of the model
            return
        data = torch.empty_strided(param.shape, param.stride(), dtype=param.dtype, device=META)
        leaf = nn.Parameter(data, wanted)
        vars(leaf).update(vars(param))
        self._leaves[id(param)] = leaf
        self._stand_ins.add(param, leaf)
        self.state.keep(param)
        self.state.stand_in(param, leaf)
        self.made(leaf)
        if self.lifetimes is not None:
            self.lifetimes.stand_in(param, leaf)
        for own, name in where:
            own[name] = leaf

    def step(self, params: Iterable[Tensor]) -> TrainingStep:
        """What was watched; `params` are the module's own parameters."""
        return TrainingStep(
            Table(tuple(self.rows)),
            tuple(self.backward),
            sum(param.numel() for param in params if id(param) in self._reached),
            dict(Counter(self.backward_unknown)),
        )

    def to_meta(self, x: Tensor) -> Tensor:
        leaf = self._leaves.get(id(x))
        if leaf is not None:
            return leaf
        known = x.is_meta or self._stand_ins.get(x) is not None
        stand_in = super().to_meta(x)
        if not known and x.requires_grad and stand_in is not x:
            stand_in.requires_grad_()
        return stand_in

    def run_back(self, outputs: Sequence[Tensor]) -> None:
        """The backward pass, from a gradient for every output that has one.

        Raises ModelError where there is none.
        """
        ends = {id(y): y for y in outputs if y.requires_grad}
        if not ends:
            raise ModelError(self._why_not(outputs))
        starts = [self._gradient_of(y) for y in ends.values()]
        self.returning = True
        self.autocast.leave()
        torch.autograd.backward(list(ends.values()), starts)
        # Those that no output depends on get no gradient, and optimisers leave them as they are.
        self._reached = {key for key, leaf in self._trained.items() if leaf.grad is not None}
        if self.lifetimes is not None:
            self.lifetimes.gradients(leaf.grad for leaf in self._leaves.values())

    def _why_not(self, outputs: Sequence[Tensor]) -> str:
        cannot = "the model cannot be trained: "
        if not self._params:
            return f"{cannot}it has no parameters"
        if not self._trained:
            return f"{cannot}all its parameters are frozen, or are not floating point"
        if not outputs:
            return f"{cannot}it returns no tensor, at which a backward pass could start"
        if not any(map(_is_differentiable, outputs)):
            kinds = sorted({str(y.dtype).removeprefix("torch.") for y in outputs})
            return f"{cannot}it returns {' and '.join(kinds)} alone, which has no gradient"
        return (
            f"{cannot}no output depends on a parameter that is trained "
            "(detach, no_grad and whole numbers cut it off)"
        )

    def _gradient_of(self, y: Tensor) -> Tensor:
        return torch.ones_like(y) if self.values else _empty_like(y)

    def survivors(self) -> list[ref[Tensor]]:
        self._leaves.clear()
        self._trained.clear()
        return super().survivors()

    def _record(
        self, func: Any, args: Any, facts: Facts | str | None, operands: list[Tensor], out: Any
    ) -> None:
        if self.returning:
            self.autocast.leave()
            if self.lifetimes is not None:
                self.lifetimes.called(self._origin().path, "", func, args, out)
            if facts is not None:
                self._record_back(func, args, facts, operands)
            return
        before = len(self.rows)
        super()._record(func, args, facts, operands, out)
        if len(self.rows) > before:
            self._note(self.rows[-1])

    def _note(self, row: Row) -> None:
        """The last node of autograd that was made is of this row, if any node is."""
        self._numbers.append(torch_private.next_node() - 1)
        self._rows_at.append(row)

    def _record_back(
        self, func: Any, args: Any, facts: Facts | str, operands: list[Tensor]
    ) -> None:
        if isinstance(facts, str):
            if torch_private.running_node() != torch_private.KEEPS_GRADIENT:
                self.backward_unknown.append(facts)
            return
        kind, counts = facts.work[1], facts.work[4]
        macs = sum(counts.get(op_class, 0) for op_class in MAC_CLASSES)
        if not macs:
            return
        inside = self.place is not NOWHERE
        if inside or torch.is_grad_enabled():
            path = self.place.path if inside else self._origin().path
            again = facts.row(path, 0, Call(), self.place.training)
            self.backward.append(BackwardRow(path, kind, Purpose.RECOMPUTED, macs, again))
            self._note(again)
            return
        origin = self._origin()
        if origin.kind in MAC_KINDS:
            kind = origin.kind
        if func is _CONVOLUTION_BACKWARD:
            into, of_weight = args[10][:2]
            each = macs // (into + of_weight)
            self._add(origin, kind, each * into, each * of_weight)
        elif self._is_of_weight(origin, operands, facts.work[3]):
            self._add(origin, kind, 0, macs)
        else:
            self._add(origin, kind, macs, 0)

    def _add(self, origin: Row, kind: Kind, inputs: int, weights: int) -> None:
        for purpose, macs in ((Purpose.INPUTS, inputs), (Purpose.WEIGHTS, weights)):
            if macs:
                self.backward.append(BackwardRow(origin.path, kind, purpose, macs, origin))

    def add_attention(self, macs: int, scores: int, *, again: bool) -> None:
        """The gradients of attention, which is one op; `again` where its kernel redoes scores."""
        origin = self._origin()
        self._add(origin, Kind.MATMUL, macs, 0)
        if again:
            row = BackwardRow(origin.path, Kind.MATMUL, Purpose.RECOMPUTED, scores, origin)
            self.backward.append(row)

    def _origin(self) -> Row:
        """The row of the forward op that the running node is of: the first after the node."""
        number = torch_private.running_node()
        if number is None or not self._rows_at:
            return _NO_ROW
        return self._rows_at[min(bisect_left(self._numbers, number), len(self._rows_at) - 1)]

    def _stands_for_weight(self, x: Tensor) -> bool:
        return x in self.state or self.autocast.is_kept(x)

    def _is_of_weight(self, origin: Row, operands: list[Tensor], gradient: tuple[int, ...]) -> bool:
        """Whether a product is for a weight: a fully connected layer's, of the weight's shape.

        That of the input has the weight as a factor, unless it is worked out from parameters.
        """
        if origin.kind is not Kind.LINEAR or any(map(self._stands_for_weight, operands)):
            return False
        weight = origin.operands[1 if origin.op == "bilinear" else -1]
        return gradient in (weight, weight[::-1])


def _is_differentiable(x: Tensor) -> bool:
    return x.is_floating_point() or x.is_complex()


def _empty_like(x: Tensor) -> Tensor:
    # Not `torch.empty_like`, which for the meta device is Python code that imports sympy.
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)


_NO_ROW = Row("", "", Kind.MOVE, (), (), {})
_CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward.default
