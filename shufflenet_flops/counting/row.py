"""One counted op: facts only, never an opinion about what counts.

Named tuples: a trace makes thousands, and a frozen dataclass takes five times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from shufflenet_flops.saved import Count
from shufflenet_flops.spec import Kind as Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.spec import conv_kind as conv_kind

IntShape = tuple[Count, ...]

# The function of an LSTM that the CPU has no kernel for.
LSTM_IN_STEPS = "torch.lstm, step by step"


class Call(NamedTuple):
    """How the op was called, which is what several counters go by.

    `module` is the exact type of the module that made the call, `function` the torch function it
    called (`torch.nn.functional.relu`, `torch.Tensor.add`), `unnamed.add` where the calling code
    does not name it: a plus sign, or a reference that was kept.
    `within` are the exact types of the modules that hold the module, the outermost first;
    `occurrences` is how often `Module.apply` meets the module, once for every parent that holds it;
    `params` are the names of its own parameters. `samples` is how many samples `torch.vmap` ran at
    once, at each level from the outermost, of which a module or a function sees one; `apart` tells
    that it ran in another thread than the forward pass.
    """

    module: str = ""
    function: str = ""
    within: tuple[str, ...] = ()
    occurrences: int = 1
    params: tuple[str, ...] = ()
    samples: tuple[int, ...] = ()
    apart: bool = False


class Row(NamedTuple):
    """What one op does on one input.

    `path` is the module path in the built network, so rows from different sources join by it.
    Shapes are torch shapes with the batch first. `read_bytes` counts every input, weight and
    buffer once, `write_bytes` the output once; what an op only renames is not moved, and a lookup
    reads what it fetches. `training` is the mode that the calling module was in. `aten` is the op
    that the work was traced from, `operands` the shapes of all tensors it was given, in order, and
    `weighted` tells that a parameter is among them.
    """

    path: str
    op: str
    kind: Kind
    inputs: tuple[IntShape, ...]
    output: IntShape
    counts: Mapping[OpClass, int]
    params: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    groups: int | None = None
    call: Call = Call()
    training: bool = False
    aten: str = ""
    operands: tuple[IntShape, ...] = ()
    weighted: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products."""
        return sum(count for op_class, count in self.counts.items() if op_class in MAC_CLASSES)

    @property
    def flops(self) -> int:
        """Two floating-point operations per multiply-accumulate."""
        return 2 * self.macs

    @property
    def weights(self) -> int:
        """Parameters of a convolution or linear layer; 0 for other ops."""
        return self.params if self.kind in MAC_KINDS else 0

    @property
    def memory_bytes(self) -> int:
        """Memory access: bytes read and written."""
        return self.read_bytes + self.write_bytes

    @property
    def activations(self) -> int:
        """Output elements of a convolution, linear layer or matrix product; 0 for other ops."""
        return prod(self.output) if self.kind in MAC_KINDS else 0


class ModuleCall(NamedTuple):
    """One call of a module, which is what counters with forward hooks see.

    `module` is its exact type, `leaf` tells that it holds no other, `params` are the sizes of its
    own parameters by name, `output` the shape of its (first) output.
    """

    path: str
    module: str
    leaf: bool
    params: Mapping[str, int]
    output: IntShape


MAC_CLASSES = (OpClass.CONV_MACS, OpClass.LINEAR_MACS, OpClass.MATMUL_MACS)
CONV_KINDS = frozenset(
    {
        Kind.DENSE_CONV,
        Kind.POINTWISE_CONV,
        Kind.GROUPED_POINTWISE_CONV,
        Kind.GROUPED_CONV,
        Kind.DEPTHWISE_CONV,
    }
)
MAC_KINDS = CONV_KINDS | {Kind.LINEAR, Kind.MATMUL}
