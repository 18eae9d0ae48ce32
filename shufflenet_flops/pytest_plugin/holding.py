"""What a mark or a test asks of a count: limits, as in a budget file, and how a test fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from shufflenet_flops.budget.block import Block
    from shufflenet_flops.budget.verdict import Verdict
    from shufflenet_flops.sources import Source

NAME = "flops"
MEASURED = "flops_measured"
_OPTIONS = ("input", "model", "convention")


def hold_model(item: pytest.Item, mark: pytest.Mark, name: str, model: Any) -> None:
    """Count a model on the mark's input. Fails the test where it is over a limit."""
    __tracebackhide__ = True
    from torch import nn

    from shufflenet_flops.budget.block import block
    from shufflenet_flops.budget.parse import parse_inputs
    from shufflenet_flops.counting import find_convention
    from shufflenet_flops.errors import ShufflenetFlopsError
    from shufflenet_flops.sources import Counted
    from shufflenet_flops.sources.torch_modules.given import find
    from shufflenet_flops.trace.trace import trace

    limits = limits_of(mark.args, mark.kwargs)
    try:
        if "input" not in mark.kwargs:
            raise pytest.UsageError(f"flops: {name} needs an input, as in input=(1, 3, 224, 224)")
        given = mark.kwargs["input"]
        inputs = parse_inputs(list(given) if isinstance(given, tuple) else given)
        convention = find_convention(mark.kwargs.get("convention", "paper"))
        module = model if isinstance(model, nn.Module) else model()
        if not isinstance(module, nn.Module):
            raise pytest.UsageError(f"flops: {name} gives a {type(module).__name__}, not a module")
        found = trace(module, *(one.example(real=False) for one in inputs))
    except ShufflenetFlopsError as error:
        pytest.fail(f"{name}: {error}", pytrace=False)
    counted = Counted(found.table, found.params, found.unknown_ops)
    hold(block(name, inputs, {}, convention, counted), limits, item, find(module, inputs))


def limits_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a mark by metric. Raises UsageError for what is none."""
    limits = {key: value for key, value in kwargs.items() if key not in _OPTIONS}
    if len(args) > 1:
        raise pytest.UsageError(f"flops: one limit stands without a name, not {len(args)}")
    if args:
        is_flops = isinstance(args[0], str) and args[0].rstrip("s").endswith("FLOP")
        limits.setdefault(NAME if is_flops else "macs", args[0])
    if not limits:
        raise pytest.UsageError('flops: give a limit, as in flops("140 M") or params="2 M"')
    return limits


def hold(
    block: Block,
    limits: Mapping[str, Any],
    item: pytest.Item | None = None,
    source: Source | None = None,
) -> None:
    """Fail with the heaviest layers of each metric that is over its limit.

    Peak memory and a training step are worked out from the `source` of a model on an input.
    """
    __tracebackhide__ = True
    from shufflenet_flops.budget.check import hold as verdict_on
    from shufflenet_flops.budget.guard import GUARDED
    from shufflenet_flops.budget.limit import SHORT, parse_limit
    from shufflenet_flops.budget.parse import counts_in
    from shufflenet_flops.budget.unlocked import UNLOCKED, judge_unlocked
    from shufflenet_flops.counting import find_convention
    from shufflenet_flops.errors import InputError, UnknownNameError

    if item:
        note(item, block)
    verdicts = []
    for key, value in limits.items():
        metric = SHORT.get(key, key)
        try:
            if metric not in (*GUARDED, *UNLOCKED):
                raise UnknownNameError("limit", key, (*GUARDED, *UNLOCKED, *SHORT, *_OPTIONS))
            if metric in UNLOCKED:
                if source is None:
                    raise InputError("needs a model's input, as in input=(1, 3, 224, 224)")
                verdicts.append(judge_unlocked(source, block, parse_limit(metric, value)))
                continue
            if not counts_in(find_convention(block.convention), metric):
                raise InputError(f"convention {block.convention} counts {block.unit}")
            verdicts.append(verdict_on(block, None, parse_limit(metric, value)))
        except (InputError, UnknownNameError) as error:
            raise pytest.UsageError(f"flops: {key}: {error}") from None
    if broken := [verdict for verdict in verdicts if not verdict.passed]:
        pytest.fail("\n".join(map(_told, broken)), pytrace=False)


def _told(verdict: Verdict) -> str:
    from shufflenet_flops.errors import inert, one_line
    from shufflenet_flops.report.view.budget import layer_lines

    convention = f" ({verdict.convention})" if verdict.convention else ""
    head = one_line(f"{verdict.model}: {verdict.metric} {verdict.message}{convention}")
    return inert("\n".join((head, *(f"  {line}" for line in layer_lines(verdict)))))


def note(item: pytest.Item, block: Block) -> None:
    """Keep what was counted with the test's report, for `--flops-report` and for JUnit."""
    figures = {"model": block.name, block.unit: block.count, "params": block.params}
    item.user_properties.append((MEASURED, figures))
