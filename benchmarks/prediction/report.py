"""What reports/prediction.md says: tables, findings and figures, all from what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean, median
from typing import TYPE_CHECKING

from benchmarks.gpu_time.errors import Errors
from benchmarks.prediction.predicted import Compared, Outcome, off_by, off_by_alone
from shufflenet_flops.errors import plural
from shufflenet_flops.report.grid import Column, Grid, grid, milliseconds
from shufflenet_flops.report.plot.figure import COLOURS, logarithmic, new_axes, new_figure, style
from shufflenet_flops.report.section import measured_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_LEAST = 3  # networks of a family in the table
_WORST = 12


def findings(tests: Sequence[Outcome]) -> list[str]:
    """Sentences with the figures they rest on."""
    sentences = []
    for test in tests:
        engine, rows, covered = test.truth.engine, test.rows, test.covered
        models = len({row.model for row in rows})
        ours, theirs = _ours(rows), off_by_alone(rows, lambda row: row.macs)
        sentences += [
            f"**{engine} {test.truth.engine_version}**: {len(rows)} times of {models} networks of "
            "timm and torchvision. From the layer table alone "
            f"the mean error is {_share(ours.mape)}; {_share(ours.within_10)} are within 10 %, "
            f"{_share(ours.within_20)} within 20 %, Spearman {ours.spearman:.3f}. MACs alone, "
            f"times the factor that fits these networks best: {_share(theirs.mape)}, "
            f"{_share(theirs.within_10)}, {_share(theirs.within_20)}, {theirs.spearman:.3f}.",
            f"Of {engine}'s {len(covered)} times of which calibrated kernels account for 95 % and "
            f"more, the mean error is {_share(_ours(covered).mape)}. The 90 % interval holds "
            f"{_share(test.coverage(0.9, covered))} of these, and "
            f"{_share(test.coverage(0.9, rows))} of all.",
        ]
        if test.compiled:
            close = _compiled(test.compiled)
            sentences.append(
                f"From what {engine} itself makes of {len(test.compiled)} of them as it compiles "
                f"them (`predict --compile`) the mean error is {_share(close.mape)}; "
                f"{_share(close.within_10)} are within 10 %, {_share(close.within_20)} within "
                f"20 %, Spearman {close.spearman:.3f}. Its 90 % interval holds "
                f"{_share(test.compiled_coverage(0.9))}."
            )
        if twice := [row for row in test.truth.rows if row.seconds and row.other_s]:
            apart = mean(row.other_s / row.seconds - 1 for row in twice)
            sentences.append(
                f"{len(twice)} of {engine}'s times are the least of two sittings. The other "
                f"sitting's are {_share(apart)} longer on average; other programs ran beside parts "
                "of both."
            )
        if test.failed:
            sentences.append(
                f"{plural(test.failed, 'network')} at a size could not be exported, given another "
                "size, run or counted, and left out."
            )
    return sentences


def grids(tests: Sequence[Outcome]) -> list[Grid]:
    """Predictors side by side, intervals, families, and the networks that are furthest off."""
    tables = [_predictors(tests), _intervals(tests)]
    for test in tests:
        families = _families(test)
        tables += [families, _furthest(test)] if families else [_furthest(test)]
    return tables


def _ours(rows: Sequence[Compared]) -> Errors:
    return off_by(rows, lambda row: row.rows.seconds)


def _compiled(rows: Sequence[Compared]) -> Errors:
    return off_by(rows, lambda row: row.compiled.seconds if row.compiled is not None else 0.0)


def _predictors(tests: Sequence[Outcome]) -> Grid:
    lines = []
    for test in tests:
        found = {
            "MACs alone": off_by_alone(test.rows, lambda row: row.macs),
            "memory access alone": off_by_alone(test.rows, lambda row: row.memory_bytes),
            "predicted from rows": _ours(test.rows),
            "the same, covered 95 % and more": _ours(test.covered),
        }
        if test.compiled:
            found["predicted from what it compiles"] = _compiled(test.compiled)
        if told := [row for row in test.rows if row.kernels_s is not None]:
            ceiling = off_by(told, lambda row: row.kernels_s or 0.0)
            found["ceiling: its own measured kernels"] = ceiling
        lines += [
            [
                test.truth.engine,
                name,
                str(errors.networks),
                _share(errors.mape),
                _share(errors.within_10),
                _share(errors.within_20),
                f"{errors.spearman:.3f}",
            ]
            for name, errors in found.items()
        ]
    columns = [Column("engine", figures=False), Column("predictor", figures=False)]
    headings = ("times", "mean error", "within 10 %", "within 20 %", "Spearman")
    return grid("Predicted against measured", [*columns, *map(Column, headings)], lines)


def _intervals(tests: Sequence[Outcome]) -> Grid:
    return grid(
        "How many of the times an interval holds",
        [
            Column("engine", figures=False),
            Column("predicted", figures=False),
            *(Column(_share(level)) for level in LEVELS),
        ],
        [line for test in tests for line in _held(test)],
        ["each column is the level of an interval: what it should hold"],
    )


def _held(test: Outcome) -> list[list[str]]:
    """From rows, and where the engine compiles networks from what it makes of them."""
    told = [("from rows", lambda level: test.coverage(level, test.rows))]
    if test.compiled:
        told.append(("from what it compiles", test.compiled_coverage))
    return [
        [test.truth.engine, name, *(_share(coverage(level)) for level in LEVELS)]
        for name, coverage in told
    ]


def _families(test: Outcome) -> Grid | None:
    """By family, where there is one of enough networks."""
    members: dict[str, list[Compared]] = {}
    for row in test.rows:
        members.setdefault(row.family, []).append(row)
    lines = []
    for family, rows in sorted(members.items()):
        if len({row.model for row in rows}) >= _LEAST:
            ours = _ours(rows)
            lines.append(
                [
                    family,
                    str(len(rows)),
                    _share(ours.mape),
                    f"{median(row.rows.seconds / row.measured_s for row in rows):.2f}",
                    _share(off_by(rows, lambda row: _by_macs(test, row)).mape),
                ]
            )
    if not lines:
        return None
    headings = ("times", "mean error", "predicted / measured", "MACs alone")
    title = f"{test.truth.engine}: families of {_LEAST} networks and more"
    return grid(title, [Column("family", figures=False), *map(Column, headings)], lines)


def _by_macs(test: Outcome, row: Compared) -> float:
    return row.macs * median(other.measured_s / other.macs for other in test.rows)


def _furthest(test: Outcome) -> Grid:
    by_error = sorted(test.rows, key=lambda row: -abs(row.rows.seconds / row.measured_s - 1))
    return grid(
        f"{test.truth.engine}: furthest off",
        [
            Column("network", figures=False),
            *map(Column, ("size", "measured ms", "predicted ms", "covered")),
            Column("not covered", figures=False),
        ],
        [
            [
                row.model,
                str(row.size),
                milliseconds(row.measured_s),
                milliseconds(row.rows.seconds),
                _share(row.rows.covered),
                _short(row.rows.uncovered),
            ]
            for row in by_error[:_WORST]
        ],
    )


def _short(uncovered: Sequence[str]) -> str:
    kinds = Counter(why.partition(":")[0] for why in uncovered)
    return ", ".join(kinds)


def guideline_grids(tests: Sequence[Outcome]) -> list[Grid]:
    """ShuffleNet V2's guidelines, each by measurement and by prediction."""
    return [_guidelines(test) for test in tests if test.guidelines]


def _guidelines(test: Outcome) -> Grid:
    lines = []
    for guideline, told in test.guidelines.items():
        for i, network in enumerate(told):
            first, compiled = told[0], network.compiled_s
            lines.append(
                [
                    "" if i else guideline,
                    network.name,
                    f"{network.macs / 1e6:,.0f}",
                    milliseconds(network.measured_s),
                    milliseconds(network.rows_s),
                    f"{network.measured_s / first.measured_s:.2f}",
                    f"{network.rows_s / first.rows_s:.2f}",
                    *(
                        [f"{compiled / first.compiled_s:.2f}"]
                        if compiled and first.compiled_s
                        else []
                    ),
                ]
            )
    headings = ["MMAC", "measured ms", "predicted ms", "measured ratio", "predicted ratio"]
    if any(network.compiled_s for told in test.guidelines.values() for network in told):
        headings.append("from what it compiles")
    columns = [Column("guideline", figures=False), Column("network", figures=False)]
    return grid(
        f"ShuffleNet V2's guidelines on {test.truth.engine}",
        [*columns, *map(Column, headings)],
        lines,
        ["ratios are to the first network of each guideline"],
    )


def stamps(tests: Sequence[Outcome]) -> list[str]:
    """On what the networks were measured, and the calibrations."""
    lines = []
    for test in tests:
        calibration = test.calibration
        lines += [
            f"{test.truth.engine}: {measured_on(asdict(test.truth.environment))}",
            f"calibration: {calibration.name}, {len(calibration.samples)} random networks, "
            f"{calibration.date}, load average {calibration.load[0]:.2f} at its start and "
            f"{calibration.load[-1]:.2f} at its end; kernels add up to the whole within "
            f"{_share(calibration.noise)} (median)",
        ]
    return lines


def scatter(test: Outcome) -> Figure:
    """Predicted against measured, and MACs alone beside it."""
    ratio = median(row.measured_s / row.macs for row in test.rows)
    with style():
        figure = new_figure(7.2, 3.6)
        for i, (title, predict) in enumerate(
            (
                ("predicted from rows", lambda row: row.rows.seconds),
                ("MACs alone", lambda row: ratio * row.macs),
            )
        ):
            axes = new_axes(figure, title, "measured ms", "predicted ms", 121 + i)
            measured = [1e3 * row.measured_s for row in test.rows]
            logarithmic(axes)
            axes.scatter(measured, [1e3 * predict(row) for row in test.rows], s=7, color=COLOURS[i])
            ends = [min(measured), max(measured)]
            axes.plot(ends, ends, color=COLOURS[2], linewidth=1)
    return figure


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
