"""What was measured of an engine on a machine, as data: kernels of random networks and their time.

Written as the JSON that every command writes, and read back from it.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shufflenet_flops.errors import DataError, InputError
from shufflenet_flops.files.saved_file import load
from shufflenet_flops.files.text_file import LARGEST, decode, read_text, regular
from shufflenet_flops.latency.predict.kernels import FIELDS, Kernel
from shufflenet_flops.latency.predict.regression import HYPERPARAMETERS
from shufflenet_flops.latency.predict.trees import MOST_LEAVES

COMMAND = "calibrate"
COMPRESSED = (".gz", ".xz")
SCHEMA = 3  # of what is measured, and what its numbers mean
_NANO = 1e-9

Timed = tuple[Kernel, float]


@dataclass(frozen=True)
class Sample:
    """One random network, told by its number, and what was measured of it.

    `seconds` is of a whole call, and `gap` the share by which the kernels as they were measured
    differ from it. `kernels` are scaled to add up to it, each as text: the place of its kind among
    the calibration's `kinds`, the numbers of a Kernel in their order, and nanoseconds. `nodes` are
    what the engine made of the network, in the same way, where it tells.
    """

    number: int
    seconds: float
    gap: float
    kernels: tuple[str, ...]
    nodes: tuple[str, ...] = ()

    def timed(self, kinds: tuple[str, ...], *, compiled: bool = False) -> list[Timed]:
        """The kernels, or the engine's own nodes if `compiled`, with their seconds.

        Raises InputError for a text that is none.
        """
        return [_kernel(text, kinds) for text in (self.nodes if compiled else self.kernels)]


@dataclass(frozen=True)
class Calibration:
    """An engine on a machine: what random networks took there, and how well that predicts.

    `fields` are the numbers of a kernel. `hyperparameters` are those of the regressors;
    `log_errors` are log(measured / predicted) of networks, each predicted from others, and
    `compiled_log_errors` the same by the engine's own nodes. `load` is the machine's load average
    when it began and when it ended; `noise` the median, over the networks, of how much the sum of
    kernels differed from the whole.
    """

    version: int
    engine: str
    engine_version: str
    machine: str
    cores: int
    threads: int
    dtype: str
    date: str
    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    samples: tuple[Sample, ...]
    hyperparameters: Mapping[str, float]
    log_errors: tuple[float, ...] = ()
    compiled_log_errors: tuple[float, ...] = ()
    load: tuple[float, ...] = ()
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.version != SCHEMA:
            raise InputError(
                f"version {self.version} of the format, and this program reads {SCHEMA}"
            )
        if self.fields != FIELDS:
            raise InputError("its kernels have other numbers than this program's")
        _check(self.hyperparameters)
        for sample in self.samples:
            sample.timed(self.kinds)
            sample.timed(self.kinds, compiled=True)

    @property
    def name(self) -> str:
        """What it is of, on one line."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.engine} {self.engine_version}, {threads}, on {self.machine}"

    def timed(self, *, compiled: bool = False) -> list[list[Timed]]:
        """The kernels of each network, or the engine's own nodes, with their seconds."""
        return [sample.timed(self.kinds, compiled=compiled) for sample in self.samples]


def _check(hyperparameters: Mapping[str, float]) -> None:
    if set(hyperparameters) != set(HYPERPARAMETERS):
        raise InputError(f"its hyperparameters must be {', '.join(HYPERPARAMETERS)}")
    for name, value in hyperparameters.items():
        least, most = (2, MOST_LEAVES) if name == "leaves" else (0, 1e6)
        if not least <= value <= most or (value == 0 and name != "l2"):
            raise InputError(f"its hyperparameter {name} is {value:g}, which cannot be")


def sample_of(
    number: int,
    seconds: float,
    gap: float,
    timed: Sequence[Timed],
    kinds: list[str],
    nodes: Sequence[Timed] = (),
) -> Sample:
    """What was measured of a network; a kind that is new is put at the end of `kinds`."""
    texts = [_texts(found, kinds) for found in (timed, nodes)]
    return Sample(number, seconds, round(gap, 4), *texts)


def _texts(timed: Sequence[Timed], kinds: list[str]) -> tuple[str, ...]:
    texts = []
    for kernel, kernel_s in timed:
        if kernel.kind not in kinds:
            kinds.append(kernel.kind)
        numbers = (kinds.index(kernel.kind), *kernel.numbers, _three_digits(kernel_s / _NANO))
        texts.append(" ".join(map(str, numbers)))
    return tuple(texts)


def _three_digits(nanoseconds: float) -> int:
    """As many digits as a time is good for, so that files are small."""
    return int(float(f"{nanoseconds:.2e}"))


def load_calibration(path: Path, engine: str | None = None) -> Calibration:
    """The calibration in a file that `calibrate` wrote, of `engine` where one is named.

    Raises InputError, one line, for any other file, one that is damaged, and another engine's.
    """
    text = read_compressed(path) if path.suffix in COMPRESSED else read_text(path)
    try:
        calibration = load(text, str(path), COMMAND).single(Calibration)
    except DataError as error:
        raise InputError(f"{error}") from None
    if engine is not None and calibration.engine != engine:
        raise InputError(
            f"{path}: is a calibration of {calibration.engine}, not of {engine}: name that "
            f"engine, or run `calibrate --engine {engine}`"
        )
    return calibration


def as_bytes(text: str, path: Path) -> bytes:
    """The content of a file of this text: compressed where its name ends in .gz or .xz.

    The same text gives the same bytes.
    """
    content = text.encode()
    if path.suffix == ".gz":
        return gzip.compress(content, mtime=0)
    if path.suffix == ".xz":
        return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
    return content


def read_compressed(path: Path) -> str:
    """The text in a .gz or .xz file. Raises InputError for one that is damaged or too large."""
    try:
        unpack = gzip.open if path.suffix == ".gz" else lzma.open
        with regular(path) as file, unpack(file) as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        damaged = f"it is damaged, or no {path.suffix} file"
        reason = (isinstance(error, OSError) and error.strerror) or damaged
        raise InputError(f"cannot read {path}: {reason}") from None
    if len(content) > LARGEST:
        raise InputError(f"cannot read {path}: it has more than {LARGEST:,} bytes")
    return decode(str(path), content)


def _kernel(text: str, kinds: tuple[str, ...]) -> Timed:
    parts = text.split(" ")
    if len(parts) != len(FIELDS) + 2 or not all(
        part.isascii() and part.isdigit() and len(part) < 16 for part in parts
    ):
        raise InputError(f"the kernel {text[:60]!r} must be {len(FIELDS) + 2} whole numbers")
    kind, *numbers, nanoseconds = map(int, parts)
    if kind >= len(kinds):
        raise InputError(f"the kernel {text[:60]!r} is of kind {kind}, and there are {len(kinds)}")
    return Kernel._make((kinds[kind], *numbers, (), ())), nanoseconds * _NANO
