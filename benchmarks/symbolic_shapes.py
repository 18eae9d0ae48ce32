"""Set a second witness beside closed forms: a pass on symbolic shapes.

`python -m benchmarks.symbolic_shapes` writes reports/symbolic_shapes.md: torch runs each model on
shapes of symbols, and the rules of the trace count every op of it; the sum is an expression that
torch's own symbolic integers made, where the closed form was found from traces at numbers. Both are
evaluated at random sizes. `--model NAME` prints what comes of one model, as JSON; each runs in a
process of its own, which has a limit of processor time, as what torch knows of symbols can grow
without end. Results are kept in build/symbolic_shapes.jsonl as they come, and a second run takes up
where the first stopped; `--fresh` starts anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import sympy
import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import (
    DimDynamic,
    ShapeEnv,
    StatelessSymbolicContext,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from shufflenet_flops.closed_form.derive import derive
from shufflenet_flops.closed_form.sized import sized
from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.environment import environment
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.sources import Options
from shufflenet_flops.trace.arguments import in_order
from shufflenet_flops.trace.rules import FORMULAS, Context
from tests.support.torchvision_ops import declare

RESULTS = Path("build/symbolic_shapes.jsonl")
REPORT = Path("reports/symbolic_shapes.md")
LIMIT_S = 60
SIZES = 5
MODELS = """
    torchvision:resnet50 torchvision:mobilenet_v2 torchvision:shufflenet_v2_x1_0 torchvision:vgg16
    torchvision:densenet121 torchvision:swin_t timm:convnext_atto timm:efficientnet_b0
    timm:mobilenetv3_large_100 timm:regnety_004 timm:mobilevit_s timm:efficientvit_m3
    """.split()


@dataclass(frozen=True)
class Outcome:
    """What came of one model; times in seconds of a processor.

    `exact` of SIZES are those at which both give the same. `error` is why there is no sum of
    symbols, `no_formula` why none was found from traces.
    """

    model: str
    trace_s: float = 0.0
    derived_s: float = 0.0
    traces: int = 0
    no_formula: str = ""
    symbolic_s: float = 0.0
    guards: int = 0
    exact: int = 0
    error: str = ""


class Counter(TorchDispatchMode):
    """Adds up the multiply-accumulates of every op, which are symbols where its shapes are."""

    def __init__(self) -> None:
        super().__init__()
        self.macs: Any = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = FORMULAS.get(func.overloadpacket)
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        if formula is not None and tensors:
            counts = formula(in_order(func, args, kwargs or {}), tensors[0], Context()).counts
            self.macs += sum(count for op, count in counts.items() if op in MAC_CLASSES)
        return out


def symbolic_macs(module: nn.Module, shape: tuple[int, ...]) -> tuple[Any, ShapeEnv]:
    """The MACs of a module on images, for sympy, in symbols named n, h and w; and its guards."""
    env = ShapeEnv()
    mode = FakeTensorMode(shape_env=env, allow_non_fake_inputs=True)
    free = [DimDynamic.STATIC if axis == 1 else DimDynamic.DYNAMIC for axis in range(4)]
    x = mode.from_tensor(
        torch.empty(shape), symbolic_context=StatelessSymbolicContext(dynamic_sizes=free)
    )
    # The counter is the outermost: it sees stand-ins of symbols, and what torch makes of them.
    with torch.no_grad(), enable_python_dispatcher(), mode, Counter() as counter:
        module(x)
    names = {
        x.shape[axis].node.expr: sympy.Symbol(name) for axis, name in ((0, "n"), (2, "h"), (3, "w"))
    }
    macs = counter.macs
    return (macs.node.expr.xreplace(names) if isinstance(macs, torch.SymInt) else macs), env


def outcomes(name: str) -> Iterator[Outcome]:
    """What the traces of a model come to, and then the same with the sum of symbols beside it."""
    declare()
    model = sized(name, Options())
    _ = model.rows_at(model.base)
    start = time.process_time()
    _ = model.rows_at(model.base)
    trace_s = time.process_time() - start
    try:
        found = derive(model, dict.fromkeys("hwn"))
    except ShufflenetFlopsError as error:
        yield Outcome(name, round(trace_s, 4), no_formula=str(error))
        return
    derived_s = time.process_time() - start - trace_s
    of_traces = Outcome(name, round(trace_s, 4), round(derived_s, 3), found.traces)
    yield of_traces
    module = model.source.module().eval()
    start = time.process_time()
    try:
        expression, env = symbolic_macs(module, (2, 3, model.base["h"], model.base["w"] + 32))
    except Exception as error:  # whatever torch raises is the answer
        why = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        yield replace(of_traces, error=why)
        return
    symbolic_s = time.process_time() - start
    random = Random(1)
    exact = 0
    for _ in range(SIZES):
        sizes = {
            "h": random.randint(224, 640),
            "w": random.randint(224, 640),
            "n": random.randint(2, 9),
        }
        exact += int(expression.subs(sizes)) == found.value(sizes)
    yield replace(of_traces, symbolic_s=round(symbolic_s, 3), guards=len(env.guards), exact=exact)


def main() -> None:
    """Each model that has no result yet, in a process of its own, then the report on all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="print the outcome of this one")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    asked = parser.parse_args()
    if asked.model:
        for outcome in outcomes(asked.model):
            print(json.dumps(asdict(outcome)), flush=True)
        return
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    if asked.fresh:
        RESULTS.unlink(missing_ok=True)
    done = {outcome.model for outcome in _saved()}
    with RESULTS.open("a") as file:
        for name in MODELS:
            if name not in done:
                file.write(json.dumps(asdict(_in_process(name))) + "\n")
                file.flush()
    REPORT.write_text(_report(_saved()))


def _saved() -> list[Outcome]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return [Outcome(**json.loads(line)) for line in lines]


def _in_process(name: str) -> Outcome:
    """What it has told in its time; the traces come first, and take least."""
    command = [sys.executable, "-m", "benchmarks.symbolic_shapes", "--model", name]
    limit = (LIMIT_S, LIMIT_S)
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, limit),
    )
    lines = ran.stdout.splitlines()
    outcome = Outcome(**json.loads(lines[-1])) if lines else Outcome(name, no_formula="none yet")
    if not ran.returncode:
        return outcome
    if ran.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        why = f"not done after {LIMIT_S} s of a processor, traces and all"
    else:
        why = f"its process ended with {ran.returncode}"
    return replace(outcome, error=why)


def _report(outcomes: list[Outcome]) -> str:
    both = [one for one in outcomes if not (one.error or one.no_formula)]
    lines = [
        "# Closed forms beside symbolic shapes",
        "",
        "`python -m benchmarks.symbolic_shapes` runs each model on shapes of symbols, and counts "
        "every op by the trace's rules; the sum is set beside the closed form that was found from "
        f"traces, at {SIZES} random sizes. Guards are what torch had to assume of the symbols: "
        "where they do not hold, as of sizes that another stride divides, the sum may be of "
        "something else. The ratio is of processor time, that of one pass on symbols over that of "
        "all traces that the closed form took, on "
        f"{environment().cpu} with torch {torch.__version__}.",
        "",
        f"Symbols came to an end for {len(both)} of {len(outcomes)} models, and gave the same "
        f"figures at all sizes for {sum(one.exact == SIZES for one in both)} of these; traces for "
        f"{sum(not one.no_formula for one in outcomes)}.",
        "",
        "| model | traces | guards | symbols over traces | the same |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for one in outcomes:
        symbolic = f"{one.guards} | {one.symbolic_s / one.derived_s:.0f}" if one.guards else "– | –"
        same = one.no_formula or one.error or f"at {one.exact} of {SIZES} sizes"
        lines.append(f"| {one.model} | {one.traces or '–'} | {symbolic} | {same} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
