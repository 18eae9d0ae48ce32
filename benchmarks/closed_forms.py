"""Derive the closed form of models of other people's libraries, then write reports/closed_forms.md.

`python -m benchmarks.closed_forms`: 200 models of images over height, width and batch, and 20 of
tokens over length and batch; each formula is set beside traces at 20 sizes drawn from its domain.
Results are kept in build/closed_forms.jsonl as they come, and a second run takes up where the first
stopped; `--fresh` starts anew.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median

from shufflenet_flops.closed_form.built import built_for_size
from shufflenet_flops.closed_form.derive import derive
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.questions import overtakings
from shufflenet_flops.closed_form.samples import Samples
from shufflenet_flops.closed_form.sized import SizedModel, sized
from shufflenet_flops.closed_form.writing import PEOPLE, written
from shufflenet_flops.environment import environment
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.report.view.model_formula import parts_of
from shufflenet_flops.sources import Options
from tests.support.torchvision_ops import declare

RESULTS = Path("build/closed_forms.jsonl")
REPORT = Path("reports/closed_forms.md")
SIZES = 20  # at which each formula is checked
TIMM, TORCHVISION = 160, 40
TOKENS = """
    albert bart bert bloom deberta-v2 distilbert electra falcon gemma gpt2 gpt_neo gpt_neox llama
    mistral opt phi qwen2 roberta t5 xlnet
    """.split()


@dataclass(frozen=True)
class Result:
    """What came of one model; `error` is why it has no formula.

    `how` tells how the model comes to other sizes; `exact` counts the sizes, of SIZES, at which the
    formula is what a trace has; `cost` is the processor time to derive it over that of one of
    these traces, the model built for its size where it must be; `again` the same over that of a
    trace at its own size, which was traced before, and so takes less. `cases` are its formulas, one
    for each side of what it asks of its sizes. `crossing` is the length from which on attention's
    products are more than the rest, and `crossed` whether traces before and at it say so.
    """

    model: str
    over: str
    domain: tuple[str, ...] = ()
    formula: str = ""
    exact: int = 0
    wrong: tuple[str, ...] = ()
    traces: int = 0
    cost: float = 0.0
    again: float = 0.0
    cases: int = 1
    how: str = ""
    refused: str = ""
    crossing: int | None = None
    crossed: bool | None = None
    error: str = ""


def main() -> None:
    """Derive what has no result yet, then write the report on all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        RESULTS.unlink(missing_ok=True)
    done = {result.model for result in _saved()}
    with RESULTS.open("a") as file:
        for name, over in _models():
            if name not in done:
                file.write(json.dumps(asdict(_result(name, over))) + "\n")
                file.flush()
    REPORT.write_text(_report(_saved()))


def _models() -> Iterator[tuple[str, str]]:
    declare()
    import timm
    from torchvision import models

    random = Random(7)
    of_timm = random.sample(timm.list_models(), TIMM)
    of_torchvision = random.sample(models.list_models(models), TORCHVISION)
    yield from ((f"timm:{name}", "hwn") for name in sorted(of_timm))
    yield from ((f"torchvision:{name}", "hwn") for name in sorted(of_torchvision))
    yield from ((f"transformers:{name}", "sn") for name in TOKENS)


def _saved() -> list[Result]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return [Result(**json.loads(line)) for line in lines]


def _result(name: str, over: str) -> Result:
    try:
        model = sized(name, Options())
        _ = model.at(model.base).counted
        start = time.process_time()
        found = derive(model, dict.fromkeys(over))
        spent = time.process_time() - start
    except ShufflenetFlopsError as error:
        return Result(name, over, error=str(error))
    return _checked(model, found, Result(name, over), spent)


def _checked(model: SizedModel, found: ModelFormula, result: Result, spent: float) -> Result:
    """The result with the formula and what traces say of it."""
    samples, exact, wrong, times = Samples(model, found.own), 0, [], []
    if found.how:
        built = built_for_size(model, model.rows_at(found.own))
        assert built is not None
        model = built
    for case in islice(cycle(found.cases), SIZES):
        sizes = samples.draw(case.domain)
        start = time.process_time()
        try:
            traced = sum(row.macs for row in model.rows_at(sizes))
        except ShufflenetFlopsError as error:
            wrong.append(f"{sizes}: {error}")
            continue
        times.append(time.process_time() - start)
        exact += traced == found.value(sizes)
        if traced != found.value(sizes):
            wrong.append(f"{sizes}: {traced} and not {found.value(sizes)}")
    again = median(_seconds_again(model, found) for _ in range(3))
    crossing, crossed = (None, None) if "s" not in found.domain.ranges else _crossing(model, found)
    return Result(
        result.model,
        result.over,
        tuple(found.domain.texts),
        written(found.expression, PEOPLE),
        exact,
        tuple(wrong),
        found.traces,
        round(spent / median(times), 1) if times else 0.0,
        round(spent / again, 1),
        len(found.cases),
        found.how,
        found.refused,
        crossing,
        crossed,
    )


def _seconds_again(model: SizedModel, found: ModelFormula) -> float:
    start = time.process_time()
    model.rows_at(found.own)
    return time.process_time() - start


def _crossing(model: SizedModel, found: ModelFormula) -> tuple[int | None, bool | None]:
    changes = overtakings(parts_of(found, "kind"), found.domain, "s", {"s": 1, "n": 1})
    lengths = [change.at for change in changes if change.after == "matmul"]
    if not lengths:
        return None, None
    more = []
    for length in (lengths[0] - 1, lengths[0]):
        try:
            rows = model.rows_at({"s": length, "n": 1})
        except ShufflenetFlopsError:
            return lengths[0], None  # longer than the model takes
        macs = Counter[str]()
        for row in rows:
            macs[row.kind] += row.macs
        products = macs.pop("matmul", 0)
        more.append(products > max(macs.values()))
    return lengths[0], more == [False, True]


def _report(results: list[Result]) -> str:
    images = [result for result in results if result.over == "hwn"]
    tokens = [result for result in results if result.over == "sn"]
    found = [result for result in results if not result.error]
    costs = [result.cost for result in found]
    lines = [
        "# Closed forms of other people's models",
        "",
        "`python -m benchmarks.closed_forms` derives the MACs of each model as a formula in its "
        f"sizes, and sets it beside traces at {SIZES} sizes drawn from its domain. Of "
        f"timm {version('timm')}, torchvision {version('torchvision')} and "
        f"transformers {version('transformers')}, drawn by chance; processor time on "
        f"{environment().cpu}.",
        "",
        "| models | number | over all sizes | of these built for each size | over the batch alone "
        "| none | exact at all sizes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        _counted("images, over height, width and batch", images),
        _counted("tokens, over length and batch", tokens),
        "",
        f"A formula takes {median(result.traces for result in found):.0f} traces in the median "
        f"and {max(result.traces for result in found)} at most, 15 or fewer for "
        f"{sum(result.traces <= 15 for result in found)} of {len(found)} models, and the time of "
        f"{median(costs):.0f} traces at new sizes in the median, of 15 or fewer for "
        f"{sum(cost <= 15 for cost in costs)} and of {max(costs):.0f} at most. A trace at a size "
        "that was traced before takes less, as what its ops do is known: of such, the time is that "
        f"of {median(result.again for result in found):.0f} in the median. A model that "
        "refuses other sizes than its own is built for each, where its factory has an argument "
        f"for it, as img_size. {sum(result.cases > 1 for result in found)} models do other things "
        "at some sizes than at others, and have a formula for each.",
        "",
        "## What is not over all sizes, or not exact",
        "",
        "| model | domain | why |",
        "| --- | --- | --- |",
    ]
    for result in results:
        why = result.error or "; ".join(result.wrong) or result.refused
        if result.error or result.wrong or _is_fixed(result):
            lines.append(f"| {result.model} | {'; '.join(result.domain) or '–'} | {_cell(why)} |")
    lines += ["", "## Tokens", "", "| model | MACs = | attention's products lead from | traced |"]
    lines.append("| --- | --- | ---: | --- |")
    said = {True: "yes", False: "NO", None: "–"}
    for result in tokens:
        at = "–" if result.crossing is None else f"{result.crossing:,}"
        lines.append(f"| {result.model} | {result.formula} | {at} | {said[result.crossed]} |")
    return "\n".join(lines) + "\n"


def _counted(title: str, results: list[Result]) -> str:
    none = sum(bool(result.error) for result in results)
    fixed = sum(_is_fixed(result) for result in results)
    exact = sum(result.exact == SIZES for result in results)
    built = sum(bool(result.how) for result in results)
    over_all = len(results) - none - fixed
    return f"| {title} | {len(results)} | {over_all} | {built} | {fixed} | {none} | {exact} |"


def _is_fixed(result: Result) -> bool:
    """Whether a size is one number; squares, of which h = w, are of every size."""
    return any(rule.partition(" = ")[2].isdigit() for rule in result.domain)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:200]


if __name__ == "__main__":
    main()
