"""`count`: one network's layer table."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from shufflenet_flops.cli.completion import complete_convention, complete_model
from shufflenet_flops.cli.options import (
    DEFAULT_ENGINE,
    MODEL_HELP,
    PREDICTION,
    ArgOption,
    CalibrationOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    RulesOption,
    StrictOption,
    number_option,
    refuse_typed,
    source_options,
)
from shufflenet_flops.cli.output import Format, open_outputs
from shufflenet_flops.cli.training import (
    AccumulateOption,
    DatasetOption,
    EpochsOption,
    FlopsPerSecondOption,
    FreezeOption,
    OptimizerOption,
    StepTimeOption,
    TrainingOption,
    TrainOption,
    training_asked,
)
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.view.lines import COLUMNS, SORTS, TIMED, LayerView

_TABLE = "Table"
_PEAK = "Peak memory"


class By(StrEnum):
    """How rows are grouped."""

    LAYER = "layer"
    UNIT = "unit"
    STAGE = "stage"
    KIND = "kind"


class Prefix(StrEnum):
    """The prefix of the counts."""

    M = "M"
    G = "G"
    AUTO = "auto"


def _of_table(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_TABLE, **more)


def command(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
    ],
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    by: Annotated[
        By | None,
        _of_table(
            help="One row per layer, unit, stage or kind.",
            show_default="stage; layer where rows are sorted or chosen",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        _of_table(
            metavar=f"[{'|'.join(SORTS)}]",
            help="The rows with the most of this first.",
            show_default="as they run",
            autocompletion=lambda: list(SORTS),
        ),
    ] = None,
    top: Annotated[
        int | None, number_option("Only the first N rows, and the others as one.", _TABLE)
    ] = None,
    zeros: Annotated[
        bool, _of_table("--zeros", help="Also the rows that count for nothing, each by itself.")
    ] = False,
    columns: Annotated[
        str | None,
        _of_table(metavar="LIST", help=f"Show these columns, of {', '.join(COLUMNS)}."),
    ] = None,
    unit: Annotated[
        Prefix,
        _of_table(
            help="Counts in millions, thousands of millions, or by the largest.",
            case_sensitive=False,
        ),
    ] = Prefix.M,
    training: TrainingOption = False,
    freeze: FreezeOption = None,
    train: TrainOption = None,
    optimizer: OptimizerOption = "sgd",
    accumulate: AccumulateOption = 1,
    epochs: EpochsOption = None,
    dataset: DatasetOption = None,
    flops_per_second: FlopsPerSecondOption = None,
    step_time: StepTimeOption = None,
    convention: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The convention of what counts: paper, paper-conv, causal, flops, pycls, "
            "mmcv, fvcore or thop.",
            autocompletion=complete_convention,
        ),
    ] = "paper",
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also the predicted time on this engine, any that `predict` takes.",
            rich_help_panel=PREDICTION,
            show_default=f"none; {DEFAULT_ENGINE} where rows are sorted by time",
        ),
    ] = None,
    calibration: CalibrationOption = None,
    bits: Annotated[
        str | None,
        typer.Option(
            metavar="WxA",
            help="Also BOPs and bytes at so many bits a weight and an activation, such as 4x8.",
        ),
    ] = None,
    peak: Annotated[
        bool,
        typer.Option(
            "--peak",
            help="Also the peak memory: its parts, and what is alive at it.",
            rich_help_panel=_PEAK,
        ),
    ] = False,
    batch: Annotated[
        int | None, number_option("The size of the first axis of every input.", _PEAK)
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="With --peak: the largest batch that takes no more than this, such as 8GiB.",
            rich_help_panel=_PEAK,
        ),
    ] = None,
    autocast: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="With --peak: mixed precision, as torch.autocast has it on the CPU: bfloat16 or "
            "float16.",
            rich_help_panel=_PEAK,
            autocompletion=lambda: ["bfloat16", "float16"],
        ),
    ] = None,
    strict: StrictOption = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> int:
    """Count one network: MACs, params, activations, memory access."""
    from shufflenet_flops.api.count import count_of
    from shufflenet_flops.api.predict import predictor_of
    from shufflenet_flops.counting import find_convention
    from shufflenet_flops.counting.amount import parse_amount
    from shufflenet_flops.counting.precision import parse_precision
    from shufflenet_flops.report.view.lines import check_view
    from shufflenet_flops.sources import resolve

    asked = training_asked(context)
    if not peak:
        refuse_typed(context, ("limit", "autocast"), "is of peak memory: add --peak")
    most = None if limit is None else int(parse_amount("memory_bytes", limit))
    precision = None if bits is None else parse_precision(bits)
    names = tuple(name.strip() for name in columns.split(",")) if columns is not None else ()
    view = LayerView(sort, top, zeros, names, unit.value)
    is_chosen = view != LayerView(unit=view.unit)
    by = by or (By.LAYER if is_chosen else By.STAGE)
    if engine is None and (sort == TIMED or TIMED in names):
        engine = DEFAULT_ENGINE
    if engine is None:
        refuse_typed(context, ("calibration",), "of which engine? add --engine onnxruntime")
    if is_chosen and by is By.STAGE:
        raise InputError(
            "--sort, --top, --zeros and --columns are for --by layer, unit or kind; "
            "--by stage is a tree"
        )
    check_view(view, layers=by is By.LAYER)
    with open_outputs(form, output or []) as writer:
        weights = find_convention(convention)
        options = source_options(input, arg, path, input_factory)
        source = resolve(model, options)
        if batch is not None:
            options.refuse(model, "input_factory", why="--batch changes shapes: use --input")
            source = source.with_batch(batch)
        counted = count_of(
            source,
            weights,
            peak=peak,
            training=asked,
            limit=most,
            autocast=autocast,
            precision=precision,
            predictor=None if engine is None else predictor_of(engine, calibration),
        )
        writer.write(counted.document(by.value, view))
    overlays = [path for path in output or [] if path.name.endswith(".model-explorer.json")]
    if overlays and not model.endswith(".pt2"):
        print(
            f"{overlays[0]}: is for the program that torch.export.export(model.eval(), inputs) "
            "makes, and torch.export.save writes that for Model Explorer",
            file=sys.stderr,
        )
    return int(strict and bool(counted.unknown_ops))
