"""Conventions: which op classes count, and for how much.

The same rows give different totals under different conventions, and papers and tools mix them.
A convention is data; `total` is the only arithmetic. None of them is right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Literal

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.spec import OpClass

Unit = Literal["MAC", "FLOP"]


@dataclass(frozen=True)
class Convention:
    """A named table of weights over op classes, with the unit of its total."""

    name: str
    unit: Unit
    meaning: str
    weights: Mapping[OpClass, int]

    def total(self, counts: Mapping[OpClass, int]) -> int:
        """The count of the work in `counts` under this convention, an exact integer."""
        return sum(weight * counts.get(op, 0) for op, weight in self.weights.items())

    def terms(self, counts: Mapping[OpClass, int]) -> dict[OpClass, int]:
        """The non-zero parts of the total, by op class."""
        parts = {op: weight * counts.get(op, 0) for op, weight in self.weights.items()}
        return {op: part for op, part in parts.items() if part}


def _by_name(conventions: Iterable[Convention]) -> dict[str, Convention]:
    """Raises ValueError for a name that is taken."""
    known: dict[str, Convention] = {}
    for convention in conventions:
        if convention.name in known:
            raise ValueError(f"there are two conventions named {convention.name!r}: rename one")
        known[convention.name] = convention
    return known


class Conventions(Mapping[str, Convention]):
    """Conventions by name.

    `others` makes those that take time to work out. It is called when all are asked for, or one
    that is not among the first.
    """

    def __init__(
        self, *first: Convention, others: Callable[[], Iterable[Convention]] = tuple
    ) -> None:
        self._first = _by_name(first)
        self._others = others

    @cached_property
    def _all(self) -> Mapping[str, Convention]:
        return _by_name((*self._first.values(), *self._others()))

    def __getitem__(self, name: str) -> Convention:
        return self._first[name] if name in self._first else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _of_counters() -> Iterable[Convention]:
    """Those that are computed from the cost models of counters, which stand on this room."""
    conventions: Iterable[Convention] = import_module(_COUNTERS).COUNTER_CONVENTIONS
    return conventions


_COUNTERS = "shufflenet_flops.counters.conventions"
CONVENTIONS = Conventions(
    Convention(
        "paper",
        "MAC",
        "multiply-accumulates of convolutions, fully connected layers and matrix products",
        {OpClass.CONV_MACS: 1, OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1},
    ),
    Convention(
        "paper-conv",
        "MAC",
        "multiply-accumulates of convolutions alone (ShuffleNet V1, Table 1)",
        {OpClass.CONV_MACS: 1},
    ),
    Convention(
        "causal",
        "MAC",
        "`paper`, with attention of each token to itself and those before it: s·(s + 1)/2 of the "
        "s² pairs of s tokens",
        {
            OpClass.CONV_MACS: 1,
            OpClass.LINEAR_MACS: 1,
            OpClass.MATMUL_MACS: 1,
            OpClass.LATER_MACS: -1,
        },
    ),
    Convention(
        "flops",
        "FLOP",
        "two floating-point operations for each multiply-accumulate of `paper`",
        {OpClass.CONV_MACS: 2, OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2},
    ),
    Convention(
        "pycls",
        "MAC",
        "`paper`, and 1 for each bias that is added (facebookresearch/pycls)",
        {
            OpClass.CONV_MACS: 1,
            OpClass.LINEAR_MACS: 1,
            OpClass.MATMUL_MACS: 1,
            OpClass.CONV_BIAS_ADDS: 1,
            OpClass.LINEAR_BIAS_ADDS: 1,
        },
    ),
    Convention(
        "mmcv",
        "MAC",
        "convolutions with their biases, fully connected layers without, 2 per norm element, 1 per "
        "activation and per element that a pool reads (mmcv, get_model_complexity_info)",
        {
            OpClass.CONV_MACS: 1,
            OpClass.LINEAR_MACS: 1,
            OpClass.CONV_BIAS_ADDS: 1,
            OpClass.NORM_ELEMENTS: 2,
            OpClass.ACTIVATION_ELEMENTS: 1,
            OpClass.MAX_POOL_INPUTS: 1,
            OpClass.AVG_POOL_INPUTS: 1,
            OpClass.GLOBAL_POOL_INPUTS: 1,
        },
    ),
    Convention(
        "netscope",
        "MAC",
        "`paper`, 1 per norm element, as Caffe scales them in a layer of their own, and 1 per "
        "element that is multiplied by another (dgschwend/netscope)",
        {
            OpClass.CONV_MACS: 1,
            OpClass.LINEAR_MACS: 1,
            OpClass.MATMUL_MACS: 1,
            OpClass.NORM_ELEMENTS: 1,
            OpClass.MUL_ELEMENTS: 1,
        },
    ),
    others=_of_counters,
)


def find_convention(name: str) -> Convention:
    """The convention called `name`. Raises UnknownNameError with the closest names."""
    try:
        return CONVENTIONS[name]
    except KeyError:
        raise UnknownNameError("convention", name, CONVENTIONS) from None
