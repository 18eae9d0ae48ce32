"""Memory over the runs of one network, drawn."""

from __future__ import annotations

from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.peak.result import PeakRun
from shufflenet_flops.report.plot.timeline import draw_timeline
from shufflenet_flops.report.section import Picture
from shufflenet_flops.report.view.lines import ROOT
from shufflenet_flops.report.view.peak import peak_place, stage_moments


def peak_pictures(result: CountResult) -> tuple[Picture, ...]:
    """A figure for each run whose peak was asked for."""
    runs = result.peak.runs if result.peak is not None else ()
    return tuple(_picture(result.model, what, run) for what, run in runs if run.timeline)


def _picture(model: str, what: str, run: PeakRun) -> Picture:
    starts, call = {}, 0
    for stage, moments in stage_moments(run):
        starts[call] = stage or ROOT
        call += len(moments)
    return Picture(
        f"memory-{what}",
        f"Memory over the {what} of {model}: what is alive at each call of an op",
        draw_timeline(
            [moment.tensor_bytes / 1e6 for moment in run.timeline],
            [moment.bytes / 1e6 for moment in run.timeline],
            title=f"{model}: memory over {what}",
            peak=peak_place(run),
            stages=starts,
        ),
    )
