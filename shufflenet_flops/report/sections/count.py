"""Where one network's work is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from shufflenet_flops.counting import Convention, Table, find_convention
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.grid import Grid, milliseconds, percent
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.section import Picture, Portrait, Section, Tile
from shufflenet_flops.report.sections.peak import peak_pictures
from shufflenet_flops.report.sections.training import counted_step
from shufflenet_flops.report.view.count import (
    count_caveats,
    count_peak,
    memory_text,
    stage_grid,
    time_notes,
)
from shufflenet_flops.report.view.drawing import drawing
from shufflenet_flops.report.view.lines import (
    COLUMNS,
    ROOT,
    TIMED,
    LayerView,
    group_grid,
    layer_grid,
)
from shufflenet_flops.report.view.network_explorer import explorer_of

_ALL = tuple(name for name in COLUMNS if name not in ("of-params", TIMED))
MOST_LAYERS = 1000  # in the table; of more, those with the most work
MOST_STAGES = 60  # in the tree; of more, those with the most work, without their kinds
MOST_BARS = 30  # in one figure; a network with more stages than that is drawn by kind alone


def section(saved: Saved) -> Section:
    """One network: its first figures, every layer, a drawing, and its stages and kinds."""
    result = saved.single(CountResult)
    if result.training is not None:
        return counted_step(result, result.training)
    convention = find_convention(saved.convention or "paper")
    table = result.table
    stages, kinds = table.by("stage"), table.by("kind")
    kinds = dict(sorted(kinds.items(), key=lambda item: -item[1].total(convention)))
    name = result.model
    return Section(
        name=f"count-{name}",
        question=f"Where is the work of {name}?",
        findings=(
            *_findings(result, table, stages, kinds, convention),
            *map(_sentence, time_notes(result.time) if result.time else ()),
            *count_caveats(result),
        ),
        grids=(
            _stages(table, stages, convention),
            group_grid("by kind of layer", "kind", kinds, table, convention),
            *count_peak(result),
        ),
        pictures=(
            *((_picture(name, stages, convention),) if table.total(convention) else ()),
            *peak_pictures(result),
        ),
        portrait=_portrait(result, table, stages, convention),
        explorer=partial(explorer_of, name, convention) if result.specified else None,
        convention=f"`{convention.name}`, in {convention.unit}s: {convention.meaning}. Input "
        f"{' '.join(result.inputs)}. Memory access: every input, weight and output of every "
        "layer once, nothing cached.",
    )


def _sentence(note: str) -> str:
    """A note under a table as a finding."""
    return f"{note[:1].upper()}{note[1:]}."


def _portrait(
    result: CountResult, table: Table, stages: Mapping[str, Table], convention: Convention
) -> Portrait:
    total = table.total(convention)
    tiles = [
        Tile(f"{convention.unit}s", _figure(total), f"{total:,}"),
        Tile("parameters", _figure(result.params), f"{result.params:,}"),
        Tile("memory access", f"{_figure(table.memory_bytes)}B", f"{table.memory_bytes:,} bytes"),
        Tile("activations", _figure(table.activations), f"{table.activations:,}"),
    ]
    if result.time is not None:
        time = result.time
        tiles.append(Tile(f"on {time.engine}", f"{milliseconds(time.predicted_s)} ms", "predicted"))
    if total and len(stages) > 1:
        heaviest = max(stages, key=lambda name: stages[name].total(convention))
        share = percent(stages[heaviest].total(convention), total)
        tiles.append(Tile("heaviest stage", share, heaviest or ROOT))
    return Portrait(
        result.model,
        tuple(tiles),
        _layers(table, convention),
        drawing(result, convention),
    )


def _layers(table: Table, convention: Convention) -> Grid:
    """Every layer in the order they run; of very many the heaviest, and the others as one."""
    number = len(table.rows)
    view = LayerView(zeros=True, columns=(*_ALL, *([TIMED] if table.times else [])))
    if number <= MOST_LAYERS:
        return layer_grid(f"all {number:,} layers", table, convention, view)
    view = replace(view, sort="macs", top=MOST_LAYERS)
    return layer_grid(f"the {MOST_LAYERS:,} heaviest of {number:,} layers", table, convention, view)


def _stages(table: Table, stages: Mapping[str, Table], convention: Convention) -> Grid:
    """A tree of stages and kinds; of very many stages the heaviest."""
    if len(stages) <= MOST_STAGES:
        return stage_grid("by stage", table, convention)
    view = LayerView(sort="macs", top=MOST_STAGES)
    return group_grid("by stage", "stage", stages, table, convention, (), view)


def _figure(value: int) -> str:
    """Four digits and a prefix: 137460672 as `137.5 M`."""
    for prefix, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            digits = 3 - len(str(value // size))
            return f"{value / size:,.{max(digits, 0) + 1 if digits < 2 else 2}f} {prefix}"
    return f"{value} "


def _most(groups: Mapping[str, Table], total: int, convention: Convention) -> str:
    """The group with the most work, or all that tie for it, and the share."""
    amounts = {name: part.total(convention) for name, part in groups.items()}
    largest = max(amounts.values())
    names = [name for name, amount in amounts.items() if amount == largest]
    each = " each" if len(names) > 1 else ""
    return f"{' and '.join(names)} ({percent(largest, total)}{each})"


def _findings(
    result: CountResult,
    table: Table,
    stages: dict[str, Table],
    kinds: dict[str, Table],
    convention: Convention,
) -> list[str]:
    total = table.total(convention)
    if not total:
        return [f"It does no work that `{convention.name}` counts."]
    findings = [
        f"{total:,} {convention.unit}s, {result.params:,} parameters and "
        f"{memory_text(table.memory_bytes, 1)} of memory access for one input.",
        f"The most {convention.unit}s are in {_most(stages, total, convention)}; by kind of layer, "
        f"in {_most(kinds, total, convention)}.",
    ]
    if table.params:
        heavy = max(kinds, key=lambda name: kinds[name].params)
        part = kinds[heavy]
        is_most = 2 * part.params > table.params
        start = "Most parameters are" if is_most else "The largest part of the parameters is"
        findings.append(
            f"{start} in {heavy}: {percent(part.params, table.params)} of them, for "
            f"{percent(part.total(convention), total)} of the {convention.unit}s."
        )
    idle = [part for part in kinds.values() if not part.total(convention)]
    moved = sum(part.memory_bytes for part in idle)
    if moved:
        findings.append(
            f"Layers that count for nothing here still move {percent(moved, table.memory_bytes)} "
            "of the bytes."
        )
    return findings


def _picture(name: str, stages: dict[str, Table], convention: Convention) -> Picture:
    bars = {stage: part for stage, part in stages.items() if part.total(convention)}
    if len(bars) > MOST_BARS:
        bars = {name: Table(tuple(row for part in bars.values() for row in part.rows))}
    kinds = dict.fromkeys(kind for part in bars.values() for kind in part.by("kind"))
    parts = {
        kind: [
            part.by("kind")[kind].total(convention) / 1e6 if kind in part.by("kind") else 0.0
            for part in bars.values()
        ]
        for kind in kinds
    }
    unit = f"M{convention.unit}"
    return Picture(
        "stages",
        f"{unit} of each stage of {name}, by kind of layer",
        draw_stacked(
            list(bars),
            {kind: values for kind, values in parts.items() if any(values)},
            title=f"{name}: work by stage",
            x_label=f"{unit} (`{convention.name}`)".replace("`", ""),
        ),
    )
