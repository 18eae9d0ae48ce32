"""Tables of `predict` and `calibrate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp
from typing import TYPE_CHECKING, Any

from shufflenet_flops.report.grid import Column, Grid, grid, mega, milliseconds, with_notes
from shufflenet_flops.saved import record
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.calibration import Calibration
    from shufflenet_flops.latency.predict.prediction import Prediction


def prediction_grids(
    predictions: Sequence[Prediction], top: int, where: str, warnings: Sequence[str]
) -> list[Grid]:
    """The kernels that take most, `top` of each network, then one line for each network."""
    grids = [_kernels(prediction, top) for prediction in predictions] if top else []
    first = predictions[0]
    notes = [
        "interval: holds the true time of 90 % of networks like those of the calibration",
        "covered: at least this share of the time is of kernels like those that were measured",
        "MACs only: what MACs alone would have said",
        f"calibration: {first.calibration.name}, {first.calibration.date[:10]}, from "
        f"{first.calibration.networks} random networks ({where})",
        *_uncovered(predictions),
        *(f"warning: {warning}" for warning in warnings),
    ]
    return [*grids, with_notes(_networks(predictions), notes)]


def prediction_records(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """The lines of the CSV: a network each, without its kernels."""
    return [
        {key: value for key, value in record(prediction).items() if key != "kernels"}
        for prediction in predictions
    ]


def _networks(predictions: Sequence[Prediction]) -> Grid:
    return grid(
        f"predicted time on {predictions[0].engine}"
        f"{', from its own kernels' if predictions[0].compiled else ''}",
        [
            Column("model", figures=False, path=True),
            Column("input"),
            Column("MMAC"),
            Column("ms"),
            Column("90 % interval"),
            Column("covered"),
            Column("MACs only ms"),
        ],
        [
            [
                prediction.model,
                shape_text(prediction.input),
                mega(prediction.macs, 1),
                milliseconds(prediction.predicted_s),
                _interval(prediction),
                f"{100 * prediction.covered:.1f} %",
                milliseconds(prediction.macs_only_s),
            ]
            for prediction in predictions
        ],
    )


def _interval(prediction: Prediction) -> str:
    if prediction.low_s is None or prediction.high_s is None:
        return "–"
    return f"{milliseconds(prediction.low_s)}–{milliseconds(prediction.high_s)}"


def _uncovered(predictions: Sequence[Prediction]) -> list[str]:
    notes = []
    for prediction in predictions:
        if prediction.uncovered:
            notes.append(
                f"not covered in {prediction.model}, guessed at "
                f"{milliseconds(_guessed(prediction))} ms, at most "
                f"{milliseconds(_most(prediction))} ms: {'; '.join(prediction.uncovered)}"
            )
        if prediction.unknown_ops:
            notes.append(
                f"unknown in {prediction.model}, and without time: "
                f"{', '.join(prediction.unknown_ops)}"
            )
    return notes


def _guessed(prediction: Prediction) -> float:
    return sum(kernel.seconds for kernel in prediction.kernels if not kernel.covered)


def _most(prediction: Prediction) -> float:
    return sum(kernel.most_s for kernel in prediction.kernels if not kernel.covered)


def _kernels(prediction: Prediction, top: int) -> Grid:
    slowest = sorted(prediction.kernels, key=lambda kernel: -kernel.seconds)[:top]
    return grid(
        f"{prediction.model}: the kernels that take most, of {len(prediction.kernels)}",
        [
            Column("layer", figures=False, path=True),
            Column("kernel", figures=False),
            Column("ms"),
            Column("share"),
        ],
        [
            [
                kernel.path or "–",
                kernel.kind if kernel.covered else f"{kernel.kind} (not covered)",
                milliseconds(kernel.seconds),
                f"{100 * kernel.seconds / prediction.predicted_s:.1f} %",
            ]
            for kernel in slowest
        ],
    )


def calibration_grid(calibration: Calibration, name: str) -> Grid:
    """How many kernels of each kind were measured, and what that predicts."""
    numbers = Counter(
        calibration.kinds[int(text.partition(" ")[0])]
        for sample in calibration.samples
        for text in sample.kernels
    )
    errors = sorted(abs(exp(error) - 1) for error in calibration.log_errors)
    notes = [f"{calibration.name}, {len(calibration.samples)} random networks, in {name}"]
    if errors:
        notes.append(
            f"of networks that it did not learn from it is off by {100 * _mean(errors):.1f} % on "
            f"average, and by at most {100 * errors[int(0.9 * (len(errors) - 1))]:.1f} % in 90 %"
        )
        notes.append(
            f"noise: kernels add up to the whole within {100 * calibration.noise:.1f} % (median); "
            f"load average {calibration.load[0]:.2f} at the start, {calibration.load[-1]:.2f} at "
            "the end"
        )
    return grid(
        "kernels measured",
        [Column("kernel", figures=False), Column("samples")],
        [[kind, f"{number:,}"] for kind, number in numbers.most_common()],
        notes,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
