"""`predict`: how long networks take on a calibrated engine, without running them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from shufflenet_flops.cli.completion import complete_calibrated_engine, complete_model
from shufflenet_flops.cli.options import (
    DEFAULT_ENGINE,
    MODEL_HELP,
    ArgOption,
    CalibrationOption,
    FormatOption,
    InputFactoryOption,
    InputOption,
    OutputOption,
    PathOption,
    QuietOption,
    RulesOption,
    number_option,
    source_options,
)
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.latency.predict.profilers import profiler_names
from shufflenet_flops.latency.predict.shipped import find_calibration
from shufflenet_flops.sources import resolve_all

CalibratedEngine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help=f"The engine: {', '.join(profiler_names())}.",
        autocompletion=complete_calibrated_engine,
    ),
]


def command(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help=MODEL_HELP, autocompletion=complete_model),
    ],
    engine: CalibratedEngine = DEFAULT_ENGINE,
    calibration: CalibrationOption = None,
    input: InputOption = None,
    input_factory: InputFactoryOption = None,
    arg: ArgOption = None,
    path: PathOption = None,
    rules: RulesOption = None,
    top: Annotated[int, number_option("Show the N kernels that take most.", least=0)] = 5,
    compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Go by the kernels that the engine makes of the network, which is closer: it "
            "is exported and compiled, and not run.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 if more than 5 % of the time is of kernels that the calibration "
            "does not cover, or an op is unknown.",
        ),
    ] = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> int:
    """Predict how long networks take on an engine, from a calibration, without running them.

    The interval holds the true time of 90 % of networks like those of the calibration. What no
    measured kernel is like is named, and its time is a rough guess.
    """
    from shufflenet_flops.latency.predict.conformal import MOST_UNCOVERED
    from shufflenet_flops.latency.predict.prediction import Predictor, doubts_here
    from shufflenet_flops.report.view.predict import prediction_grids, prediction_records

    with open_outputs(form, output or []) as writer:
        found, where = find_calibration(engine, calibration)
        warnings = doubts_here(found)
        options = source_options(input, arg, path, input_factory)
        predictor = Predictor(found, compiled=compile)
        predictions = [predictor.predict(source) for source in resolve_all(models, options)]
        grids = prediction_grids(predictions, top, where, warnings)
        records = prediction_records(predictions)
        writer.write(Document("predict", None, predictions, grids, records, notes=warnings))
    if not quiet and form is not Format.TABLE:  # whose notes have them
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
    uncertain = any(
        1 - prediction.covered > MOST_UNCOVERED or prediction.unknown_ops
        for prediction in predictions
    )
    return int(strict and uncertain)
