"""The one list of metrics: what can be asked of a network, in which unit, and how it is read.

Whoever shows, limits, sweeps or derives a metric asks here what it is called and how it is scaled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from shufflenet_flops.errors import UnknownNameError

if TYPE_CHECKING:
    from shufflenet_flops.counting.row import Row

MetricName = Literal[
    "macs",
    "flops",
    "params",
    "weights",
    "activations",
    "memory_bytes",
    "weights_fp32_bytes",
    "weights_bf16_bytes",
    "weights_int8_bytes",
    "peak_memory_fp32_bytes",
    "peak_memory_bf16_bytes",
    "peak_memory_int8_bytes",
    "training_macs",
    "latency_s",
    "time_s",
]
Units = Mapping[str, int | Decimal]

PREFIXES: Mapping[str, int] = MappingProxyType({"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12})
_WORDS = {"k": "thousand", "M": "million"}


def _units(*signs: str) -> Units:
    """Each sign by itself and with each prefix, and how many of the unit it stands for."""
    sizes = {"": 1, **PREFIXES}
    return {f"{prefix}{sign}": size for sign in signs for prefix, size in sizes.items()}


_BYTES = {**_units("", "B"), "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MICRO = Decimal("1e-6")
_SECONDS = {"us": _MICRO, "µs": _MICRO, "μs": _MICRO, "ms": Decimal("1e-3"), "s": Decimal(1)}
_FORMS = 'write a whole number such as 1_900_000, or text such as "140 M"'


@dataclass(frozen=True)
class Metric:
    """One metric. `name` has the unit in it, and is the key of JSON and of saved tables.

    `unit` is empty where things are counted one by one. `noun` is the plural that people use,
    `heading` what stands over a column of whole numbers, `meaning` what exactly is counted.
    `units` are the signs that an amount may have, `forms` says what to write. `scale` are the
    prefix and the decimals for the figures of a whole network.
    """

    name: MetricName
    unit: str
    noun: str
    heading: str
    meaning: str
    scale: tuple[Literal["", "k", "M"], int]
    units: Units = field(default_factory=lambda: _units(""), repr=False)
    forms: str = field(default=_FORMS, repr=False)

    @property
    def key(self) -> str:
        """The name without its unit, as options and budget files have it: `memory`, `latency`."""
        return self.name.removesuffix("_bytes").removesuffix("_s")

    @property
    def is_time(self) -> bool:
        """Whether its amounts are seconds, which are not whole numbers."""
        return self.unit == "s"

    @property
    def _is_told_by_unit(self) -> bool:
        return self.noun == f"{self.unit}s"

    def each(self, rows: Iterable[Row]) -> list[Any]:
        """The metric of every row of a table, in whatever numbers it has; a time is in no row."""
        return [getattr(row, self.name) for row in rows]

    def of(self, rows: Iterable[Row]) -> Any:
        """That of the whole table."""
        return sum(self.each(rows))

    def scaled(self, prefix: str) -> str:
        """What a figure with this prefix is of: `MMAC`, `M params`, `MB memory`."""
        sign = f"{prefix}{self.unit}"
        return sign if self._is_told_by_unit else f"{sign} {self.key}".strip()

    def axis(self, prefix: str) -> str:
        """The label of an axis with this prefix: `MMAC`, `million parameters`."""
        if self._is_told_by_unit:
            return f"{prefix}{self.unit}"
        if self.unit:
            return f"{self.noun}, {prefix}{self.unit} (fp32)"
        return f"{_WORDS[prefix]} {self.noun}"


MACS = Metric("macs", "MAC", "MACs", "MACs", "MAC", ("M", 3), _units("", "MAC", "MACs"))
FLOPS = Metric("flops", "FLOP", "FLOPs", "FLOPs", "FLOP", ("M", 3), _units("", "FLOP", "FLOPs"))
PARAMS = Metric("params", "", "parameters", "params", "parameters", ("", 0))
WEIGHTS = Metric(
    "weights",
    "",
    "weights",
    "weights",
    "weights of convolutions and fully connected layers",
    ("", 0),
)
ACTIVATIONS = Metric("activations", "", "activations", "activations", "activations", ("k", 1))
MEMORY = Metric(
    "memory_bytes",
    "B",
    "memory access",
    "memory\nbytes",
    "bytes of memory access in fp32, nothing cached",
    ("M", 2),
    _BYTES,
    'write bytes as a whole number, or text such as "100 MB" or "95.5 MiB"',
)
LATENCY = Metric(
    "latency_s",
    "s",
    "latency",
    "latency s",
    "seconds for one run",
    ("", 3),
    _SECONDS,
    'write text such as "12 ms", or "0.4 x resnet18" for a share of a reference\'s time',
)

TIME = Metric(
    "time_s",
    "s",
    "predicted time",
    "predicted\nms",
    "seconds for one run, predicted from a calibration of the engine",
    ("", 3),
    _SECONDS,
    'write text such as "5 ms" or "0.005 s"',
)

# Bytes of one parameter by the metric of all: what they take in a file or in a device's memory,
# without scales, zero points and other data beside them.
WEIGHT_BYTES: Mapping[str, int] = MappingProxyType(
    {"weights_fp32": 4, "weights_bf16": 2, "weights_int8": 1}
)


def _size_of_weights(name: MetricName, dtype: str) -> Metric:
    noun = f"weights in {dtype}"
    forms = 'write bytes as a whole number, or text such as "2 MiB" or "900 kB"'
    heading = f"{dtype} weights\nbytes"
    meaning = f"bytes of all parameters in {dtype}"
    return Metric(name, "B", noun, heading, meaning, ("M", 2), _BYTES, forms)


WEIGHTS_FP32 = _size_of_weights("weights_fp32_bytes", "fp32")
WEIGHTS_BF16 = _size_of_weights("weights_bf16_bytes", "bf16")
WEIGHTS_INT8 = _size_of_weights("weights_int8_bytes", "int8")

# What torch calls the type in which an inference keeps its tensors, by the metric of its arena.
PEAK_DTYPES: Mapping[str, str] = MappingProxyType(
    {
        "peak_memory_fp32": "float32",
        "peak_memory_bf16": "bfloat16",
        "peak_memory_int8": "int8",
    }
)


def _peak_of(name: MetricName, dtype: str) -> Metric:
    noun = f"peak memory in {dtype}"
    forms = 'write bytes as a whole number, or text such as "320 KiB" or "1 MB"'
    heading = f"{dtype} peak\nbytes"
    meaning = f"bytes of an arena for the input and all activations of one inference in {dtype}"
    return Metric(name, "B", noun, heading, meaning, ("M", 2), _BYTES, forms)


PEAK_FP32 = _peak_of("peak_memory_fp32_bytes", "fp32")
PEAK_BF16 = _peak_of("peak_memory_bf16_bytes", "bf16")
PEAK_INT8 = _peak_of("peak_memory_int8_bytes", "int8")

TRAINING = Metric(
    "training_macs",
    "MAC",
    "MACs of a training step",
    "training\nMACs",
    "multiply-accumulates of a forward pass and of every gradient once",
    ("M", 3),
    _units("", "MAC", "MACs"),
)

METRICS: tuple[Metric, ...] = (
    *(MACS, FLOPS, PARAMS, WEIGHTS, ACTIVATIONS, MEMORY),
    *(WEIGHTS_FP32, WEIGHTS_BF16, WEIGHTS_INT8),
    *(PEAK_FP32, PEAK_BF16, PEAK_INT8, TRAINING, LATENCY, TIME),
)
# What a network's totals are, in the order in which they are shown, and what has a closed form:
# FLOPs would only be twice the MACs.
TOTALS: tuple[str, ...] = ("macs", "flops", "params", "activations", "memory_bytes")
FORMED = (MACS, PARAMS, WEIGHTS, ACTIVATIONS, MEMORY)
_BY_NAME = {name: metric for metric in METRICS for name in (metric.name, metric.key)}


def find_metric(name: str) -> Metric:
    """The metric with this name or key. Raises UnknownNameError with the closest names."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownNameError("metric", name, [metric.key for metric in METRICS]) from None
