"""Options of `count` that are about a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from shufflenet_flops.cli.options import number_option, refuse_typed

if TYPE_CHECKING:
    from shufflenet_flops.api.training import Training

HEADING = "Training"


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=HEADING, **more)


TrainingOption = Annotated[
    bool,
    _option("--training", help="Count a training step: forward, backward and update."),
]
FreezeOption = Annotated[
    list[str] | None,
    _option(
        metavar="GLOB",
        help="Freeze these parameters or modules, such as 'stage[12].*'. Repeatable.",
    ),
]
TrainOption = Annotated[
    list[str] | None,
    _option(
        metavar="GLOB",
        help="Train these parameters or modules, such as 'fc.*', and no others, or, with --freeze, "
        "these in spite of it. Repeatable.",
    ),
]
OptimizerOption = Annotated[
    str,
    _option(
        metavar="NAME",
        help="What updates the parameters: sgd, momentum, adam or adamw.",
        autocompletion=lambda: ["sgd", "momentum", "adam", "adamw"],
    ),
]
AccumulateOption = Annotated[
    int, number_option("Batches whose gradients are added up before an update.", HEADING)
]
EpochsOption = Annotated[
    int | None, number_option("With --dataset: the epochs of a whole run.", HEADING)
]
DatasetOption = Annotated[
    int | None, number_option("With --epochs: the samples of an epoch.", HEADING)
]
FlopsPerSecondOption = Annotated[
    str | None,
    _option(
        metavar="FLOPS",
        help="The hardware's peak, such as 312T: gives the least time that a step takes.",
    ),
]
StepTimeOption = Annotated[
    str | None,
    _option(
        metavar="TIME",
        help="With --flops-per-second: the measured time of a step, such as '350 ms', gives the "
        "share of the peak that is reached (MFU, HFU).",
    ),
]

_OF_TRAINING = "freeze train optimizer accumulate epochs dataset flops_per_second step_time".split()
_OF_TABLES = "sort top zeros columns unit convention bits engine calibration".split()


def training_asked(context: typer.Context) -> Training | None:
    """What is asked of a training step, None where none is asked for.

    Raises InputError for an option without the one that it needs, or without any use.
    """
    given = context.params
    if not given["training"]:
        refuse_typed(context, _OF_TRAINING, "is about a training step: add --training")
        return None
    refuse_typed(
        context,
        _OF_TABLES,
        "has no use with --training, whose table has all layers under `training`",
    )
    from shufflenet_flops.api.training import Training
    from shufflenet_flops.counting.amount import parse_amount

    peak, time = given["flops_per_second"], given["step_time"]
    return Training(
        given["freeze"] or (),
        given["train"] or (),
        given["optimizer"],
        given["accumulate"],
        given["epochs"],
        given["dataset"],
        None if peak is None else int(parse_amount("flops", peak)),
        None if time is None else float(parse_amount("time", time)),
    )
