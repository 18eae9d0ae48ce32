"""Measure what is missing, then write reports/prediction.md and its figures.

`python -m benchmarks.prediction [ENGINE...]` measures these, all by default; what was measured of
the others is taken from beside the report, and with --again of all. Times are saved in
build/prediction as they come, so that a run that was cut short goes on where it stopped. When all
are there they are moved beside the report.

A calibration that lies beside the report comes before the package's, and an engine of which the
package has none is measured where there is one: from `calibrate --engine NAME -o
reports/prediction/NAME-calibration.json.xz`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.prediction import report
from benchmarks.prediction.held_out import networks_of
from benchmarks.prediction.measured import FOLDER, load, measure
from benchmarks.prediction.predicted import BESIDE, CALIBRATION, calibration_of, tested
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.shipped import SHIPPED
from shufflenet_flops.report.format.markdown import markdown
from shufflenet_flops.report.plot.figure import image
from shufflenet_flops.sources import Options, parse_input, resolve
from tests.support import torchvision_ops

PATH = Path("reports/prediction.md")


def main() -> None:
    """Measure on every engine that has a calibration, unless told otherwise, and report."""
    shipped = [path.name.partition(".")[0] for path in SHIPPED.iterdir()]
    beside = [path.name.removesuffix(CALIBRATION) for path in BESIDE.glob(f"*{CALIBRATION}")]
    engines = list(dict.fromkeys((*sorted(shipped), *sorted(beside))))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=", ".join(engines))
    parser.add_argument("--again", action="store_true", help="measure none")
    options = parser.parse_args()
    torchvision_ops.declare()
    anew = [] if options.again else options.engines or engines
    truths = [
        measure(engine, networks_of(engine)) if engine in anew else load(BESIDE / f"{engine}.json")
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
        "tables and a calibration: of an engine that has one in `reports/prediction` from that, "
        "else from the one that comes with the package. They are of several machines, named at the "
        "end. What they learn from was chosen by such networks, so none of them is new to it "
        "(`docs/predict.md`). Written by `make reports-prediction`.",
        *(f"- {sentence}" for sentence in report.findings(tests)),
        *(f"![{test.truth.engine}](prediction/{test.truth.engine}.svg)" for test in tests),
        markdown(report.grids(tests)),
        markdown(report.guideline_grids(tests)),
        *(f"- {sentence}" for sentence in map(_claim, engines)),
        *report.stamps(tests),
    ]
    PATH.write_text("\n\n".join(parts) + "\n")
    for engine in anew:
        (FOLDER / f"{engine}.json").replace(BESIDE / f"{engine}.json")


def _claim(engine: str) -> str:
    """The paper's "13x": AlexNet over ShuffleNet 0.5x, as predicted."""
    predictor = Predictor(calibration_of(engine))
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
    main()
