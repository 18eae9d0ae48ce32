"""What two locks say: every model once, nothing in silence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from shufflenet_flops.budget.block import Block, Lock, block, block_of
from shufflenet_flops.budget.check import judge_lock
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.budget.count import Subject
from shufflenet_flops.budget.diff import LOCKED, compare, judge
from shufflenet_flops.budget.layers import Layer, fingerprint
from shufflenet_flops.budget.limit import parse_limit
from shufflenet_flops.budget.verdict import Report, Verdict
from shufflenet_flops.counting import find_convention
from shufflenet_flops.sources import Options, parse_input, resolve
from tests.budget_documents import locks


def counted(name: str, shape: str = "1x3x224x224", convention: str = "paper") -> Block:
    source = resolve(name, Options((parse_input(shape),)))
    return block(name, source.inputs, {}, find_convention(convention), source.counted)


def with_layers(one: Block, layers: tuple[Layer, ...]) -> Block:
    return block_of(one.model, one.inputs, one.convention, one.params, layers)


SMALL = counted("shufflenet_v1_x0_5_g3")
LARGE = counted("shufflenet_v1_x1_0_g3")


@given(locks, locks)
def test_every_model_is_told_once(before: Lock, after: Lock) -> None:
    """With something to say unless it is the same."""
    diffs = compare(before, after)
    olds = sorted(one.before.order for one in diffs if one.before)
    news = sorted(one.after.order for one in diffs if one.after)

    assert olds == sorted(one.order for one in before)
    assert news == sorted(one.order for one in after)
    for one in diffs:
        verdicts = judge([one])
        assert verdicts
        assert all((verdict.status == "ok") == (one.status == "same") for verdict in verdicts)


def test_grown_and_shrunk() -> None:
    """A verdict for each total, with the layers."""
    wider = replace(LARGE, model=SMALL.model)
    verdicts = judge(compare((SMALL,), (wider,)))

    assert [one.metric for one in verdicts] == ["macs", "params", "activations", "memory"]
    assert {one.status for one in verdicts} == {"over"}
    assert verdicts[0].actual == 137_460_672
    assert verdicts[0].locked == 37_589_856
    assert verdicts[0].delta == 137_460_672 - 37_589_856
    assert len(verdicts[0].top_rows) == 3
    assert verdicts[0].more_rows > 10
    narrower = judge(compare((wider,), (SMALL,)))
    assert {one.status for one in narrower} == {"lighter"}
    assert all(one.passed and one.top_rows for one in narrower)
    assert Report(tuple(narrower)).exit_code == 1  # as for every difference
    held = judge(compare((wider,), (SMALL,)), words=LOCKED)
    assert {one.status for one in held} == {"under"}
    assert not any(one.passed for one in held)


def test_renamed_added_and_removed() -> None:
    """A new name of the same layers is told as such; others are new or gone."""
    other = replace(LARGE, model="mine")

    assert fingerprint(other.all_layers) == fingerprint(LARGE.all_layers) == LARGE.fingerprint
    (renamed,) = judge(compare((LARGE,), (other,)))
    assert (renamed.status, renamed.model) == ("renamed", "mine")
    assert "renamed shufflenet_v1_x1_0_g3 → mine" in renamed.message
    verdicts = judge(compare((SMALL,), (LARGE,)))
    assert [one.status for one in verdicts] == ["stale", "missing"]
    assert Report(tuple(verdicts)).exit_code == 1


def test_renamed_and_changed_at_once() -> None:
    """Held against each other where each is the other's one best match, of half of the layers."""
    stem, *rest = LARGE.all_layers
    changed = with_layers(replace(LARGE, model="mine"), (replace(stem, groups=3), *rest))
    verdicts = judge(compare((LARGE, SMALL), (changed, SMALL)))
    (told,) = (one for one in verdicts if one.status == "renamed")
    assert told.message == f"renamed and changed {LARGE.name} → mine"
    (other,) = (one for one in verdicts if one.metric == "structure")
    assert [row.change for row in other.top_rows] == [f"groups {stem.groups} → 3"]

    def statuses(before: Lock, after: Lock) -> list[str]:
        return sorted(one.status for one in compare(before, after))

    twins = (changed, replace(changed, model="yours"))
    assert statuses((LARGE,), twins) == ["added", "added", "removed"]
    assert statuses(twins, (LARGE,)) == ["added", "removed", "removed"]
    nearer = with_layers(replace(LARGE, model="near"), (*rest, stem))
    assert statuses((LARGE,), (nearer, twins[0])) == ["added", "changed"]
    elsewhere = replace(changed, inputs=("1x3x256x256",))
    assert statuses((LARGE,), (elsewhere,)) == ["added", "removed"]
    weighing = LARGE.layers
    half = len(weighing) // 2
    assert statuses((LARGE,), (with_layers(changed, weighing[: half + 1]),)) == ["changed"]
    assert statuses((LARGE,), (with_layers(changed, weighing[: half - 1]),)) == ["added", "removed"]


def test_another_input_or_convention_is_no_regression() -> None:
    """Exit code 2, and both are named."""
    for other in (
        counted(LARGE.model, "1x3x256x256"),
        counted(LARGE.model, convention="paper-conv"),
    ):
        (verdict,) = judge(compare((LARGE,), (other,)))
        assert verdict.status == "not-comparable"
        assert "it was on 1x3x224x224 under paper, and now on" in verdict.message
        assert Report((verdict,)).exit_code == 2


def test_several_inputs_of_one_model() -> None:
    """Each is held to its own; one more is new, not incomparable."""
    other = counted(LARGE.model, "1x3x256x256")

    assert [one.status for one in compare((LARGE, other), (LARGE, other))] == ["same", "same"]
    assert sorted(one.status for one in compare((LARGE,), (LARGE, other))) == ["added", "same"]


def test_other_versions_are_told_where_something_changed() -> None:
    """They alone are no change, and a model of the zoo has none."""
    assert not LARGE.traced_with
    old = replace(LARGE, traced_with={"torch": "2.9.1", "python": "3.11"})
    new = replace(LARGE, traced_with={"torch": "2.13.0", "python": "3.11"})

    assert [one.status for one in compare((old,), (new,))] == ["same"]
    (verdict,) = judge(compare((old,), (replace(new, params=7),)), words=LOCKED, hint="relock")
    assert verdict.hint == "locked with torch 2.9.1, and now with 2.13.0; relock"


def test_what_other_versions_may_change_fails_nothing_that_no_budget_names() -> None:
    """It is told, with both versions; MACs, parameters and named metrics are held all the same."""
    old = replace(LARGE, traced_with={"torch": "2.9.1"})
    first, *others = LARGE.stages
    moved = replace(first, memory_bytes=first.memory_bytes + 4)
    new = replace(LARGE, traced_with={"torch": "2.13.0"}, stages=(moved, *others))

    def verdict(before: Block, after: Block, **limits: str) -> Verdict:
        limited = tuple(parse_limit(name, text) for name, text in limits.items())
        subject = Subject(Entry(LARGE.model, limited), LARGE.model, block=after)
        (found,) = judge_lock(Config("x.toml", (subject.entry,)), [subject], (before,))
        return found

    told = verdict(old, new, macs="1 G")
    assert (told.metric, told.status, told.level, told.passed) == ("memory", "over", "warn", True)
    assert told.hint.startswith("locked with torch 2.9.1, and now with 2.13.0; ")
    assert Report((told,)).exit_code == 0
    assert not verdict(old, new, memory="1 GB").passed
    assert not verdict(old, replace(new, traced_with=old.traced_with), macs="1 G").passed
    assert not verdict(old, replace(LARGE, traced_with=new.traced_with, params=7)).passed
    renamed = replace(LARGE.layers[0], path="stem")
    other = with_layers(LARGE, (renamed, *LARGE.all_layers[1:]))
    told = verdict(old, replace(other, traced_with=new.traced_with))
    assert (told.metric, told.status, told.passed) == ("structure", "changed", True)


def test_each_input_of_a_model_has_its_own_entry() -> None:
    """Its reason and line, and what it names; what is no longer on an input is of the lock."""
    other = counted(LARGE.model, "1x3x256x256")
    entries = [
        Entry(LARGE.model, (parse_limit(metric, "1 G"),), reason=metric, lines={"": line})
        for metric, line in (("macs", 2), ("memory", 5))
    ]
    subjects = [
        Subject(entry, LARGE.model, block=block)
        for entry, block in zip(entries, (LARGE, other), strict=True)
    ]
    before = (replace(LARGE, params=7, line=3), replace(other, params=7, line=9))
    config = Config("x.toml", tuple(entries))
    verdicts = judge_lock(config, subjects, before)
    assert [(verdict.reason, verdict.line) for verdict in verdicts] == [("macs", 2), ("memory", 5)]
    *_, stale = judge_lock(config, subjects[:1], before)
    assert (stale.status, stale.reason) == ("stale", "")
    assert (stale.file, stale.line) == ("flop-budget.lock", 9)


def test_what_is_off_is_not_held_against_its_lock() -> None:
    """It is in the lock still, and no failure."""
    entry = Entry(LARGE.model, (), level="off")
    assert not judge_lock(Config("x.toml", (entry,)), [Subject(entry, LARGE.model)], (LARGE,))


def test_other_names_of_layers_are_a_change() -> None:
    """Though every total is as it was."""
    layers = (replace(LARGE.all_layers[0], path="stem"), *LARGE.all_layers[1:])
    (verdict,) = judge(compare((LARGE,), (with_layers(LARGE, layers),)))

    assert (verdict.metric, verdict.status) == ("structure", "changed")
    assert verdict.message == "1 layer is changed, though the totals are not"
    assert verdict.top_rows[0].change == f"was {LARGE.layers[0].path}"
    (verdict,) = judge(compare((LARGE,), (replace(LARGE, unknown_ops={"aten.fft": 2}),)))
    assert "unknown ops none → aten.fft x2" in verdict.message
