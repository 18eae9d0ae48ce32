"""A torch module from anywhere: how to build it, and the inputs it is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from torch import Tensor, nn

from shufflenet_flops.counting.backward import TrainingStep
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.peak.timeline import Timeline
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources.inputs import IMAGE, Input, IntShape, at_batch, meant_image
from shufflenet_flops.sources.source import Counted, Source
from shufflenet_flops.sources.torch_modules.unfilled import on_meta_unfilled
from shufflenet_flops.trace.trace import Trace, ValuesNeededError, trace

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class ModuleSource(Source):
    """A module that `build` makes on torch's default device, traced to be counted.

    With `on_meta` it is built on the meta device for the trace, so that no weight is allocated,
    unless its control flow needs values.
    `given` are real arguments that the user made, in place of examples of `inputs`.
    """

    build: Callable[[], nn.Module]
    on_meta: bool = True
    given: Arguments | None = None

    @property
    def counted(self) -> Counted:
        return _counted(self._trace)

    def step(self, trained: Trained) -> tuple[Counted, TrainingStep]:
        traced = self.step_trace(trained)
        assert traced.step is not None
        return _counted(traced), traced.step

    def step_trace(self, trained: Trained) -> Trace:
        return self._traced(partial(self._step_of, trained))

    def step_timeline(self, trained: Trained) -> Timeline:
        return self._traced(partial(self._step_of, trained, memory=True)).timeline

    def with_batch(self, batch: int) -> Source:
        if self.given is not None:
            return super().with_batch(batch)
        return replace(self, inputs=at_batch(self.inputs, batch))

    def trace(self) -> Trace:
        return self._trace

    def timeline(self) -> Timeline:
        return self._timed.timeline

    @cached_property
    def _trace(self) -> Trace:
        # One that knows the lifetimes of tensors too is the same, and may be there already.
        known = vars(self).get("_timed") if self.autocast is None else None
        return known or self._traced(self._trace_of)

    @cached_property
    def _timed(self) -> Trace:
        return self._traced(partial(self._trace_of, memory=True))

    def _traced(self, trace_of: Callable[[nn.Module], Trace]) -> Trace:
        module = self._meta_module() if self.on_meta else None
        try:
            if module is not None:
                try:
                    return trace_of(module)
                except ValuesNeededError:
                    pass  # only a real model can tell which way its forward pass takes
            return trace_of(self._module)
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}{self._advice()}") from error

    def trace_without_values(self) -> Trace:
        """The trace of shapes alone, in which no kernel runs.

        Raises ModelError where the forward pass fails so, whether it asks for values or not.
        """
        module = (self._meta_module() if self.on_meta else None) or self._module
        try:
            return self._trace_of(module, may_run=False)
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}") from error

    def _advice(self) -> str:
        """What to do where the input may not be the one that is meant."""
        (first, *others) = self.inputs
        if self.given is not None or others or self.taken(first.shape) is not None:
            return ""  # what failed is not that the model takes this input
        if first == IMAGE:
            return f"; it was given an image, {first}: {self.written()} gives what it takes"
        own = _dtype_of(self._module)
        if own not in (None, first.dtype) and first.dtype == IMAGE.dtype:
            return f"; its parameters are {own}: {self.written(replace(first, dtype=own))}"
        tokens = replace(first, dtype="int64")
        if first.dtype == IMAGE.dtype and self.takes(tokens):
            return f"; it takes whole numbers: {self.written(tokens)}"
        if 1 <= len(first.shape) <= 4 and first.dtype == IMAGE.dtype:
            # Most modules that take images begin with a convolution.
            convs = (part for part in self._module.modules() if isinstance(part, nn.Conv2d))
            channels = next((conv.in_channels for conv in convs), IMAGE.shape[1])
            image = meant_image(first, channels)
            batched = [(1, *first.shape)] if len(first.shape) < 4 else []
            taken = self.taken(*batched, *([] if image is None else [image.shape]))
            if taken is not None:
                what = "an image is written batch" if len(taken) == 4 else "the batch is written"
                return f"; {what} first: {self.written(Input(taken))}"
        return ""

    def written(self, given: Input | None = None) -> str:
        """An input as whoever asks writes it."""
        return f"--input {given or 'SHAPE'}"

    def taken(self, *shapes: IntShape) -> IntShape | None:
        """The first of these shapes with which the model runs in place of its first input's."""
        first = self.inputs[0]
        return next((shape for shape in shapes if self.takes(replace(first, shape=shape))), None)

    def takes(self, given: Input) -> bool:
        """Whether the model runs with this in place of its first input."""
        try:
            replace(self, inputs=(given, *self.inputs[1:])).trace_without_values()
        except (ModelError, InputError):
            return False
        return True

    @property
    def single_shape(self) -> IntShape | None:
        if self.given is not None or not self.inputs:
            return super().single_shape
        return self.taken((1, *self.first_shape[1:]), (1, *self.first_shape))

    def _trace_of(self, module: nn.Module, memory: bool = False, *, may_run: bool = True) -> Trace:
        _check_arguments(self.name, module, self.example_inputs(real=False))
        inputs = self.example_inputs(real=self.given is not None)
        seen, autocast = self.seen(module), self.autocast if memory else None
        return trace(seen, *inputs, memory=memory, may_run=may_run, autocast=autocast)

    def _step_of(self, trained: Trained, module: nn.Module, *, memory: bool = False) -> Trace:
        inputs = self.example_inputs(real=self.given is not None)
        _check_arguments(self.name, module, self.example_inputs(real=False))
        autocast = self.autocast if memory else None
        return trace(module, *inputs, training=True, memory=memory, step=trained, autocast=autocast)

    def seen(self, module: nn.Module) -> nn.Module:
        """The module as it is traced: in eval mode."""
        return in_eval_mode(module)

    def _meta_module(self) -> nn.Module | None:
        """The module without weights; None where building it fails, as where that needs values."""
        try:
            with on_meta_unfilled():
                return self.build()
        except ModelError:
            return None

    @cached_property
    def _module(self) -> nn.Module:
        return in_eval_mode(self.build())

    def module(self) -> nn.Module:
        return self._module

    def example_inputs(self, *, real: bool = True) -> Arguments:
        if self.given is None:
            return super().example_inputs(real=real)
        return self.given if real else tuple(_on_meta(argument) for argument in self.given)


def _dtype_of(module: nn.Module) -> str | None:
    """The type of a module's parameters; None where they have several, or there are none."""
    dtypes = {str(one.dtype).removeprefix("torch.") for one in module.parameters()}
    return dtypes.pop() if len(dtypes) == 1 else None


def _counted(traced: Trace) -> Counted:
    return Counted(
        traced.table,
        traced.params,
        traced.unknown_ops,
        traced.real_forward,
        traced.real_because,
    )


def in_eval_mode(module: nn.Module) -> nn.Module:
    """`module` itself, in eval mode, whatever its own `eval` and `train` return or raise.

    Exported programs refuse to be put into a mode; what they do is fixed already.
    """
    try:
        with contained():
            module.eval()
    except Exception:
        for part in module.modules():
            part.training = False
    return module


def tensors_of(value: Any) -> list[Tensor]:
    """All tensors in a value that a forward pass takes: a tensor, or a container of them."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors_of(item)]
    return []


def describe(tensor: Tensor) -> Input:
    """The Input that a tensor is an example of."""
    return Input(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def positional(name: str, module: nn.Module, value: Any) -> Arguments:
    """What a module is given as positional arguments: a dictionary goes by name."""
    if isinstance(value, Mapping):
        try:
            bound = inspect.signature(module.forward).bind(**value)
        except TypeError as error:
            raise InputError(f"{name}: the names of its inputs do not fit: {error}") from None
        bound.apply_defaults()  # so that what comes after an argument left out has its place
        by_name = [key for key in bound.kwargs if key in value]
        if by_name:
            raise InputError(
                f"{name}: its forward takes {', '.join(by_name)} by name only: "
                "wrap it in a module that takes them by position"
            )
        last = max((i for i, key in enumerate(bound.arguments) if key in value), default=-1)
        return bound.args[: last + 1]
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _check_arguments(name: str, module: nn.Module, arguments: Arguments) -> None:
    """Raise InputError where `forward` does not take that many inputs."""
    try:
        signature = inspect.signature(module.forward)
    except ValueError:  # as TorchScript's forward has none
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        takes = ", ".join(
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.default is parameter.empty
        )
        raise InputError(
            f"{name}: its forward takes {takes or 'no input'}, and {len(arguments)} "
            f"{'is' if len(arguments) == 1 else 'are'} given: repeat --input once for each"
        ) from None


def _on_meta(value: Any) -> Any:
    """`value` with every tensor replaced by one of its shape on the meta device."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, Mapping):
        return {key: _on_meta(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_meta(item) for item in value)
    return value


def checked_module(name: str, value: object) -> nn.Module:
    """`value` if it is a module. Raises ModelError otherwise."""
    if not isinstance(value, nn.Module):
        raise ModelError(f"{name}: gave {_a(value)}, not a torch.nn.Module")
    return value


def _a(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
