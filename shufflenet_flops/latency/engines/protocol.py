"""What an engine is: something that turns a module and its inputs into a call to time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.extras import install_command

if TYPE_CHECKING:
    from torch import Tensor, nn

Call = Callable[[], Any]


class EngineError(ShufflenetFlopsError, RuntimeError):
    """A model, an input or a setting that an engine cannot take, with the reason."""


@dataclass(frozen=True)
class Setup:
    """How engines are to run: threads of one call, torch's name of the dtype, the device."""

    threads: int = 1
    dtype: str = "float32"
    device: str = "cpu"


class Engine(ABC):
    """One way to run a network.

    `place` is where it stands among the others in lists and tables, by default after them;
    `extra` is the extra of this package that installs it, empty where torch brings it; `modules`
    are what it imports, `distribution` is whose version it goes by.
    """

    name: ClassVar[str]
    place: ClassVar[int] = 100
    distribution: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]
    extra: ClassVar[str] = ""
    dtypes: ClassVar[tuple[str, ...]] = ("float32",)
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def version(self) -> str:
        """Version of the engine that is installed, without the label of its build."""
        return metadata.version(self.distribution).partition("+")[0]

    def missing(self) -> str:
        """Why the engine cannot be used here and what would change that; empty if it can."""
        absent = [name for name in self.modules if util.find_spec(name) is None]
        if absent:
            return (
                f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed: "
                f"{install_command(self.extra)}"
            )
        return ""

    def check(self, setup: Setup) -> None:
        """Raise EngineError for a dtype or a device that the engine does not have."""
        for what, value, known in (
            ("dtype", setup.dtype, self.dtypes),
            ("device", setup.device, self.devices),
        ):
            if value not in known:
                raise EngineError(f"{what} {value} is not supported: {', '.join(known)}")

    @abstractmethod
    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """A call without arguments that runs one forward pass and returns its output.

        All that is done once, such as conversion, is done before; `model` (on the CPU, in eval
        mode, fp32) is left as it is. Raises whatever the engine raises for what it cannot take.
        """
