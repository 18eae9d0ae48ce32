"""The zoo's networks: counted from their spec, without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.counting.backward import TrainingStep, step_of
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.inputs import Input, completed
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.source import Counted, Source
from shufflenet_flops.spec import shape_text, total_stride, walk

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.peak.timeline import Timeline
    from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class ZooSource(Source):
    """A network of the zoo on one input."""

    model: zoo.Model

    @property
    def network(self) -> zoo.Model:
        return self.model

    @cached_property
    def counted(self) -> Counted:
        table = layer_table(self.model.spec, self.model.input)
        return Counted(table, table.params)

    def step(self, trained: Trained) -> tuple[Counted, TrainingStep]:
        return self.counted, step_of(self.model.spec, self.model.input, trained)

    def with_batch(self, batch: int) -> ZooSource:
        other = from_model(replace(self.model, input=(batch, *self.model.input[1:])))
        return replace(other, autocast=self.autocast)

    @cached_property
    def _trace(self) -> Trace:
        return self._traced()

    @cached_property
    def _timed(self) -> Trace:
        return self._traced(memory=True)

    def _traced(self, *, memory: bool = False, step: Trained | None = None) -> Trace:
        import torch

        from shufflenet_flops.build import build
        from shufflenet_flops.trace.trace import trace

        with torch.device("meta"):
            module = build(self.model.spec)
        inputs = self.example_inputs(real=False)
        return trace(
            module,
            *inputs,
            training=step is not None,
            memory=memory,
            step=step,
            autocast=self.autocast if memory else None,
        )

    def trace(self) -> Trace:
        return self._trace

    def timeline(self) -> Timeline:
        return self._timed.timeline

    def step_trace(self, trained: Trained) -> Trace:
        return self._traced(step=trained)

    def step_timeline(self, trained: Trained) -> Timeline:
        return self._traced(memory=True, step=trained).timeline

    def module(self) -> nn.Module:
        from shufflenet_flops.build import build

        return build(self.model.spec).eval()


def find(name: str, options: Options) -> ZooSource:
    """The zoo's network of this name, on the input given or else its own."""
    options.refuse(name, "args", why="write a family's options as family@key=value")
    options.refuse(name, "input_factory", why="a network of the zoo takes one image: use --input")
    return on_inputs(zoo.find(name), options.inputs)


def on_inputs(model: zoo.Model, inputs: tuple[Input, ...]) -> ZooSource:
    """The source of a model of the zoo on the input given, or else on its own."""
    return from_model(replace(model, input=_shape(model, inputs)) if inputs else model)


def from_model(model: zoo.Model) -> ZooSource:
    """The source of a model of the zoo, once it is known that its input fits.

    Raises InputError for a map smaller than the product of the strides, below which the last
    layers see little but padding, and SpecError where an op cannot take its input.
    """
    smallest = total_stride(model.spec)
    if model.input[2] < smallest[0] or model.input[3] < smallest[1]:
        raise InputError(
            f"input {shape_text(model.input)} is too small: {model.name} divides height and width "
            f"by {shape_text(smallest)}, so the smallest is "
            f"{shape_text((*model.input[:2], *smallest))}"
        )
    walk(model.spec, model.input)
    return ZooSource(model.name, "network of the zoo", (Input(model.input),), model)


def _shape(model: zoo.Model, inputs: tuple[Input, ...]) -> tuple[int, ...]:
    if len(inputs) > 1:
        raise InputError(f"{model.name} takes one input, and --input is given {len(inputs)} times")
    given = completed(inputs[0], Input(model.input), model.name)
    if given.dtype != "float32":
        raise InputError(f"--input {given}: a network of the zoo is counted in float32")
    if len(given.shape) != len(model.input):
        raise InputError(
            f"--input {given}: {model.name} takes {len(model.input)} sizes, batch first, "
            f"as in {shape_text(model.input)}"
        )
    return given.shape
