"""Measure what is missing, then write reports/prediction.md and its figures.

What is measured is saved in build/prediction as it comes, so that a run that was cut short goes on
where it stopped. When all is there it is moved beside the report: the next run measures anew,
unless --again is given, which writes the report from what lies there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.prediction import report
from benchmarks.prediction.guidelines import guidelines
from benchmarks.prediction.held_out import NETWORKS, SIZES
from benchmarks.prediction.measured import FOLDER, load, measure
from benchmarks.prediction.predicted import tested
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.onnx_graph import onnx_model
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler
from shufflenet_flops.latency.predict.shipped import SHIPPED, find_calibration
from shufflenet_flops.report.format.markdown import markdown
from shufflenet_flops.report.grid import Grid
from shufflenet_flops.report.plot.figure import image
from shufflenet_flops.sources import Options, parse_input, resolve

PATH = Path("reports/prediction.md")
BESIDE = Path("reports/prediction")
_REPEATS = 15


def main(again: bool) -> None:
    """Measure on every engine with a calibration of its own, unless `again`; write the report."""
    engines = sorted(path.name.partition(".")[0] for path in SHIPPED.iterdir())
    folder = BESIDE if again else FOLDER
    truths = [
        load(folder / f"{engine}.json") if again else measure(engine, NETWORKS, SIZES)
        for engine in engines
    ]
    tests = [tested(truth) for truth in truths]
    BESIDE.mkdir(exist_ok=True)
    for test in tests:
        figure = image(report.scatter(test), ".svg")
        (BESIDE / f"{test.truth.engine}.svg").write_bytes(figure)
    parts = [
        "# Time without running",
        "How well `predict` tells the time of networks of timm and torchvision from their layer "
        "tables and the calibrations that come with the package. What these learn from was chosen "
        "by such networks, so none of them is new to it (`docs/predict.md`). Written by `make "
        "reports-prediction`.",
        *(f"- {sentence}" for sentence in report.findings(tests)),
        *(f"![{test.truth.engine}](prediction/{test.truth.engine}.svg)" for test in tests),
        markdown(report.grids(tests)),
        markdown([_guidelines(engine) for engine in engines]),
        *(f"- {sentence}" for sentence in map(_claim, engines)),
        *report.stamps(tests),
    ]
    PATH.write_text("\n\n".join(parts) + "\n")
    if not again:
        for engine in engines:
            (FOLDER / f"{engine}.json").replace(BESIDE / f"{engine}.json")


def _guidelines(engine: str) -> Grid:
    profiler = find_profiler(engine)
    assert isinstance(profiler, GraphProfiler)
    predictor = Predictor(find_calibration(engine)[0])
    found: dict[str, dict[str, tuple[int, float, float]]] = {}
    for guideline, networks in guidelines().items():
        for name, (spec, shape) in networks.items():
            x = np.random.default_rng(0).standard_normal(shape, dtype="float32")
            model = onnx_model(spec, shape).SerializeToString()
            table = layer_table(spec, shape)
            predicted = sum(time.seconds for time, _ in predictor.kernels(table.rows))
            seconds = profiler.run(model, x, Setup(), _REPEATS).seconds
            found.setdefault(guideline, {})[name] = table.macs, seconds, predicted
    return report.guideline_grid(engine, found)


def _claim(engine: str) -> str:
    """The paper's "13x": AlexNet over ShuffleNet 0.5x, as predicted."""
    predictor = Predictor(find_calibration(engine)[0])
    options = Options(inputs=(parse_input("1x3x224x224"),))
    a, b = (
        predictor.predict(resolve(name, options)) for name in ("alexnet", "shufflenet_v1_x0_5_g3")
    )
    shares = " and ".join(f"{100 * found.covered:.0f} %" for found in (a, b))
    return (
        f"ShuffleNet V1 measured AlexNet at about 13 times the time of ShuffleNet 0.5x; on "
        f"{engine} {a.predicted_s / b.predicted_s:.1f} times is predicted, of "
        f"{a.macs / b.macs:.1f} times the MACs ({shares} covered)."
    )


if __name__ == "__main__":
    main("--again" in sys.argv[1:])
