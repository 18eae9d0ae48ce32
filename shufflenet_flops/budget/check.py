"""Hold models against their limits, and against the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.budget import diff
from shufflenet_flops.budget import lock as locks
from shufflenet_flops.budget.against import hold_against
from shufflenet_flops.budget.block import Block, Lock
from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.count import ModelCounts, Subject, lock_of, looked_at
from shufflenet_flops.budget.git import find_base
from shufflenet_flops.budget.layers import amount, describe
from shufflenet_flops.budget.limit import LIMITED, Limit, ceiling_for
from shufflenet_flops.budget.load import load
from shufflenet_flops.budget.predicting import NONE, Predictions, predict_models
from shufflenet_flops.budget.timing import Timings, time_models
from shufflenet_flops.budget.unlocked import UNLOCKED, judge_unlocked
from shufflenet_flops.budget.verdict import Report, TopRow, Verdict, beside_ceiling, merged, unsure
from shufflenet_flops.counting.amount import figure, figures, short_form
from shufflenet_flops.counting.metric import TIME
from shufflenet_flops.errors import InputError
from shufflenet_flops.files.text_file import read_text

if TYPE_CHECKING:
    from shufflenet_flops.latency.stats import Latency

TOP = 3
ROOMY = 0.9  # a model below this share of its limit is told that the limit can drop
HELD = ("macs", "flops", "params", "lock")  # by a lock, whatever the versions
RELOCK = "if this is meant, run `shufflenet-flops lock` and commit the lock"


def check(
    config: str | Path | None = None,
    *,
    locked: bool = False,
    against: str | None = None,
    rules: Sequence[Path] = (),
) -> Report:
    """Hold every model of a budget file against its limits, and with `locked` against its lock.

    With `against`, a branch, tag or commit of the repository, also against what it was where HEAD
    left that; `base` is what the pull request that CI is looking at is to be merged into.

    `rules` are files of formulas that have been read here, for the process that counts the base.

    Without `config` it is `flop-budget.toml`, or `[tool.shufflenet-flops]` in `pyproject.toml`, of
    the current directory. Models of the zoo are counted without torch; a factory's code is run.

    Raises ConfigError with everything that is wrong in the file or its lock, InputError where there
    is none, or no such commit. A model that cannot be counted is a verdict of its own, with status
    `error`.
    """
    budgets = load(None if config is None else Path(config))
    return run(budgets, locked=locked, against=against, rules=rules)


def run(
    config: Config,
    *,
    locked: bool = False,
    against: str | None = None,
    rules: Sequence[Path] = (),
) -> Report:
    """The report on a configuration that is read already."""
    base = find_base(config.directory, against) if against is not None else None
    before = read_lock(config, needed=locked)
    counter = ModelCounts(config)
    subjects = counter.subjects()
    predictions = predict_models(config, subjects)
    verdicts = judge(config, subjects, before, time_models(counter, subjects), predictions)
    if locked:
        verdicts += judge_lock(config, subjects, before)
    named = Counter(subject.name for subject in subjects)
    once = {name for name, number in named.items() if number == 1}
    if base is None:
        return Report((*merged(verdicts, once), *_unlimited(config, subjects)))
    grown, told = hold_against(config, subjects, base, before, rules)
    return Report(tuple(merged([*verdicts, *grown], once)), told)


def _unlimited(config: Config, subjects: Sequence[Subject]) -> Iterator[Verdict]:
    """What there is to say of models that have a guard and no ceiling, where nobody asks for it."""
    for subject in subjects:
        block, entry = subject.block, subject.entry
        if block and not entry.limits:
            verdict = Verdict(
                subject.name,
                block.unit,
                "ok",
                f"{figure(block.unit, block.count)}, without a ceiling: "
                "`check --against REF` guards it",
                level=entry.level or "error",
                actual=block.count,
                convention=block.convention,
                reason=entry.reason,
                file=config.file,
                line=entry.line("model"),
            )
            if block.uncounted:
                least = f"at least {figure(block.unit, block.count)}"
                verdict = unsure(verdict, least, block.uncounted)
            yield verdict


def read_lock(config: Config, *, needed: bool) -> Lock:
    """The lock beside the configuration; none at all is empty, unless it is needed."""
    file = config.lock_file
    if not file.exists() and not needed:
        return ()
    if not file.exists():
        raise InputError(f"there is no {file}: run `shufflenet-flops lock` to write it")
    return locks.parse(str(file), read_text(file))


def judge(
    config: Config,
    subjects: Sequence[Subject],
    before: Lock,
    timings: Timings,
    predictions: Predictions = NONE,
) -> list[Verdict]:
    """A verdict for every limit. `before` is what an excess is explained by, where it has the model
    on the same input under the same convention."""
    baselines = {block.order: block for block in before}
    verdicts = []
    for subject in subjects:
        for verdict in _of_subject(subject, baselines, timings, predictions):
            key = verdict.metric if verdict.status not in ("error", "off") else "model"
            verdicts.append(
                replace(
                    verdict,
                    reason=subject.entry.reason,
                    file=config.file,
                    line=subject.entry.line(key),
                )
            )
    return verdicts


def _of_subject(
    subject: Subject,
    baselines: Mapping[tuple[str, ...], Block],
    timings: Timings,
    predictions: Predictions,
) -> Iterator[Verdict]:
    entry = subject.entry
    if entry.level == "off":
        yield Verdict(subject.name, "all", "off", "not checked: its level is off", level="off")
        return
    if subject.block is None:
        yield Verdict(subject.name, "model", "error", subject.error, hint=subject.hint)
        return
    for limit in entry.limits:
        if limit.metric in UNLOCKED and subject.source is not None:
            verdict = judge_unlocked(subject.source, subject.block, limit)
        elif limit.metric == "latency":
            verdict = _latency(subject.block, limit, timings[subject.block.order, limit])
        elif limit.metric == TIME.key:
            verdict = predictions[subject.block.order, limit]
        else:
            verdict = hold(subject.block, baselines.get(subject.block.order), limit)
        yield replace(verdict, level=entry.level_of(limit))


def hold(block: Block, before: Block | None, limit: Limit) -> Verdict:
    """The verdict on one count; `before` is what an excess is explained by, where there is one."""
    metric, ceiling = limit.metric, int(limit.value)
    actual = amount(block, metric, block.unit)
    was = amount(before, metric, before.unit) if before else None
    verdict = beside_ceiling(block.name, metric, actual, ceiling)
    verdict = replace(verdict, locked=was, convention=block.convention)
    if actual > ceiling:
        rows, more = _behind(block, before, metric)
        return replace(
            verdict,
            top_rows=rows,
            more_rows=more,
            hint=f"make it lighter, or raise `{metric}` and say why in `reason`",
        )
    if block.uncounted:
        rows, more = _behind(block, None, metric)
        least = f"at least {figures(metric, actual, ceiling)[0]}"
        verdict = replace(verdict, top_rows=rows, more_rows=more)
        return unsure(verdict, least, block.uncounted)
    if (was is not None and actual < was) or actual < ROOMY * ceiling:
        return replace(
            verdict, hint=f"the limit can drop to {short_form(metric, ceiling_for(actual))}"
        )
    return verdict


def _behind(block: Block, before: Block | None, metric: str) -> tuple[tuple[TopRow, ...], int]:
    """The layers that changed since the lock, or else those that weigh most."""
    if before is not None and before.stages != block.stages:
        return diff.ModelDiff("changed", before, block).top_rows(metric, TOP)
    weights = [(amount(layer, metric, block.unit), layer) for layer in block.all_layers]
    heaviest = sorted(filter(lambda pair: pair[0], weights), key=lambda pair: -pair[0])[:TOP]
    rows = (TopRow(layer.path, describe(layer), metric, weight, None) for weight, layer in heaviest)
    return tuple(rows), 0


def _latency(block: Block, limit: Limit, timing: Latency | str) -> Verdict:
    if isinstance(timing, str):
        return Verdict(block.name, "latency", "error", timing)
    allowed = float(limit.value)
    if timing.ratio is None:
        actual, least, unit = timing.median, timing.q1, "ms"
        shown = [f"{1e3 * value:.3g}" for value in (actual, timing.q1, timing.q3)]
        spread = f"quartiles {shown[1]} to {shown[2]}"
    else:
        actual, least, unit = timing.ratio.ratio, timing.ratio.low, f"x {limit.reference}"
        shown = [f"{value:.3g}" for value in (actual, timing.ratio.low, timing.ratio.high)]
        spread = f"{shown[1]} to {shown[2]} with 95 % confidence"
    # What the clock cannot tell apart from the limit is not over it.
    is_over = least > allowed
    return Verdict(
        block.name,
        "latency",
        "over" if is_over else "ok",
        f"{shown[0]} {unit} {_sign(actual, allowed)} {limit}, {spread}",
        actual=actual,
        limit=allowed,
        delta=actual - allowed,
        top_rows=_behind(block, None, block.unit)[0] if is_over else (),
        hint="make it faster, or raise `latency` and say why in `reason`" if is_over else "",
    )


def _sign(actual: float, allowed: float) -> str:
    return ">" if actual > allowed else "≤"


def judge_lock(config: Config, subjects: Sequence[Subject], before: Lock) -> list[Verdict]:
    """What is not as locked, both ways, of models that could be counted and are not off.

    Where a model was traced with other versions than its lock, what neither is MACs or parameters
    nor is named by a budget may be other for that alone: it warns, and fails nothing.
    """
    counted = [(subject.block.order, subject.entry) for subject in subjects if subject.block]
    entries = dict(counted)
    named = {(order, limit.metric) for order, entry in counted for limit in entry.limits}
    verdicts = []
    for model in diff.compare(looked_at(before, subjects), lock_of(subjects)):
        for verdict in diff.judge([model], words=diff.LOCKED, hint=RELOCK, top=TOP):
            if model.after:
                entry = entries[model.after.order]
                is_held = verdict.metric in HELD or (model.after.order, verdict.metric) in named
                verdict = replace(
                    verdict,
                    level=entry.level
                    or ("error" if is_held or not model.other_versions else "warn"),
                    reason=entry.reason,
                    file=config.file,
                    line=entry.line(verdict.metric if verdict.metric in LIMITED else "model"),
                )
            elif model.before:
                verdict = replace(verdict, file=str(config.lock_file), line=model.before.line)
            verdicts.append(verdict)
    return verdicts
