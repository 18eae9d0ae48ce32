"""`sf.count`: what one model costs on one input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.api.model import AnyModel, ModelInput, source_of
from shufflenet_flops.api.predict import predictor_of, row_times
from shufflenet_flops.api.result import Result
from shufflenet_flops.api.training import Training, fitting_batch, step_timeline, trained
from shufflenet_flops.counting import Convention, Grouping, Table, find_convention
from shufflenet_flops.counting.amount import figure, parse_amount
from shufflenet_flops.counting.precision import Precision, PrecisionResult, parse_precision
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.counting.table import GROUPINGS
from shufflenet_flops.counting.training import TrainingResult
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.peak.result import PeakResult
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.view.count import count_grids, count_notes, count_peak, count_result
from shufflenet_flops.report.view.lines import ROOT, LayerView, group_grid, layer_grid
from shufflenet_flops.report.view.training import training_grid
from shufflenet_flops.sources import Source
from shufflenet_flops.sources.arenas import arenas_of

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.prediction import Predictor
    from shufflenet_flops.report.grid import Grid


@dataclass(frozen=True, repr=False)
class Count(Result):
    """One model on its inputs, counted.

    `table` has a row for each op. What is no metric of `table` goes by `convention`. `source` is
    the model as it was found.
    """

    result: CountResult
    table: Table = field(repr=False)
    convention: Convention
    source: Source = field(repr=False)

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.result.model

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products."""
        return self.result.macs

    @property
    def flops(self) -> int:
        """Two floating-point operations per multiply-accumulate."""
        return self.result.flops

    @property
    def params(self) -> int:
        """Parameters, each counted once, used or not."""
        return self.result.params

    @property
    def activations(self) -> int:
        """Output elements of all convolutions, linear layers and matrix products."""
        return self.result.activations

    @property
    def memory_bytes(self) -> int:
        """Bytes read and written by all ops, nothing cached between them."""
        return self.result.memory_bytes

    @property
    def total(self) -> int:
        """The count under the convention, in its unit."""
        return self.result.total

    @property
    def peak(self) -> PeakResult | None:
        """Peak memory in bytes, with its parts; None where it was not asked for."""
        return self.result.peak

    @property
    def training(self) -> TrainingResult | None:
        """The training step, where one was asked for."""
        return self.result.training

    @cached_property
    def unknown_ops(self) -> dict[str, int]:
        """Ops without a rule, which are not counted, and how often each ran."""
        return {unknown.op: unknown.calls for unknown in self.result.unknown_ops}

    def by(self, grouping: Grouping) -> Groups:
        """The table in parts: by "layer", "unit", "stage" or "kind", in the order they run."""
        if grouping not in GROUPINGS:
            raise UnknownNameError("grouping", grouping, GROUPINGS)
        return Groups(self.model, grouping, self.table.by(grouping), self.table, self.convention)

    def document(self, by: Grouping = "stage", layers: LayerView | None = None) -> Document:
        """What `count` writes, with the rows in its tables grouped."""
        if self.training is not None:
            grids = [training_grid(self.result, self.training, by), *count_peak(self.result)]
            return Document("count", "training", [self.result], grids, self.training.layers)
        grids = count_grids(self.result, self.convention, by, layers)
        return Document(
            "count", self.convention.name, [self.result], grids, self.result.rows, nodes=self._nodes
        )

    def _nodes(self) -> dict[str, int]:
        """The count of each node of the model's exported program, by its name."""
        from shufflenet_flops.sources.pt2.export import tables_by_node

        tables = tables_by_node(self.source)
        return {name: table.total(self.convention) for name, table in tables.items()}

    def __repr__(self) -> str:
        inputs = " ".join(self.result.inputs)
        unknown = f", {len(self.unknown_ops)} ops unknown" if self.unknown_ops else ""
        return (
            f"<Count of {self.model} on {inputs}: {figure('macs', self.macs)}, "
            f"{figure('params', self.params)} params{unknown}>"
        )

    def _repr_html_(self) -> str:
        from shufflenet_flops.report.format.notebook import notebook
        from shufflenet_flops.report.grid import with_notes

        title = f"{self.model} on {' '.join(self.result.inputs)}"
        layers = layer_grid(title, self.table, self.convention)
        return notebook([with_notes(layers, count_notes(self.result, self.convention))])


class Groups(Mapping[str, Table]):
    """The parts of a table by name, each a table of its own."""

    def __init__(
        self,
        model: str,
        grouping: Grouping,
        parts: Mapping[str, Table],
        whole: Table,
        convention: Convention,
    ) -> None:
        self._title = f"{model} by {grouping}"
        self._grouping: Grouping = grouping
        self._parts = parts
        self._whole = whole
        self._convention = convention

    def __getitem__(self, name: str) -> Table:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def _grid(self) -> Grid:
        return group_grid(self._title, self._grouping, self._parts, self._whole, self._convention)

    def __repr__(self) -> str:
        names = [name or ROOT for name in self._parts]
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        return f"<{self._title}: {shown}>"

    def __str__(self) -> str:
        from shufflenet_flops.report.format.text import grids_as_text

        return grids_as_text([self._grid()]).rstrip("\n")

    def _repr_html_(self) -> str:
        from shufflenet_flops.report.format.notebook import notebook

        return notebook([self._grid()])


def count(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    convention: str = "paper",
    peak: bool = False,
    limit: str | int | None = None,
    autocast: str | None = None,
    bits: str | None = None,
    batch: int | None = None,
    training: bool | Training = False,
    engine: str | None = None,
    calibration: str | Path | None = None,
) -> Count:
    """Count a model's MACs, parameters, activations and memory access on one input.

    `model` is an `nn.Module`, or what the command line takes: "resnet50", "net.py:Net",
    "timm:NAME", a file. `input` is a shape with the batch first, a tensor, a list of several, or a
    dict by the names of `forward`; by default an image, 1x3x224x224. No kernel runs and the module
    is left as it was. `args` go to the function that makes a model which is named.
    `convention` is what shares and `total` go by; `batch` replaces the batch size of the inputs.
    With `peak` the result has the peak memory in bytes, for which a zoo's network is traced too,
    and with a `limit` of bytes ("8GiB") the largest batch whose peak keeps to it. `autocast`
    ("bfloat16") is for forward passes of mixed precision, as `torch.autocast` has it on the CPU.
    With `bits` of a weight and an activation ("8x8") there are bit operations and bytes too.
    `training` asks for a training step, forward and backward; a `Training` says more about it.
    With an `engine` every row of the table has its predicted time, from a `calibration`, as
    `predict` takes them, which needs the extra `[predict]`.
    Raises a ShufflenetFlopsError, one line.

    >>> count("shufflenet_v1_x1_0_g3").macs
    137460672
    """
    weights = find_convention(convention)
    asked = Training() if training is True else training or None
    source = source_of(model, input, args)
    source = source if batch is None else source.with_batch(batch)
    for name, value in (("limit", limit), ("autocast", autocast)):
        if value is not None and not peak:
            raise InputError(f"{name}: is of peak memory: give peak=True too")
    most = None if limit is None else int(parse_amount("memory_bytes", limit))
    precision = None if bits is None else parse_precision(bits)
    if calibration is not None and engine is None:
        raise InputError('calibration: of which engine? give engine="onnxruntime" too')
    if engine is not None and asked is not None:
        raise InputError("engine: a training step has no predicted time: leave one out")
    path = None if calibration is None else Path(calibration)
    predictor = None if engine is None else predictor_of(engine, path)
    return count_of(
        source,
        weights,
        peak=peak,
        training=asked,
        limit=most,
        autocast=autocast,
        precision=precision,
        predictor=predictor,
    )


def count_of(
    source: Source,
    convention: Convention,
    *,
    peak: bool = False,
    training: Training | None = None,
    limit: int | None = None,
    autocast: str | None = None,
    precision: Precision | None = None,
    predictor: Predictor | None = None,
) -> Count:
    """The count of a source, with its peak memory and a training step where they are asked for.

    `limit` asks for the largest batch whose peak keeps to these bytes, `predictor` for the time;
    `autocast` lowers what is alive at the peak.
    """
    step = None if training is None else trained(source, training)
    peaks = None
    if peak:
        cast = source if autocast is None else source.within_autocast(autocast)
        passes = None if training is None else step_timeline(cast, training)
        fit = None if limit is None else fitting_batch(cast, training, limit)
        peaks = PeakResult.of(
            cast.timeline(), passes, arenas_of(source), fit, autocast, source.file_size
        )
    time = None if predictor is None else row_times(source, predictor)
    result = count_result(source, convention, peaks, step, time)
    if precision is not None:
        sums = (result.macs, result.params, result.activations)
        result = replace(result, precision=PrecisionResult.of(precision, *sums))
    table = source.table if step is None else step[0].table
    return Count(
        result, table if time is None else replace(table, times=time[1]), convention, source
    )
