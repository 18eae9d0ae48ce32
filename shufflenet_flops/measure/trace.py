"""Trace any `nn.Module` into rows, by watching the aten ops of one forward pass.

No kernel runs and no weight is read or copied: every op is worked out on the meta device from the
shapes and strides of its arguments alone. The module is left exactly as it was.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from shufflenet_flops.count import Call, ModuleCall, Row, Table
from shufflenet_flops.errors import ModelError
from shufflenet_flops.measure.aten import FREE, RULES, Context
from shufflenet_flops.measure.calling import (
    OPERATORS,
    Places,
    first_shape,
    function_name,
    written_as_operator,
)
from shufflenet_flops.measure.infer import infer


@dataclass(frozen=True)
class Trace:
    """What one forward pass did.

    `params` is `numel` over the module's distinct parameters, used or not. `unknown_ops` are aten
    ops without a rule and how often they ran: unknown is not zero. `real_forward` tells that real
    kernels had to run because control flow asked for values. `calls` are the calls of modules, in
    the order in which they returned.
    """

    table: Table
    params: int
    unknown_ops: Mapping[str, int]
    real_forward: bool = False
    calls: tuple[ModuleCall, ...] = ()


def trace(model: nn.Module, *inputs: Tensor) -> Trace:
    """Rows of `model(*inputs)` in inference mode, on any device, in the order the ops run.

    Only shapes, strides and dtypes of `inputs` matter. Raises ModelError where the forward pass
    fails, with the module it failed in.
    """
    with _untouched(model) as modules:
        tracer = _Tracer(model, modules)
        for module in modules:
            module.__dict__["training"] = False
            module.__dict__["_call_impl"] = partial(tracer.call, module)
        try:
            with torch.no_grad(), tracer.functions, tracer:
                model(*(tracer.to_meta(x) for x in inputs))
        except Exception as error:
            raise ModelError(tracer.failure(error)) from error
    params = sum(p.numel() for p in model.parameters())
    calls = tuple(tracer.places.call(module, output) for module, output in tracer.calls)
    return Trace(Table(tuple(tracer.rows)), params, dict(tracer.unknown), calls=calls)


@contextmanager
def _untouched(model: nn.Module) -> Iterator[list[nn.Module]]:
    """All modules of `model`; on leaving, their attributes are as they were on entering."""
    modules = list(model.modules())
    containers = ("_parameters", "_buffers", "_modules")
    before = [
        (module, dict(vars(module)), [dict(vars(module)[name]) for name in containers])
        for module in modules
    ]
    try:
        yield modules
    finally:
        for module, attributes, contents in before:
            vars(module).clear()
            vars(module).update(attributes)
            for name, content in zip(containers, contents, strict=True):
                if vars(module)[name] != content:
                    vars(module)[name].clear()
                    vars(module)[name].update(content)


class _Functions(TorchFunctionMode):
    """Remembers the outermost torch function that is running, such as `adaptive_avg_pool2d`."""

    current: Any = None
    by_operator = False  # whether it was called by a sign, such as `+`

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.current = func
        self.by_operator = func in OPERATORS and written_as_operator(func, sys._getframe(1))
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.current = None

    @property
    def name(self) -> str:
        """The bare name of the function."""
        return getattr(self.current, "__name__", "")

    @property
    def full_name(self) -> str:
        """The name with where it is found, `operator.add` for a plus sign."""
        if self.current is None:
            return ""
        return f"operator.{self.name}" if self.by_operator else function_name(self.current)


class _Tracer(TorchDispatchMode):
    def __init__(self, model: nn.Module, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self.functions = _Functions()
        self.places = Places(model)
        self.calls: list[tuple[nn.Module, tuple[int, ...]]] = []
        self._stack: list[nn.Module] = []
        self._failed_in = ""
        self._weights = {id(p): p for p in model.parameters()}
        self._buffers = {id(b) for b in model.buffers()}
        self._counted: set[int] = set()
        self._stand_ins: dict[int, Tensor] = {}
        self._alive: list[Tensor] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, most of a second, to keep it away from this mode.
        return False

    def call(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """Run a module's own call, remembering that it is the one running."""
        self._stack.append(module)
        try:
            output = nn.Module._call_impl(module, *args, **kwargs)
            self.calls.append((module, first_shape(output)))
            return output
        except Exception:
            self._failed_in = self._failed_in or self._path
            raise
        finally:
            self._stack.pop()

    @property
    def _path(self) -> str:
        return self.places(self._stack[-1]).path if self._stack else ""

    def failure(self, error: Exception) -> str:
        """One line for a forward pass that raised."""
        where = f" in {self._failed_in!r}" if self._failed_in else ""
        first_line = (str(error) or type(error).__name__).strip().splitlines()[0]
        return f"the model's forward pass failed{where}: {first_line}"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = self._infer(func, args, kwargs or {})
        packet = func.overloadpacket
        if packet in FREE:
            if args and id(args[0]) in self._weights:
                self._mark_weight(args[0], out)
            return out
        y = out[0] if isinstance(out, tuple | list) else out
        if not isinstance(y, Tensor) or _is_bookkeeping(y):
            return out
        rule = RULES.get(packet)
        if rule is None:
            self.unknown[str(packet)] += 1
        else:
            self.rows.append(self._row(packet.__name__, rule, args, kwargs or {}, y))
        return out

    def to_meta(self, x: Tensor) -> Tensor:
        """A stand-in of the same shape, strides and dtype that holds no data."""
        if x.is_meta:
            return x
        found = self._stand_ins.get(id(x))
        if found is None:
            found = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
            self._stand_ins[id(x)] = found
            self._alive.append(x)  # an id is only unique among the living
        return found

    def _infer(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The op's result on the meta device; an op in place gives its own argument back."""
        meta_args = [_map_tensors(self.to_meta, arg) for arg in args]
        meta_kwargs = {key: _map_tensors(self.to_meta, arg) for key, arg in kwargs.items()}
        if "device" in meta_kwargs:
            meta_kwargs["device"] = torch.device("meta")
        out = infer(func, meta_args, meta_kwargs)
        for argument, stand_in in zip(args, meta_args, strict=True):
            if out is stand_in:
                return argument
        return out

    def _mark_weight(self, weight: Tensor, view: Any) -> None:
        for tensor in view if isinstance(view, tuple | list) else (view,):
            self._weights[id(tensor)] = self._weights[id(weight)]
            self._alive.append(tensor)

    def _row(
        self,
        aten: str,
        rule: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        y: Tensor,
    ) -> Row:
        place = self.places(self._stack[-1])
        context = Context(self.functions.name, lambda tensor: id(tensor) in self._weights)
        work = rule(args, y, context)
        tensors = {id(t): t for t in _tensors((*args, *kwargs.values()))}
        weights = {
            id(self._weights[key]): self._weights[key] for key in tensors if key in self._weights
        }
        params = sum(p.numel() for key, p in weights.items() if key not in self._counted)
        self._counted.update(weights)
        return Row(
            path=place.path,
            op=work.op,
            kind=work.kind,
            inputs=tuple(
                tuple(t.shape)
                for key, t in tensors.items()
                if key not in self._weights and key not in self._buffers
            ),
            output=tuple(y.shape),
            counts=work.counts,
            params=params,
            read_bytes=sum(t.numel() * t.element_size() for t in tensors.values()),
            write_bytes=y.numel() * y.element_size(),
            kernel=work.kernel,
            stride=work.stride,
            groups=work.groups,
            call=Call(
                module=place.module,
                function=self.functions.full_name,
                aten=aten,
                within=place.within,
                occurrences=place.occurrences,
                params=tuple(place.params),
                operands=tuple(tuple(t.shape) for t in tensors.values()),
                weighted=bool(weights),
            ),
        )


def _is_bookkeeping(y: Tensor) -> bool:
    """A whole number without axes, such as a batch-norm's step counter, is no activation."""
    return y.dim() == 0 and not y.is_floating_point()


def _map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return [_map_tensors(change, item) for item in value]
    return value


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
