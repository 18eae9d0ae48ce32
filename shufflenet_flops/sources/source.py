"""What every source of models can tell, however it was found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Table
from shufflenet_flops.counting.backward import TrainingStep
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.sources.inputs import Input, IntShape

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops import zoo
    from shufflenet_flops.peak.result import FileSize
    from shufflenet_flops.peak.timeline import Timeline
    from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class Counted:
    """What a model does on its inputs.

    `params` counts every parameter once, used or not. `unknown_ops` are ops without a rule and how
    often they run: unknown is not zero. `real_forward` tells that real kernels had to run,
    `real_because` why.
    """

    table: Table
    params: int
    unknown_ops: Mapping[str, int] = field(default_factory=dict)
    real_forward: bool = False
    real_because: str = ""


AUTOCAST = ("bfloat16", "float16")  # what torch.autocast takes on the CPU


@dataclass(frozen=True)
class Source(ABC):
    """A model that the user named.

    `name` is what the user wrote, `origin` where that led, in words; `inputs` are the tensors the
    model is given. What is alive when is told of forward passes within `autocast` of this type.
    """

    name: str
    origin: str
    inputs: tuple[Input, ...]
    autocast: str | None = field(default=None, kw_only=True)

    @property
    def network(self) -> zoo.Model | None:
        """The zoo's network with its spec; None for everything that is not of the zoo."""
        return None

    @property
    def can_run(self) -> bool:
        """Whether there is a module, to trace and to run."""
        return True

    @property
    @abstractmethod
    def counted(self) -> Counted:
        """The rows of the model: from its spec, its graph, or a trace; worked out once.

        Raises ModelError or SpecError where the model cannot take its inputs.
        """

    @property
    def first_shape(self) -> IntShape:
        """The shape of the first input; that of a scalar where there is none."""
        return self.inputs[0].shape if self.inputs else ()

    @property
    def single_shape(self) -> IntShape | None:
        """The shape of the first input for a batch of 1; None where the model takes none."""
        return (1, *self.first_shape[1:])

    @property
    def file_size(self) -> FileSize | None:
        """What its file takes on disk; None for a model that is made by code."""
        return None

    @property
    def table(self) -> Table:
        """The rows of `counted`."""
        return self.counted.table

    @abstractmethod
    def trace(self) -> Trace:
        """The trace of the module, worked out once.

        Raises ModelError where the forward pass fails, InputError for a source without a module.
        """

    def step(self, trained: Trained) -> tuple[Counted, TrainingStep]:
        """One training step: the model in training mode, and the step.

        Raises InputError where there is nothing to differentiate, and where a pattern of `trained`
        matches no parameter; ModelError where a pass fails.
        """
        raise InputError(
            f"{self.name}: --training takes a network of the zoo or a torch module, and not an "
            f"{self.origin}, which says nothing of gradients"
        )

    def step_trace(self, trained: Trained) -> Trace:
        """The trace of a step that autograd runs, forward and back; raises as `step`."""
        self.step(trained)
        raise InputError(f"{self.name}: nothing can differentiate an {self.origin}")

    def step_timeline(self, trained: Trained) -> Timeline:
        """What is alive when in the forward and the backward pass of a step; raises as `step`."""
        self.step(trained)
        raise InputError(f"{self.name}: nothing tells what is alive in a step of an {self.origin}")

    def with_batch(self, batch: int) -> Source:
        """The same model on inputs of this batch size. Raises InputError where that cannot be."""
        raise InputError(
            f"{self.name}: --batch {batch}: write the batch with --input, as in 8x3x224x224"
        )

    def within_autocast(self, dtype: str) -> Source:
        """The same model, whose timelines are within `torch.autocast` of this type on the CPU.

        Raises UnknownNameError for a type that it does not take, InputError for a source whose
        tensors have the types that they have.
        """
        if dtype not in AUTOCAST:
            raise UnknownNameError("dtype of autocast", dtype, AUTOCAST)
        return replace(self, autocast=dtype)

    @abstractmethod
    def timeline(self) -> Timeline:
        """What is alive when in one forward pass, worked out once, together with the trace.

        Raises ModelError where the forward pass fails, InputError for a source without a module.
        """

    @abstractmethod
    def module(self) -> nn.Module:
        """The module on the CPU in eval mode, with real weights, for running it.

        Raises InputError for a source without a module.
        """

    def example_inputs(self, *, real: bool = True) -> tuple[Any, ...]:
        """Positional arguments for `module()`; on the meta device unless `real`."""
        return tuple(given.example(real=real) for given in self.inputs)
