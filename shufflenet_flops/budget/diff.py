"""Two locks set against each other: which models came, went, were renamed or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shufflenet_flops.budget.block import Block, Lock, Stage
from shufflenet_flops.budget.layers import Change, align, amount
from shufflenet_flops.budget.match import alike, matched
from shufflenet_flops.budget.verdict import TopRow, Verdict, largest, top_rows
from shufflenet_flops.counting.amount import difference, exact, figures


@dataclass(frozen=True)
class ModelDiff:
    """One model in two locks; `before` or `after` is None where it is new or gone."""

    status: Literal["same", "changed", "added", "removed", "renamed", "not-comparable"]
    before: Block | None
    after: Block | None

    @property
    def name(self) -> str:
        """The model's name, the new one if there is one."""
        named = self.after or self.before
        assert named is not None
        return named.name

    @property
    def renamed(self) -> str:
        """`renamed a → b`, and whether it changed as well; empty for a model of one name."""
        before, after = self.before, self.after
        if before is None or after is None or before.name == after.name:
            return ""
        told = "renamed and changed" if self.status == "changed" else "renamed"
        return f"{told} {before.name} → {after.name}"

    @property
    def has_all(self) -> bool:
        """Whether all layers are known on both sides, with all that each costs."""
        return bool(self.before and self.after and self.before.all_layers and self.after.all_layers)

    @property
    def changes(self) -> list[Change]:
        """The layers that are not what they were: of all, where both locks have all."""
        return [change for change in self._aligned if change.is_change]

    @property
    def _aligned(self) -> list[Change]:
        before, after = self.before, self.after
        if before and after and self.has_all:
            return align(before.all_layers, after.all_layers)
        return align(before.layers if before else (), after.layers if after else ())

    @property
    def other_versions(self) -> tuple[str, ...]:
        """`torch 2.9.1, and now with 2.13.0`, for each version that the traces do not share."""
        if self.before is None or self.after is None:
            return ()
        old, new = self.before.traced_with, self.after.traced_with
        return tuple(
            f"{name} {old[name]}, and now with {new[name]}"
            for name in old
            if name in new and old[name] != new[name]
        )

    def top_rows(self, metric: str, top: int) -> tuple[tuple[TopRow, ...], int]:
        """The layers most behind a metric's change, and how many others there are; its stages,
        where a lock does not have the metric of each layer."""
        before, after = self.before, self.after
        named = after or before
        assert named is not None
        if before and after and metric in BY_STAGE and not self.has_all:
            return largest(_stage_rows(before, after, metric), top)
        return top_rows(self._aligned, metric, named.unit, top)


BY_STAGE = ("activations", "memory")


def _stage_rows(before: Block, after: Block, metric: str) -> Iterator[TopRow]:
    for name, old, new in _stages(before, after):
        if old != new:
            now = amount(new, metric, after.unit) if new else 0
            delta = now - (amount(old, metric, after.unit) if old else 0)
            yield TopRow(name, _stage_change(old, new), metric, now, delta)


def _stages(before: Block, after: Block) -> list[tuple[str, Stage | None, Stage | None]]:
    old = {stage.name: stage for stage in before.stages}
    new = {stage.name: stage for stage in after.stages}
    return [(name, old.get(name), new.get(name)) for name in {**old, **new}]


def _stage_change(old: Stage | None, new: Stage | None) -> str:
    if old is None or new is None:
        return "new stage" if new else "gone"
    if old.layers == new.layers:
        return _WITHOUT
    return "the whole stage"


_WITHOUT = "ops without MACs or parameters"


@dataclass(frozen=True)
class Words:
    """What is said of a model that is the same, new or gone; of older terms; of other layers.

    `less` is what a lower figure is: something to lock, or an improvement.
    """

    same: str
    new: str
    gone: str
    before: str
    layers: str
    less: Literal["under", "lighter"] = "lighter"


LOCKED = Words(
    "as locked",
    "not in the lock",
    "in the lock, and no longer in the budgets",
    "locked",
    "not as locked, though the totals are",
    "under",
)
CHANGED = Words("unchanged", "added", "removed", "it was", "changed, though the totals are not")


def compare(before: Lock, after: Lock) -> list[ModelDiff]:
    """Every model of both locks, once, in the order of its name.

    The same name on another input or under another convention is not comparable; another name with
    the same structure, on the same input and under the same convention, is renamed. So is another
    name of what `alike` finds, and that has changed.
    """
    diffs: list[ModelDiff] = []
    old = sorted(before, key=lambda block: block.order)
    new = sorted(after, key=lambda block: block.order)
    for left, right in matched(old, new, lambda block: block.order):
        diffs.append(ModelDiff("same" if left == right else "changed", left, right))
    for left, right in matched(old, new, lambda block: block.name):
        diffs.append(ModelDiff("not-comparable", left, right))
    for left, right in matched(
        old, new, lambda block: (block.inputs, block.convention, block.fingerprint, block.params)
    ):
        diffs.append(ModelDiff("renamed", left, right))
    diffs += [ModelDiff("changed", left, right) for left, right in alike(old, new)]
    diffs += [ModelDiff("removed", block, None) for block in old]
    diffs += [ModelDiff("added", None, block) for block in new]
    return sorted(diffs, key=lambda block: block.name)


def judge(
    diffs: Iterable[ModelDiff], *, words: Words = CHANGED, hint: str = "", top: int = 3
) -> list[Verdict]:
    """What two locks say about each model: a verdict for every total that is not what it was.

    A failure has the `top` layers most behind it, and `hint` what to do about it.
    """
    return [verdict for model in diffs for verdict in _judge(model, words, hint, top)]


def _judge(model: ModelDiff, words: Words, hint: str, top: int) -> Iterator[Verdict]:
    before, after = model.before, model.after
    if before is None or after is None:
        yield _alone(model, words, hint, top)
    elif model.status == "same":
        text = f"{words.same}, {exact(after.unit, after.count)}"
        yield Verdict(model.name, "lock", "ok", text, convention=after.convention)
    elif model.status == "not-comparable":
        yield Verdict(
            model.name,
            "lock",
            "not-comparable",
            f"not comparable: {words.before} {_terms(before)}, and now {_terms(after)}",
            hint=hint,
        )
    elif model.status == "renamed":
        text = f"{model.renamed}: the same layers, under another name"
        yield Verdict(model.name, "lock", "renamed", text, convention=after.convention, hint=hint)
    else:
        if told := model.renamed:
            convention = after.convention
            yield Verdict(model.name, "lock", "renamed", told, convention=convention, hint=hint)
        notes = [f"{words.before} with {' and '.join(model.other_versions)}"]
        hint = "; ".join(filter(None, (*notes[: len(model.other_versions)], hint)))
        yield from _changed(model, before, after, words, hint, top)


def _alone(model: ModelDiff, words: Words, hint: str, top: int) -> Verdict:
    """A model of one lock alone, with its heaviest layers."""
    block = model.after or model.before
    assert block is not None
    total = block.count
    rows, more = model.top_rows(block.unit, top)
    return Verdict(
        model.name,
        "lock",
        "missing" if model.after else "stale",
        f"{words.new if model.after else words.gone}: {exact(block.unit, total)}",
        actual=total if model.after else None,
        locked=None if model.after else total,
        convention=block.convention,
        top_rows=rows,
        more_rows=more,
        hint=hint,
    )


def _terms(block: Block) -> str:
    return f"on {' and '.join(block.inputs)} under {block.convention}"


def _changed(
    model: ModelDiff, before: Block, after: Block, words: Words, hint: str, top: int
) -> Iterator[Verdict]:
    unit = after.unit
    totals = {
        metric: (amount(before, metric, unit), amount(after, metric, unit))
        for metric in (unit, "params", *BY_STAGE)
    }
    differing = {metric: pair for metric, pair in totals.items() if pair[0] != pair[1]}
    for metric, (locked, actual) in differing.items():
        rows, more = model.top_rows(metric, top)
        yield Verdict(
            model.name,
            metric,
            "over" if actual > locked else words.less,
            f"{' → '.join(figures(metric, locked, actual))}, {difference(metric, actual, locked)}",
            actual=actual,
            locked=locked,
            delta=actual - locked,
            convention=after.convention,
            top_rows=rows,
            more_rows=more,
            hint=hint,
        )
    if not differing:
        rows, more = model.top_rows(unit, top)
        yield Verdict(
            model.name,
            "structure",
            "changed",
            structure(model, before, after, words),
            convention=after.convention,
            top_rows=rows,
            more_rows=more,
            hint=hint,
        )


def structure(model: ModelDiff, before: Block, after: Block, words: Words) -> str:
    """What changed where every total is what it was, as far as the two locks tell."""
    if number := len(model.changes):
        return f"{number} layer{'s are' if number > 1 else ' is'} {words.layers}"
    stages = [name for name, old, new in _stages(before, after) if old != new]
    if stages:
        return f"{_WITHOUT} in {', '.join(stages)} are {words.layers}"
    if before.unknown_ops != after.unknown_ops:
        ops = " → ".join(block.uncounted or "none" for block in (before, after))
        return f"unknown ops {ops}, though the totals are the same"
    return f"the order of {_WITHOUT} is {words.layers}"
