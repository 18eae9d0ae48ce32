"""The mode that watches the aten ops of a forward pass, and turns each into a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from shufflenet_flops.counting import Row
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.spec.ops import shape_text
from shufflenet_flops.trace.arguments import (
    Make,
    arguments_of,
    in_order,
    maker,
    map_tensors,
    position,
    tensors_of,
)
from shufflenet_flops.trace.call_site import first_shape
from shufflenet_flops.trace.fast.meta import META, infer
from shufflenet_flops.trace.module_tree import Place
from shufflenet_flops.trace.rules import FREE, RULES, Context, Work

# Functions and ops that ask a tensor for its values, which a stand-in does not have.
ASKING = frozenset(
    """
    item tolist numpy nonzero nonzero_static __array__ __bool__ __complex__ __contains__ __float__
    __index__ __int__ _local_scalar_dense _unique2 bincount equal is_nonzero masked_select unique
    unique_consecutive unique_dim repeat_interleave _pack_padded_sequence
    """.split()
)


_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Tracer(TorchDispatchMode):
    """Turns every aten op into a row.

    With `values` ops are run for real, else only what they would return is worked out, on the meta
    device, once per distinct op and shapes.
    """

    def __init__(self, params: Sequence[Tensor], buffers: Sequence[Tensor], values: bool) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self.function = ""  # the bare name of the torch function that is running
        self.callee: Any = ""  # the function itself, or a name for how it was called
        self.calls: list[tuple[Place, IntShape]] = []
        self.failed: str = ""
        self.asked_for_values = False
        self.values = values
        self._place = _NOWHERE
        # The tensor that each id stands for: of parameters, buffers and views of them.
        self._state: dict[int, Tensor] = {id(t): t for t in (*buffers, *params)}
        # Whether that is a parameter (not a buffer), by the same ids.
        self._standing = dict.fromkeys(map(id, buffers), False) | dict.fromkeys(
            map(id, params), True
        )
        self._counted: set[int] = set()
        self._stand_ins: dict[int, Tensor] = {}
        self._alive: list[Tensor] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, most of a second, to keep it away from this mode.
        return False

    def call(self, place: Place, forward: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a module's own call, remembering that it is the one running."""
        outer, self._place = self._place, place
        try:
            output = forward(*args, **kwargs)
            self.calls.append((place, first_shape(output)))
            return output
        except Exception as error:
            self.note_failure("", args, kwargs, error)
            raise
        finally:
            self._place = outer

    def note_failure(self, op: str, args: Any, kwargs: Any, error: Exception) -> None:
        """Remember the innermost place, op and shapes of a failure."""
        # Torch raises NotImplementedError where a meta tensor is asked for its data.
        if op in ASKING or isinstance(error, NotImplementedError):
            self.asked_for_values = True
        if not self.failed:
            shapes = ", ".join(shape_text(t.shape) for t in tensors_of((args, kwargs)))
            where = f" in {self._place.path!r}" if self._place.path else ""
            self.failed = f"{where} at {op}({shapes})" if op else f"{where} on ({shapes})"

    def is_state(self, tensor: Tensor) -> bool:
        """Whether it is a parameter or buffer, or a view of one."""
        return id(tensor) in self._state

    def has_values(self, tensor: Any) -> bool:
        """Whether it is a constant written in the code that nothing has worked on yet."""
        if not isinstance(tensor, Tensor) or tensor.is_meta:
            return False
        return id(tensor) not in self._stand_ins and id(tensor) not in self._state

    def to_meta(self, x: Tensor) -> Tensor:
        """A stand-in of the same shape, strides and dtype that holds no data."""
        if x.is_meta:
            return x
        found = self._stand_ins.get(id(x))
        if found is None or found.shape != x.shape:
            found = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
            self._stand_ins[id(x)] = found
            self._alive.append(x)  # an id is only unique among the living
            self._hold(x, found)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            run = self._rename if func.overloadpacket in FREE else self.op
            return run(func, args, kwargs or _NO_KWARGS)
        except Exception as error:
            self.note_failure(str(func.overloadpacket.__name__), args, kwargs, error)
            raise

    def op(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] = _NO_KWARGS) -> Any:
        """One aten op that is not free: its result, and its row."""
        touched: list[Tensor] = []
        key: Any = (func, self.function, self._signature(args, touched))
        if kwargs:
            key = (*key, *kwargs, self._signature(kwargs.values(), touched))
        if len(touched) > 1 and len(set(map(id, touched))) < len(touched):
            key = (*key, *(position(touched, tensor) for tensor in touched))
        if self.values:
            out = func(*args, **kwargs)
            facts = self._facts(func, args, kwargs, touched, out)
        elif (known := _KNOWN.get(key)) is not None:
            make, facts = known
            out = make(args, kwargs)
        else:
            make = self._outcome(func, args, kwargs)
            out = make(args, kwargs)
            facts = self._facts(func, args, kwargs, touched, out)
            if len(_KNOWN) >= _MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[key] = (make, facts)
        if facts is not None:
            self._record(facts, touched)
        if isinstance(out, Tensor) and not (out.is_meta or self.values):
            self.to_meta(out)  # a constant was written to, in name only: its values are not its own
        return out

    def _signature(self, values: Iterable[Any], touched: list[Tensor]) -> tuple[Any, ...]:
        """All that a result's shape and the op's work depend on; adds tensors to `touched`."""
        parts: list[Any] = []
        for value in values:
            if isinstance(value, Tensor):
                touched.append(value)
                parts.append(
                    (value.shape, value.stride(), value.dtype, self._standing.get(id(value)))
                )
            elif value.__class__ is list:  # torch's own calls have lists, of tensors or of numbers
                parts.append(self._signature(value, touched))
            else:
                parts.append((value.__class__, value))  # 1, 1.0 and True are equal
        return tuple(parts)

    def _outcome(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Make:
        """How to make what the op returns, for these and all arguments of the same signature."""
        out = infer(func, args, kwargs)
        if out is not None:
            return maker(out, args, kwargs, args, kwargs)
        meta_args, meta_kwargs = self._on_meta(func, args, kwargs)
        out = func(*meta_args, **meta_kwargs)
        return maker(out, args, kwargs, meta_args, meta_kwargs)

    def _on_meta(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        meta_args = tuple(map_tensors(self.to_meta, arg) for arg in args)
        meta_kwargs = {key: map_tensors(self.to_meta, arg) for key, arg in kwargs.items()}
        if any(name == "device" for name, _ in arguments_of(func)):
            meta_kwargs["device"] = META
        return meta_args, meta_kwargs

    def _rename(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """A view, a new name or an allocation: views are made for real, they cost nothing."""
        if self.values or func is _LIFT_FRESH or (func is _ITEM and self.has_values(args[0])):
            out = func(*args, **kwargs)  # a constant written in the code has its values
        else:
            meta_args, meta_kwargs = self._on_meta(func, args, kwargs)
            out = func(*meta_args, **meta_kwargs)
            if meta_args and out is meta_args[0]:
                return args[0]
        if args and id(args[0]) in self._state:
            for tensor in tensors_of(out):
                self._hold(args[0], tensor)
                self._alive.append(tensor)
        return out

    def _hold(self, origin: Tensor, other: Tensor) -> None:
        """From here on `other` stands for the parameter or buffer that `origin` stands for."""
        held = self._state.get(id(origin))
        if held is not None:
            self._state[id(other)] = held
            self._standing[id(other)] = self._standing[id(origin)]

    def _facts(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        touched: Iterable[Tensor],
        out: Any,
    ) -> _Facts | str | None:
        """What the op does; the name of an unknown one; None where there is no work to speak of."""
        y = out[0] if isinstance(out, tuple | list) and out else out
        if not isinstance(y, Tensor) or _is_bookkeeping(y):
            return None
        rule = RULES.get(func.overloadpacket)
        if rule is None:
            return str(func.overloadpacket)
        work = rule(in_order(func, args, kwargs), y, Context(self.function, self.is_state))
        read, weighted = 0, False
        operands, inputs, seen = [], [], set()
        for tensor in touched:
            shape, key = tuple(tensor.shape), id(tensor)
            operands.append(shape)
            if key in seen:
                continue
            seen.add(key)
            read += tensor.numel() * tensor.element_size()
            if key in self._state:
                weighted = weighted or self._standing[key]
            else:
                inputs.append(shape)
        if work.fetched is not None:
            read += (work.fetched - args[0].numel()) * args[0].element_size()
        return _Facts(
            work,
            tuple(inputs),
            tuple(y.shape),
            read,
            y.numel() * y.element_size(),
            len(inputs) < len(seen),
            weighted,
            _aten_name(func, args),
            tuple(operands),
        )

    def _record(self, facts: _Facts | str, touched: Iterable[Tensor]) -> None:
        if isinstance(facts, str):
            self.unknown[facts] += 1
            return
        params = self._first_uses(touched) if facts.uses_state else 0
        work, place = facts.work, self._place
        self.rows.append(
            Row(
                place.path,
                work.op,
                work.kind,
                facts.inputs,
                facts.output,
                work.counts,
                params,
                facts.read_bytes,
                facts.write_bytes,
                work.kernel,
                work.stride,
                work.groups,
                place.call(self.callee),
                place.training,
                facts.aten,
                facts.operands,
                facts.weighted,
            )
        )

    def _first_uses(self, touched: Iterable[Tensor]) -> int:
        """Elements of the parameters among `touched` that no earlier op has used."""
        params = 0
        for tensor in touched:
            held = self._state.get(id(tensor))
            if held is not None and self._standing[id(held)] and id(held) not in self._counted:
                self._counted.add(id(held))
                params += held.numel()
        return params


class _Facts(NamedTuple):
    work: Work
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    read_bytes: int
    write_bytes: int
    uses_state: bool
    weighted: bool
    aten: str
    operands: tuple[tuple[int, ...], ...]


# What is known of calls by their signature, of all traces: it depends on nothing else.
_KNOWN: dict[Any, tuple[Make, _Facts | str | None]] = {}
_MOST_KNOWN = 100_000

_NOWHERE = Place(None, "")
_ITEM = torch.ops.aten._local_scalar_dense.default
_LIFT_FRESH = torch.ops.aten.lift_fresh.default


def _aten_name(func: Any, args: tuple[Any, ...]) -> str:
    """The name of the op that torch comes down to.

    For a fully connected layer on an input of more than two axes that is not contiguous, torch
    takes a product and an addition in place.
    """
    name: str = func.overloadpacket.__name__
    in_two = name == "linear" and args[0].dim() > 2 and not args[0].is_contiguous()
    return "matmul" if in_two else name


def _is_bookkeeping(y: Tensor) -> bool:
    """A whole number without axes, such as a batch-norm's step counter, is no activation."""
    return y.dim() == 0 and not y.is_floating_point()
