"""The atlas as tables, as sentences, and as what its page draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.paper.atlas import AtlasEntry, Spread
from shufflenet_flops.paper.standing import Standing
from shufflenet_flops.paper.verdict import CellVerdict
from shufflenet_flops.report.grid import Column, Grid, grid, mega, milliseconds
from shufflenet_flops.report.view.paper import cell_text
from shufflenet_flops.spec import shape_text

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.zoo_times import EngineTimes

MOST_SPREADS = 25


def networks_grid(
    entries: Sequence[AtlasEntry], times: Sequence[EngineTimes], why_none: str
) -> Grid:
    """One row per network: its counts, predicted times, printed accuracy, and its verdicts.

    `why_none` says why there are no predicted times, where there are none.
    """
    columns = [
        Column("network", figures=False),
        Column("family", figures=False),
        Column("input"),
        Column("MMAC"),
        Column("params M"),
        Column("activations M"),
        Column("memory MB"),
        Column("training MMAC"),
        *(Column(f"{engine.engine} ms") for engine in times),
        Column("top-1 %"),
        *(Column(verdict.value) for verdict in CellVerdict),
    ]
    rows = []
    for entry in entries:
        verdicts = Counter(figure.cell.verdict for figure in entry.published)
        rows.append(
            (
                entry.name,
                entry.family,
                shape_text(entry.input[2:]),
                mega(entry.macs, 1),
                mega(entry.params, 2),
                mega(entry.activations, 2),
                mega(entry.memory_bytes, 1),
                mega(entry.training_macs, 1),
                *(_time(engine.seconds[entry.name]) for engine in times),
                "–" if entry.accuracy is None else f"{entry.accuracy:g}",
                *(str(verdicts[verdict] or "–") for verdict in CellVerdict),
            )
        )
    notes = [
        "Counts are computed; top-1 accuracy is quoted, the first that is printed of the network.",
        "What was published of a network: `shufflenet-flops paper --network NAME`.",
        *map(_time_note, times),
        *([f"No predicted times: {why_none}"] if why_none else []),
    ]
    return grid(f"{len(entries)} networks", columns, rows, notes)


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else milliseconds(seconds)


def _time_note(times: EngineTimes) -> str:
    unknown = sum(seconds is None for seconds in times.seconds.values())
    calibration = times.calibration
    return (
        f"{times.engine} ms: predicted for {calibration.name}, calibrated {calibration.date[:10]}; "
        f"none for the {unknown} networks that spend more than 5 % of it in kernels like none that "
        "was measured."
    )


def spreads_grid(spreads: Sequence[Spread]) -> Grid:
    """The networks on whose cost papers are farthest apart."""
    columns = [
        Column("network", figures=False),
        Column("input"),
        Column("lowest"),
        Column("printed by", figures=False),
        Column("highest"),
        Column("printed by ", figures=False),
        Column("ratio"),
        Column("papers"),
    ]
    rows = [
        (
            spread.network,
            shape_text(spread.input[2:]),
            f"{spread.lowest / 1e6:,.0f}",
            spread.lowest_by,
            f"{spread.highest / 1e6:,.0f}",
            spread.highest_by,
            f"{spread.ratio:.3f}",
            str(spread.papers),
        )
        for spread in spreads[:MOST_SPREADS]
    ]
    title = f"one network, several costs: the {len(rows)} on which papers are farthest apart (M)"
    return grid(title, columns, rows)


def findings(standings: Sequence[Standing], spreads: Sequence[Spread]) -> list[str]:
    """What the figures say about how papers count, in sentences computed from them."""
    judged = sum(standing.cells - standing.quoted for standing in standings)
    exact = sum(standing.exact for standing in standings)
    unexplained = sum(standing.unexplained for standing in standings)
    conventions: Counter[str] = Counter()
    for standing in standings:
        conventions.update(standing.conventions)
    mixed = [standing.paper for standing in standings if len(standing.conventions) > 1]
    shown = ", ".join(f"{number} under `{name}`" for name, number in conventions.most_common())
    sentences = [
        f"{exact} of the {judged} published figures that can be computed come out exactly "
        f"({100 * exact / judged:.1f} %); {unexplained} do not come out at all.",
        f"Of the exact figures of cost, {shown}.",
        f"{len(mixed)} of {len(standings)} papers and releases use more than one convention: "
        f"{', '.join(mixed)}.",
    ]
    if spreads:
        apart = sum(spread.ratio > 1.01 for spread in spreads)
        far = spreads[0]
        sentences.append(
            f"Two papers or more print a cost of {len(spreads)} networks; of {apart} of these they "
            f"are more than 1 % apart, and most of {far.network}: {far.lowest / 1e6:,.0f} M "
            f"({far.lowest_by}) and {far.highest / 1e6:,.0f} M ({far.highest_by})."
        )
    return sentences


def atlas_data(entries: Sequence[AtlasEntry], times: Sequence[EngineTimes]) -> dict[str, Any]:
    """What the page draws and shows of each network: exact integers, and predicted seconds."""
    return {
        "engines": {engine.engine: engine.calibration.name for engine in times},
        "networks": [
            {**_network(entry), "times": [engine.seconds[entry.name] for engine in times]}
            for entry in entries
        ],
    }


def _network(entry: AtlasEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "family": entry.family,
        "source": entry.source,
        "input": shape_text(entry.input),
        "macs": entry.macs,
        "params": entry.params,
        "activations": entry.activations,
        "memory": entry.memory_bytes,
        "training": entry.training_macs,
        "accuracy": entry.accuracy,
        "formula": entry.formula,
        "shares": dict(entry.shares),
        "published": [
            [
                f"{figure.paper}, {figure.table}",
                figure.cell.row,
                figure.cell.column,
                cell_text(figure.cell),
                figure.cell.convention or "",
            ]
            for figure in entry.published
        ],
    }
