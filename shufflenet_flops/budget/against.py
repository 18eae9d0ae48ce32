"""Hold models against what they were at a base: how much heavier each is, by which layers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from shufflenet_flops.budget.base import BaseCount, count_base, with_layers
from shufflenet_flops.budget.block import Block, Lock
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.budget.count import Subject, lock_of, looked_at
from shufflenet_flops.budget.diff import BY_STAGE, CHANGED, ModelDiff, compare, structure
from shufflenet_flops.budget.git import Base
from shufflenet_flops.budget.guard import Guard, default_guards
from shufflenet_flops.budget.layers import amount
from shufflenet_flops.budget.verdict import Verdict, unsure
from shufflenet_flops.counting.amount import difference, figure, figures
from shufflenet_flops.errors import plural

TOP = 3


def hold_against(
    config: Config,
    subjects: Sequence[Subject],
    base: Base,
    lock: Lock = (),
    rules: Sequence[Path] = (),
) -> tuple[list[Verdict], str]:
    """The verdicts of `judge_growth` on a base, and in words where its figures are from.

    A lock has neither activations nor memory access of a layer, so where one of these broke its
    guard, that model is counted anew in the base's tree to name the layer. Raises InputError where
    the base cannot be counted.
    """
    counted = count_base(config, subjects, base, rules)
    verdicts = judge_growth(config, subjects, counted, lock)
    broken = {
        verdict.model
        for verdict in verdicts
        if verdict.status == "over" and verdict.metric in BY_STAGE
    }
    models = [
        model.before.model
        for model in compare(looked_at(counted.blocks, subjects), lock_of(subjects))
        if model.before and model.name in broken and not model.has_all
    ]
    if models:
        counted = with_layers(config, counted, list(dict.fromkeys(models)), rules)
        verdicts = judge_growth(config, subjects, counted, lock)
    return verdicts, f"against {base.short} ({base.words}), {counted.source}"


def judge_growth(
    config: Config, subjects: Sequence[Subject], base: BaseCount, lock: Lock = ()
) -> list[Verdict]:
    """A verdict for each guarded metric of each model of either side.

    Figures to which the present `lock` has a reason are accepted, however they grew.

    What is new, gone or renamed is told, and passes. A model that the base has, and that could not
    be counted there, is not comparable.
    """
    entries = {subject.block.order: subject.entry for subject in subjects if subject.block}
    accepted = {block.order: block for block in lock if block.reason}
    verdicts = []
    for model in compare(looked_at(base.blocks, subjects), lock_of(subjects)):
        entry = entries[model.after.order] if model.after else None
        reason = ""
        if model.after and accepted.get(model.after.order) == model.after:
            reason = accepted[model.after.order].reason
        for verdict in _of_model(model, entry, base):
            if verdict.status == "over" and reason:
                told = f"{verdict.message}, accepted in the lock: {reason}"
                verdict = replace(verdict, status="ok", message=told, hint=_layer(verdict))
            if verdict.status == "ok" and verdict.actual is not None and model.after:
                verdict = _as_sure_as(model.after, verdict)
            if entry:
                verdict = replace(
                    verdict,
                    level=entry.level or "error",
                    reason=entry.reason,
                    file=config.file,
                    line=entry.line("guard" if "guard" in entry.lines else "model"),
                )
            verdicts.append(verdict)
    return verdicts


def _as_sure_as(block: Block, verdict: Verdict) -> Verdict:
    """Nothing that is fine by what could be counted is fine where ops could not be."""
    return unsure(verdict, verdict.message, block.uncounted) if block.uncounted else verdict


def _of_model(model: ModelDiff, entry: Entry | None, base: BaseCount) -> Iterator[Verdict]:
    before, after, since = model.before, model.after, base.base.short
    if after is None or entry is None:
        assert before is not None  # one of the two is there
        told = f"removed since {since}, where it had {figure(before.unit, before.count)}"
        yield Verdict(model.name, "base", "ok", told, convention=before.convention)
    elif before is None:
        yield _new(after, base)
    elif model.status == "not-comparable":
        told = f"not comparable: {_terms(before)} at {since}, and now {_terms(after)}"
        yield Verdict(model.name, "base", "not-comparable", told)
    else:
        if told := model.renamed:
            same = ": the same layers" if model.status == "renamed" else ""
            told = f"{told} since {since}{same}"
            yield Verdict(model.name, "base", "ok", told, convention=after.convention)
        guards = entry.guards or default_guards(after.unit)
        for metric, of_metric in groupby(guards, lambda guard: guard.metric):
            yield _grown(model, before, after, metric, list(of_metric), since)


def _new(block: Block, base: BaseCount) -> Verdict:
    """A model that the base does not have, or that could not be counted there."""
    since = base.base.short
    if why := base.errors.get(block.name) or base.errors.get(block.model):
        return Verdict(
            block.name,
            "base",
            "not-comparable",
            f"could not be counted at {since}: {why}",
            actual=block.count,
            convention=block.convention,
            hint="mend it on the base first, or accept what it costs with a lock there",
        )
    why = base.unknown.get(block.name) or base.unknown.get(block.model) or ""
    least = "at least " if block.uncounted else ""
    return Verdict(
        block.name,
        "base",
        "ok",
        f"new since {since}: {least}{figure(block.unit, block.count)}",
        actual=block.count,
        convention=block.convention,
        hint=f"at {since}: {why}" if why else "",
    )


def _terms(block: Block) -> str:
    return f"on {' and '.join(block.inputs)} under {block.convention}"


def _grown(
    model: ModelDiff,
    before: Block,
    after: Block,
    metric: str,
    guards: Sequence[Guard],
    since: str,
) -> Verdict:
    """One metric of a model that both sides have."""
    was, now = (amount(block, metric, after.unit) for block in (before, after))
    broken = [guard for guard in guards if now > guard.most(was)]
    least = "at least " if after.uncounted else ""
    allowed = " and ".join(map(str, broken or guards))
    rows, more = model.top_rows(metric, TOP) if model.status == "changed" else ((), 0)
    verdict = Verdict(
        after.name,
        metric,
        "over" if broken else "ok",
        f"{least}{figure(metric, now)}, as at {since}",
        actual=now,
        locked=was,
        delta=now - was,
        convention=after.convention,
        top_rows=rows,
        more_rows=more,
    )
    if now != was:
        sign = ">" if broken else "≤"
        step = f"{least}{' → '.join(figures(metric, was, now))} since {since}"
        held = f" {sign} {allowed}" if now > was else ", lighter"
        verdict = replace(verdict, message=f"{step}, {difference(metric, now, was)}{held}")
    if broken:
        if before.uncounted:
            told = f"{verdict.message}; {since} has ops that are not counted: {before.uncounted}"
            verdict = replace(verdict, message=told)
        hint = (
            "make it lighter, or accept it and commit the lock: "
            f"`shufflenet-flops lock --reason WHY {shlex.quote(after.model)}`"
        )
        return replace(verdict, hint=hint)
    return replace(verdict, hint=_what_changed(model, before, after, verdict))


def _what_changed(model: ModelDiff, before: Block, after: Block, verdict: Verdict) -> str:
    """The layer most behind a figure that is fine, or what changed where no layer did."""
    if model.status != "changed":
        return ""
    if not verdict.top_rows:
        return structure(model, before, after, CHANGED)
    return _layer(verdict)


def _layer(verdict: Verdict) -> str:
    if not verdict.top_rows:
        return ""
    row = verdict.top_rows[0]
    others = len(verdict.top_rows) - 1 + verdict.more_rows
    more = f", and {plural(others, 'more layer')}" if others else ""
    return f"{row.path} {row.change}{more}"
