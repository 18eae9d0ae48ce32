"""Where the memory of one network peaks, what is alive there, and how it comes to that."""

from __future__ import annotations

from collections.abc import Iterator

from shufflenet_flops.counting.metric import MEMORY
from shufflenet_flops.peak.batch import BatchFit
from shufflenet_flops.peak.result import FileSize, PeakMoment, PeakResult, PeakRun
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent, scale_within
from shufflenet_flops.report.view.lines import ROOT
from shufflenet_flops.spec import shape_text

_MOST_ALIVE = 8
_MEANING = (
    "bytes that the CPU's allocator is asked for, not rounded to its alignment; parameters, "
    "buffers and inputs are there all the time"
)

_OF_GRAPH = (
    "bytes of each value of the graph, from the node that makes it to the last that reads it, in "
    "the order of the file; initializers and inputs are there all the time; an engine may fuse "
    "nodes, or write over what is read, and its kernels take more"
)


def peak_grids(name: str, result: PeakResult, *, specified: bool) -> list[Grid]:
    """The parts of each peak; for each run what is alive at it, and the stages that lead to it.

    An arena is that of a spec where there is one, else of what a trace saw.
    """
    return [
        _terms(name, result),
        *(table for what, run in result.runs for table in (_alive(what, run), _stages(what, run))),
        *((_arenas(result, specified),) if result.arenas else ()),
    ]


_OF_SPEC = "norms and activations are part of the op before them"
_OF_TRACE = "each tensor for as long as the model's code holds it, the input all the time"


def _arenas(result: PeakResult, specified: bool) -> Grid:
    rows = [
        [size.dtype, *(f"{count / 1024:,.1f}" for count in counts)]
        for size in result.arenas
        for counts in [(size.arena_bytes, size.lower_bound_bytes, size.weight_bytes)]
    ]
    columns = [
        Column("every tensor in", figures=False),
        Column("arena\nKiB"),
        Column("lower bound\nKiB"),
        Column("weights\nKiB"),
    ]
    which = _OF_SPEC if specified else _OF_TRACE
    notes = (
        "the largest tensor first, each at the lowest place that is free, as TensorFlow Lite does; "
        f"input included, weights not in it; {which}",
    )
    return grid("arena of a small device", columns, rows, notes)


def peak_place(run: PeakRun) -> str:
    """The call at the peak, `layer1.0.bn1 (native_batch_norm)`."""
    return f"{run.path or ROOT} ({run.op})" if run.op else "the start"


def _terms(name: str, result: PeakResult) -> Grid:
    runs = dict(result.runs)
    amounts = {what: {term.name: term.bytes for term in run.terms} for what, run in runs.items()}
    parts = dict.fromkeys(part for terms in amounts.values() for part in terms)
    rows = [
        [part, *(f"{terms[part]:,}" if part in terms else "–" for terms in amounts.values())]
        for part in parts
    ]
    totals = ["at the peak", *(f"{run.bytes:,}" for run in runs.values())]
    notes = [
        *(
            f"{what}: {memory(run.bytes)} at {peak_place(run)}; tensors alone reach "
            f"{run.tensor_bytes:,} bytes"
            for what, run in runs.items()
        ),
        *(f"NOT IN IT: {what}, so that the peak is at least this" for what in result.not_known_for),
        *(line for what, run in runs.items() for line in _advice(what, run)),
        *((_fit(result.fit),) if result.fit else ()),
        *((_autocast(result.autocast),) if result.autocast else ()),
        *((_file(result.file),) if result.file else ()),
        *((_MEANING, f"workspace is that of {result.kernels}") if result.kernels else (_OF_GRAPH,)),
    ]
    columns = [
        Column("part of the peak", figures=False),
        *(Column(f"{what}\nbytes") for what in runs),
    ]
    return grid(f"peak memory of {name}", columns, [*rows, totals], notes)


def _advice(what: str, run: PeakRun) -> Iterator[str]:
    for one in run.advice:
        less = percent(run.bytes - one.bytes, run.bytes)
        yield f"{what} with {one.change}: {one.bytes:,} bytes at the peak, {less} less"


def _autocast(dtype: str) -> str:
    return (
        f"forward passes run within torch.autocast('cpu', dtype=torch.{dtype}); parameters, their "
        "gradients and what an optimiser keeps stay in their own type"
    )


def _file(file: FileSize) -> str:
    weights = ", ".join(f"{weight.bytes:,} bytes in {weight.name}" for weight in file.weights)
    missing = f"; NOT IN IT, as not there: {', '.join(file.missing)}" if file.missing else ""
    return f"on disk it takes {file.bytes:,} bytes; its weights are {weights or 'none'}{missing}"


def _fit(fit: BatchFit) -> str:
    limit = f"under {fit.limit_bytes:,} bytes"
    if not fit.batch:
        return f"not even a batch of 1 fits {limit}: it takes {fit.next_bytes:,}"
    if fit.next_bytes is None:
        return f"a batch of {fit.batch:,} still fits {limit}, with {fit.bytes:,}"
    return (
        f"the largest batch {limit} is {fit.batch:,}, with {fit.bytes:,}; {fit.batch + 1:,} takes "
        f"{fit.next_bytes:,}"
    )


def memory(size: int) -> str:
    """Bytes in MB, or in less for a tiny network."""
    scale = scale_within(MEMORY.scale[0], 2, size)
    return f"{scale(size)} {scale.prefix}B"


def _alive(what: str, run: PeakRun) -> Grid:
    made = sum(piece.bytes for piece in run.alive)
    rows: list[list[str | Cell]] = [
        [
            piece.path or ROOT,
            piece.op,
            f"{shape_text(piece.shape)} {piece.dtype}".strip(),
            f"{piece.bytes:,}",
            percent(piece.bytes, made),
        ]
        for piece in run.alive[:_MOST_ALIVE]
    ]
    rest = run.alive[_MOST_ALIVE:]
    if rest:
        left = sum(piece.bytes for piece in rest)
        rows.append([f"{len(rest)} more", "", "", f"{left:,}", percent(left, made)])
    columns = [
        Column("made in", figures=False, path=True),
        Column("by", figures=False),
        Column("tensor", figures=False),
        Column("bytes"),
        Column("share"),
    ]
    return grid(f"alive at the peak of {what}, at {peak_place(run)}", columns, rows)


def _stages(what: str, run: PeakRun) -> Grid:
    rows: list[list[str | Cell]] = [
        [
            stage or ROOT,
            f"{highest.bytes:,}",
            f"{max(moment.tensor_bytes for moment in moments):,}",
            Cell("", share=highest.bytes / run.bytes),
            peak_call(highest, stage),
        ]
        for stage, moments in stage_moments(run)
        for highest in [max(moments, key=lambda moment: moment.bytes)]
    ]
    columns = [
        Column("stage", figures=False),
        Column("peak\nbytes"),
        Column("tensors\nbytes"),
        Column("", bars=True),
        Column("at", figures=False, path=True),
    ]
    return grid(f"timeline of {what}", columns, rows)


def peak_call(moment: PeakMoment, stage: str) -> str:
    """A call within a stage, by what is left of its path."""
    path = moment.path.removeprefix(stage).removeprefix(".")
    return f"{path} {moment.op}".strip()


def stage_moments(run: PeakRun) -> Iterator[tuple[str, list[PeakMoment]]]:
    """The moments of each stage, the first part of a module's path, as often as it is entered."""
    stage, moments = None, []
    for moment in run.timeline:
        first = moment.path.partition(".")[0]
        if stage is not None and first != stage:
            yield stage, moments
            moments = []
        stage = first
        moments.append(moment)
    if stage is not None:
        yield stage, moments
