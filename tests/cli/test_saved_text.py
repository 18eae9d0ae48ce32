"""Every command's text can be had again from its JSON: nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.counting import find_convention
from shufflenet_flops.files.saved_file import Saved, load
from shufflenet_flops.report.document import Document, Verdicts
from shufflenet_flops.report.format.registry import RESULTS, VERDICTS, formats
from shufflenet_flops.report.grid import Grid
from shufflenet_flops.report.sections import section_of

SMALL = ("--input", "1x3x64x64")
QUICK = ("--runs", "5", "--quiet")


def count(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.counting.result import CountResult
    from shufflenet_flops.report.view.count import count_grids

    (result,) = saved.typed(CountResult)
    return count_grids(result, find_convention(str(saved.convention)), "layer")


def compare(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.comparison import Comparison
    from shufflenet_flops.report.view.compare import compare_grid

    return [compare_grid(saved.typed(Comparison))]


def explain(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.counters.explain import Explanation
    from shufflenet_flops.report.view.explain import explain_grids

    (explanation,) = saved.typed(Explanation)
    return explain_grids(explanation)


def named(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.counters.explain import NamedNumber
    from shufflenet_flops.report.view.explain import match_grid

    (number,) = saved.typed(NamedNumber)
    return [match_grid(number)]


def formula(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.formula import FormulaResult, formula_grids

    return formula_grids(saved.typed(FormulaResult))


def model_formula(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.model_formula import ModelFormulaResult, model_formula_grids

    return model_formula_grids(saved.typed(ModelFormulaResult))


def ratio(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.ratio import RatioResult, ratio_grid

    return [ratio_grid(saved.typed(RatioResult))]


def paper(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.paper import CellResult
    from shufflenet_flops.report.view.paper import by_table, table_grids

    return table_grids(by_table(saved.typed(CellResult)), alternatives=True)


def latency(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.latency.measure import Timing
    from shufflenet_flops.latency.warnings import warnings_about
    from shufflenet_flops.report.section import measured_on
    from shufflenet_flops.report.view.latency import latencies, latency_grids
    from shufflenet_flops.report.view.roofline import layer_grids

    rows = saved.typed(Timing)
    doubts = warnings_about(latencies(rows))
    return [*layer_grids(rows), *latency_grids(rows, measured_on(saved.environment), doubts)]


def report(saved: Saved) -> Sequence[Grid]:
    return section_of(saved).grids


def fit(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.fit import FitResult, fit_grid

    return [fit_grid(saved.typed(FitResult), saved.notes)]


def sweep(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.sweep import SweepResult, sweep_grid

    (result,) = saved.typed(SweepResult)
    return [sweep_grid(result)]


def shuffle(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.shuffle import ShuffleResult, shuffle_grids

    (result,) = saved.typed(ShuffleResult)
    return shuffle_grids(result, saved.environment)


def models(saved: Saved) -> Sequence[Grid]:
    from shufflenet_flops.report.view.models import ModelResult, models_grids

    return models_grids(saved.typed(ModelResult), families=True)


@pytest.mark.parametrize(
    ("grids", "arguments"),
    [
        (count, ("count", "shufflenet_v1_x0_25_g3", "--by", "layer", "--convention", "thop")),
        (count, ("count", "torch.nn:ReLU", "--by", "layer", "--input", "1x3x8x8")),
        (compare, ("compare", "--runs", "5", "--quiet")),
        (compare, ("compare", "shufflenet_v1_x0_25_g3", "resnet18", "--no-latency", *SMALL)),
        (explain, ("explain", "shufflenet_v1_x0_25_g3", *SMALL)),
        (named, ("explain", "shufflenet_v1_x0_25_g3", "--reported", "12345678", *SMALL)),
        (formula, ("formula", "--unit", "shufflenet", "--c", "240", "--wrt", "g")),
        (formula, ("formula", "shufflenet_v1", "--metric", "params")),
        (model_formula, ("formula", "torch.nn:ReLU", "--metric", "memory", "--at", "h=320")),
        (ratio, ("formula", "--over", "resnet", "--c", "240", "--m", "60")),
        (paper, ("paper", "shufflenet_v1_table_1", "--alternatives")),
        (latency, ("latency", "shufflenet_v1_x0_25_g3", "--engine", "eager", "--roofline", *QUICK)),
        (report, ("paper", "fit-table-4")),
        (report, ("paper", "fit-table-4", "--stem", "24")),
        (fit, ("fit", "shufflenet_v1", "resnet", "--macs", "140M", "--g", "1,3,500")),
        (sweep, ("sweep", "--c", "64:256:16", "--g", "1,2,4", "--quiet")),
        (sweep, ("sweep", "--c", "240", "--g", "7,11", "--quiet", "--where", "macs < 1")),
        (shuffle, ("shuffle", "--g", "3", "--n", "4", "--seed", "7")),
        (shuffle, ("shuffle", "--g", "3", "--cost", "--engine", "eager", "--runs", "5", "--quiet")),
        (models, ("models",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value.__name__,
)
def test_text_from_saved_results(
    grids: Callable[[Saved], Sequence[Grid]], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """The same as the command printed, to the last sign."""
    files = [tmp_path / "saved.json", tmp_path / "fresh.txt"]
    code = run([*arguments, *(part for file in files for part in ("-o", str(file)))])
    saved = load(files[0].read_text(), "saved.json")
    document = Document(saved.command, saved.convention, saved.results, grids(saved))

    assert code == 0
    assert formats(RESULTS)["table"].render(document) == files[1].read_text()


def test_text_of_two_runs_from_saved_results(tmp_path: Path) -> None:
    """With the rows of one run alone, and what differs between the two environments."""
    runs = [tmp_path / "old.json", tmp_path / "new.json"]
    for file, models in zip(
        runs, (["shufflenet_unit"], ["shufflenet_unit", "conv_unit"]), strict=True
    ):
        assert run(["latency", *models, "--engine", "eager", *QUICK, "-o", str(file)]) == 0
    data = json.loads(runs[1].read_text())
    data["environment"]["cores"] = 1000
    runs[1].write_text(json.dumps(data))
    files = [tmp_path / "saved.json", tmp_path / "fresh.txt"]
    outputs = [part for file in files for part in ("-o", str(file))]
    assert run(["latency-diff", *map(str, runs), *outputs]) == 0
    saved = load(files[0].read_text(), "saved.json")
    document = Document(saved.command, saved.convention, saved.results, report(saved))
    text = files[1].read_text()

    assert formats(RESULTS)["table"].render(document) == text
    assert "in one run only: conv_unit on eager" in text
    assert "→ 1000" in text


@pytest.mark.parametrize("command", ["check", "diff"])
def test_verdicts_from_saved_results(command: str, tmp_path: Path) -> None:
    """With the layers behind what failed."""
    from shufflenet_flops.budget.verdict import Report, Verdict

    budget = '[[budget]]\nmodel = "resnet18"\nmacs = "1 G"\nreason = "because"\n'
    (tmp_path / "flop-budget.toml").write_text(f"schema = 1\n{budget}")
    arguments = ["check", "--config", str(tmp_path / "flop-budget.toml")]
    if command == "diff":
        for name in ("resnet18", "resnet34"):
            assert run(["count", name, "-o", str(tmp_path / f"{name}.json")]) == 0
        arguments = ["diff", *(str(tmp_path / f"resnet{depth}.json") for depth in (18, 34))]
    files = [tmp_path / "saved.json", tmp_path / "fresh.txt", tmp_path / "fresh.md"]
    assert run([*arguments, *(part for file in files for part in ("-o", str(file)))]) == 1
    saved = load(files[0].read_text(), "saved.json")
    verdicts = Verdicts(command, "FLOP budget", Report(saved.typed(Verdict)))

    assert formats(VERDICTS)["text"].render(verdicts) == files[1].read_text()
    if command == "check":
        assert formats(VERDICTS)["markdown"].render(verdicts) == files[2].read_text()
