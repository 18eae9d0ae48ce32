"""Two locks set against each other: which models came, went, were renamed or changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shufflenet_flops.budget.block import Block, Lock, Stage
from shufflenet_flops.budget.layers import Change, align, amount
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
    def changes(self) -> list[Change]:
        """The layers that are not what they were: of all, where both locks have all."""
        before, after = self.before, self.after
        if before and after and before.all_layers and after.all_layers:
            changes = align(before.all_layers, after.all_layers)
        else:
            changes = align(before.layers if before else (), after.layers if after else ())
        return [change for change in changes if change.is_change]

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
        if before and after and metric in BY_STAGE:
            return largest(_stage_rows(before, after, metric), top)
        return top_rows(self.changes, metric, named.unit, top)


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
    """What is said of a model that is the same, new or gone; of older terms; of other layers."""

    same: str
    new: str
    gone: str
    before: str
    layers: str


LOCKED = Words(
    "as locked",
    "not in the lock",
    "locked, and gone",
    "locked",
    "not as locked, though the totals are",
)
CHANGED = Words("unchanged", "added", "removed", "it was", "changed, though the totals are not")


def compare(before: Lock, after: Lock) -> list[ModelDiff]:
    """Every model of both locks, once, in the order of its name.

    The same name on another input or under another convention is not comparable; another name with
    the same structure, on the same input and under the same convention, is renamed.
    """
    diffs: list[ModelDiff] = []
    old = sorted(before, key=lambda one: one.order)
    new = sorted(after, key=lambda one: one.order)
    for left, right in _matched(old, new, lambda one: one.order):
        diffs.append(ModelDiff("same" if left == right else "changed", left, right))
    for left, right in _matched(old, new, lambda one: one.name):
        diffs.append(ModelDiff("not-comparable", left, right))
    for left, right in _matched(
        old, new, lambda one: (one.inputs, one.convention, one.fingerprint, one.params)
    ):
        diffs.append(ModelDiff("renamed", left, right))
    diffs += [ModelDiff("removed", one, None) for one in old]
    diffs += [ModelDiff("added", None, one) for one in new]
    return sorted(diffs, key=lambda one: one.name)


def _matched(
    old: list[Block], new: list[Block], key: Callable[[Block], Hashable]
) -> Iterator[tuple[Block, Block]]:
    """Pairs with the same key, each block once; what is paired leaves its list."""
    waiting: dict[Hashable, list[Block]] = defaultdict(list)
    for one in old:
        waiting[key(one)].append(one)
    for right in list(new):
        if found := waiting[key(right)]:
            left = found.pop(0)
            old.remove(left)
            new.remove(right)
            yield left, right


def judge(
    diffs: Iterable[ModelDiff], *, words: Words = CHANGED, hint: str = "", top: int = 3
) -> list[Verdict]:
    """What two locks say about each model: a verdict for every total that is not what it was.

    A failure has the `top` layers most behind it, and `hint` what to do about it.
    """
    return [verdict for one in diffs for verdict in _judge(one, words, hint, top)]


def _judge(one: ModelDiff, words: Words, hint: str, top: int) -> Iterator[Verdict]:
    before, after = one.before, one.after
    if before is None or after is None:
        yield _alone(one, words, hint, top)
    elif one.status == "same":
        text = f"{words.same}, {exact(after.unit, after.count)}"
        yield Verdict(one.name, "lock", "ok", text, convention=after.convention)
    elif one.status == "not-comparable":
        yield Verdict(
            one.name,
            "lock",
            "not-comparable",
            f"not comparable: {words.before} {_terms(before)}, and now {_terms(after)}",
            hint=hint,
        )
    elif one.status == "renamed":
        text = f"renamed {before.name} → {after.name}: the same layers, under another name"
        yield Verdict(one.name, "lock", "renamed", text, convention=after.convention, hint=hint)
    else:
        notes = [f"{words.before} with {' and '.join(one.other_versions)}"]
        hint = "; ".join(filter(None, (*notes[: len(one.other_versions)], hint)))
        yield from _changed(one, before, after, words, hint, top)


def _alone(one: ModelDiff, words: Words, hint: str, top: int) -> Verdict:
    """A model of one lock alone, with its heaviest layers."""
    found = one.after or one.before
    assert found is not None
    total = found.count
    rows, more = one.top_rows(found.unit, top)
    return Verdict(
        one.name,
        "lock",
        "missing" if one.after else "stale",
        f"{words.new if one.after else words.gone}: {exact(found.unit, total)}",
        actual=total if one.after else None,
        locked=None if one.after else total,
        convention=found.convention,
        top_rows=rows,
        more_rows=more,
        hint=hint,
    )


def _terms(one: Block) -> str:
    return f"on {' and '.join(one.inputs)} under {one.convention}"


def _changed(
    one: ModelDiff, before: Block, after: Block, words: Words, hint: str, top: int
) -> Iterator[Verdict]:
    unit = after.unit
    totals = {
        metric: (amount(before, metric, unit), amount(after, metric, unit))
        for metric in (unit, "params", *BY_STAGE)
    }
    differing = {metric: pair for metric, pair in totals.items() if pair[0] != pair[1]}
    for metric, (locked, actual) in differing.items():
        rows, more = one.top_rows(metric, top)
        yield Verdict(
            one.name,
            metric,
            "over" if actual > locked else "under",
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
        rows, more = one.top_rows(unit, top)
        yield Verdict(
            one.name,
            "structure",
            "changed",
            _structure(one, before, after, words),
            convention=after.convention,
            top_rows=rows,
            more_rows=more,
            hint=hint,
        )


def _structure(one: ModelDiff, before: Block, after: Block, words: Words) -> str:
    """What changed where every total is what it was, as far as the two locks tell."""
    if number := len(one.changes):
        return f"{number} layer{'s are' if number > 1 else ' is'} {words.layers}"
    stages = [name for name, old, new in _stages(before, after) if old != new]
    if stages:
        return f"{_WITHOUT} in {', '.join(stages)} are {words.layers}"
    if before.unknown_ops != after.unknown_ops:
        return f"unknown ops {_ops(before)} → {_ops(after)}, though the totals are the same"
    return f"the order of {_WITHOUT} is {words.layers}"


def _ops(one: Block) -> str:
    return ", ".join(f"{op} x{calls}" for op, calls in one.unknown_ops.items()) or "none"
