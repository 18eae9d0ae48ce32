"""Every model of timm on the meta device: our MACs against torch's own counter.

Results are kept in build/coverage.jsonl as they come, and a second run takes up where the first
stopped; `--fresh` starts anew. The report is reports/coverage.md.
"""

from __future__ import annotations

import argparse
import json
import signal
import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace.trace import trace
from tests.support import torchvision_ops

RESULTS = Path("build/coverage.jsonl")
REPORT = Path("reports/coverage.md")
LIMIT_S = 120

Status = Literal["equal", "differs", "not counted", "not built", "no reference"]
MEANING: dict[Status, str] = {
    "equal": "our MACs are half of torch's FLOPs",
    "differs": "both counted, and disagree",
    "not counted": "torch counts it, we do not",
    "not built": "`timm.create_model` fails on the meta device",
    "no reference": "torch's counter fails on the meta device",
}


@dataclass(frozen=True)
class Result:
    """One model: MACs by us and by torch (None where that failed), and why it is not equal."""

    model: str
    status: Status
    macs: int | None = None
    torch_macs: int | None = None
    reason: str = ""
    unknown_ops: dict[str, int] = field(default_factory=dict)
    real_forward: bool = False


def check(name: str) -> Result:
    """Build one model on the meta device and count it twice, within the time limit."""
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(LIMIT_S)
    try:
        return _check(name)
    except Exception as error:
        return Result(name, "not built", reason=_line(error))
    finally:
        signal.alarm(0)


def _check(name: str) -> Result:
    torchvision_ops.declare()
    import timm

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        # torch's counter stumbles over parameters that want gradients in a forward without them.
        model = timm.create_model(name, pretrained=False).eval().requires_grad_(False)
    x = torch.empty((1, *model.pretrained_cfg["input_size"]), device="meta")
    reference, why_none = _torch_macs(model, x)
    try:
        traced = trace(model, x)
    except ModelError as error:
        status: Status = "no reference" if reference is None else "not counted"
        return Result(name, status, None, reference, f"{error}; torch: {why_none or 'counted'}")
    facts = (traced.table.macs, reference)
    rest = (dict(traced.unknown_ops), traced.real_forward)
    if reference is None:
        return Result(name, "no reference", *facts, why_none, *rest)
    if traced.table.macs != reference:
        return Result(name, "differs", *facts, "", *rest)
    return Result(name, "equal", *facts, "", *rest)


def _torch_macs(model: nn.Module, x: Tensor) -> tuple[int | None, str]:
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as mode:
            model(x)
    except TimeoutError:
        raise
    except Exception as error:
        return None, _line(error)
    flops = mode.get_total_flops()
    assert flops % 2 == 0
    return flops // 2, ""


def _out_of_time(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {LIMIT_S} s")


def _line(error: Exception) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"


def report(results: Iterable[Result]) -> str:
    """The Markdown report: counts by status, every model that is not equal, unknown ops."""
    results = sorted(results, key=lambda result: result.model)
    statuses = Counter(result.status for result in results)
    built = len(results) - statuses["not built"]
    comparable = built - statuses["no reference"]
    share = f"{statuses['equal'] / comparable:.2%}" if comparable else "none"
    unknown: Counter[str] = Counter()
    for result in results:
        unknown.update(result.unknown_ops)
    lines = [
        "# Coverage: every model of timm",
        "",
        f"timm {version('timm')}, torch {version('torch')}: each model built on the meta device at",
        "its own input size, counted by our tracer and by `torch.utils.flop_counter`, also on the",
        "meta device. There scaled-dot-product attention runs as the two matrix products it is, so",
        "torch counts it too (on CPU tensors its counter gives a fused attention 0). Made by",
        "`python -m benchmarks.coverage_timm`.",
        "",
        "| | models | meaning |",
        "| :--- | ---: | :--- |",
        *(f"| {status} | {statuses[status]:,} | {text} |" for status, text in MEANING.items()),
        f"| all | {len(results):,} | |",
        "",
        f"Of the {comparable:,} models that build on the meta device and that torch can count "
        f"there, {share} are equal and {statuses['differs']} wrong. Of all {built:,} that build, "
        f"{sum(result.macs is not None for result in results):,} are counted.",
        "",
        "Ops without a rule: "
        + (", ".join(f"`{op}` ({n:,} calls)" for op, n in unknown.most_common()) or "none")
        + ".",
        "",
    ]
    rest = [result for result in results if result.status != "equal"]
    if rest:
        lines += [
            "## Not equal",
            "",
            "| model | | ours | torch ÷ 2 | reason |",
            "| :--- | :--- | ---: | ---: | :--- |",
            *(
                f"| {result.model} | {result.status} | {_figure(result.macs)} "
                f"| {_figure(result.torch_macs)} | {result.reason.replace('|', '/')} |"
                for result in rest
            ),
            "",
        ]
    return "\n".join(lines)


def _figure(macs: int | None) -> str:
    return "" if macs is None else f"{macs:,}"


def main() -> None:
    """Count every model that has no result yet, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*", help="glob of models, such as 'vit*'")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args()
    torchvision_ops.declare()
    import timm

    RESULTS.parent.mkdir(exist_ok=True)
    if options.fresh:
        RESULTS.unlink(missing_ok=True)
    RESULTS.touch()
    results = [Result(**json.loads(line)) for line in RESULTS.read_text().splitlines()]
    done = {result.model for result in results}
    names = [name for name in timm.list_models(options.pattern) if name not in done]
    with ProcessPoolExecutor(options.workers) as pool, RESULTS.open("a") as file:
        for result in pool.map(check, names):
            results.append(result)
            file.write(json.dumps(asdict(result)) + "\n")
            file.flush()
            if result.status != "equal" or result.unknown_ops:
                print(result, flush=True)
    REPORT.write_text(report(results))


if __name__ == "__main__":
    main()
