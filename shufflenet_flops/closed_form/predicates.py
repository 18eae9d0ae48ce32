"""What a model asks of sizes, as functions of the sizes that it is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.expression import Expression, Residue, constant, root
from shufflenet_flops.closed_form.extents import Extents, UnexplainedError
from shufflenet_flops.closed_form.questions import first
from shufflenet_flops.closed_form.samples import Samples
from shufflenet_flops.closed_form.size_guard import SizeGuard
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.running.asked_sizes import OPERATIONS, AskedSizes, Read, Tree

MANY = 1024  # sizes, one after the other, of which each is looked at
MOST_TRIES = 2
MOST_BEFORE = 4
MOST_PERIOD = 64
FAR = 64  # times that, up to where fewer and fewer are


@dataclass(frozen=True)
class Predicate:
    """A question, with an expression for every size that is in it."""

    tree: Tree

    def __call__(self, sizes: Mapping[str, Any]) -> Any:
        """The answer at sizes that are ints, or arrays of them; no where there is none."""
        try:
            with np.errstate(all="ignore"):
                return _value(self.tree, sizes)
        except (ArithmeticError, TypeError, ValueError):
            return False

    @property
    def names(self) -> set[str]:
        """The sizes that the answer depends on."""
        return {root(atom) for one in _expressions(self.tree) for atom in one.atoms}


def predicates(
    samples: Samples, domain: Domain | None = None
) -> dict[Predicate, dict[bool, Sizes]]:
    """What the model asked at the sizes that it took so far, with the answers in a domain.

    Each answer is there with the last sizes at which it was given.
    """
    runs = _runs(samples, domain)
    return _answers(_of_questions(runs), runs)


def _answers(
    asked: Mapping[Tree, Predicate], runs: Sequence[tuple[Sizes, AskedSizes]]
) -> dict[Predicate, dict[bool, Sizes]]:
    found: dict[Predicate, dict[bool, Sizes]] = {}
    for sizes, run in runs:
        for question, answer in run.questions.items():
            if question in asked:
                found.setdefault(asked[question], {})[answer] = sizes
    return found


def _runs(samples: Samples, domain: Domain | None) -> list[tuple[Sizes, AskedSizes]]:
    """What was asked at sizes of a domain, of which one place of the code may read others."""
    taken = [
        (dict(key), samples.asked[key])
        for key, rows in samples.rows.items()
        if not isinstance(rows, str) and key in samples.asked
    ]
    return [one for one in taken if domain is None or one[0] in domain]


def _of_questions(runs: Sequence[tuple[Sizes, AskedSizes]]) -> dict[Tree, Predicate]:
    """The predicates of the questions that go by sizes, and by nothing that is not known."""
    questions = {question: None for _, run in runs for question in run.questions}
    kept = _of_sizes_alone(questions, len(runs))
    reads = _expressions_of({read for one in kept for read in _reads(one)}, runs)
    resolved = ((question, _resolved(question, reads)) for question in kept)
    found = {question: Predicate(tree) for question, tree in resolved if tree is not None}
    return {question: predicate for question, predicate in found.items() if predicate.names}


def _before(
    predicate: Predicate, run: AskedSizes, asked: Mapping[Tree, Predicate]
) -> list[tuple[Predicate, bool]]:
    """What was asked of the same size before, and is to be answered so for this to be asked."""
    before: dict[Predicate, bool] = {}
    for question, answer in run.questions.items():
        other = asked.get(question)
        if other == predicate:
            break
        if other is not None and other.names & predicate.names:
            before[other] = answer
    return [*before.items()][-MOST_BEFORE:]


def _of_sizes_alone(questions: Iterable[Tree], runs: int) -> list[Tree]:
    """Those of which the numbers are not others in every run, as where they come of sizes."""
    alike = defaultdict(list)
    for question in questions:
        alike[_blank(question)].append(question)
    return [
        one for several in alike.values() if len(several) <= max(1, runs // 2) for one in several
    ]


def _expressions_of(
    reads: Iterable[Read], runs: Sequence[tuple[Sizes, AskedSizes]]
) -> dict[Read, Expression]:
    """Of the sizes that were read, as far as they are explained."""
    extents: dict[tuple[int, ...], Extents] = {}
    found: dict[Read, Expression] = {}
    for read in sorted(reads):
        having = tuple(i for i, (_, run) in enumerate(runs) if read in run.sizes)
        values = tuple(runs[i][1].sizes[read] for i in having)
        if len(having) == 1:  # whatever it is
            continue
        if len(set(values)) == 1:
            found[read] = constant(values[0])
            continue
        if having not in extents:
            extents[having] = Extents([runs[i][0] for i in having], {})
        if all(values):
            with suppress(UnexplainedError):
                found[read] = extents[having].of(values)
    return found


def otherwise(
    samples: Samples, domain: Domain, among: Domain | None = None
) -> dict[str, int] | None:
    """Sizes, `among` those of a domain, where most predicates have an answer they had not in it.

    None where none has. Of each, no more than MOST_TRIES are given.
    """
    rules, among, runs = tuple(domain.texts), among or domain, _runs(samples, domain)
    questions = _of_questions(runs)
    one_sided = [
        (predicate, *next(iter(met.items())))
        for predicate, met in _answers(questions, runs).items()
        if len(met) == 1 and samples.tried[rules, predicate] < MOST_TRIES
    ]
    if not one_sided:
        return None
    wanted = [
        [(predicate, not answer), *_before(predicate, run, questions)]
        for predicate, answer, sizes in one_sided
        if (run := samples.asked_at(sizes)) is not None
    ]
    asked = one_sided[-1][2]  # what came before it is to be answered as it was
    sizes = _where(samples, among, wanted, asked if asked in among else samples.draw(among))
    if sizes is not None:
        for (predicate, answer), *_ in wanted:
            samples.tried[rules, predicate] += bool(predicate(sizes)) == answer
    return sizes


def _where(
    samples: Samples,
    domain: Domain,
    wanted: Sequence[Sequence[tuple[Predicate, bool]]],
    here: Sizes,
) -> dict[str, int] | None:
    """Sizes at which all of most of the predicates have these answers."""
    best = 0
    for name in domain.free:
        sizes = _looked_at(domain.ranges[name])
        tied = domain.square if domain.square and name in domain.square else (name,)
        at = {**here, **dict.fromkeys(tied, sizes)}
        met = np.zeros(len(sizes), int)
        for answers in wanted:
            both = np.ones(len(sizes), bool)
            for predicate, answer in answers:
                both &= np.broadcast_to(predicate(at), len(sizes)).astype(bool) == answer
            met += both
        most = int(met.max(initial=0))
        if most > best:
            best = most
            size = int(samples.random.choice(sizes[met == most].tolist()))
            here = {**here, **dict.fromkeys(tied, size)}
    return {**here} if best and here in domain else None


def bounds(predicate: Predicate, here: Sizes, name: str, given: Range) -> SizeGuard | None:
    """What the answer goes by as one size alone changes; None where it is no bound and no rest."""

    def answer(size: Any) -> Any:
        return predicate({**here, name: size})

    sizes = _looked_at(replace(given, without=()))
    answers = np.broadcast_to(answer(sizes), len(sizes)).astype(bool)
    inside = np.array([int(size) in given for size in sizes])
    if len(set(answers[inside])) < 2:
        return None
    near = answers[:MANY]
    most = MOST_PERIOD if given.step == 1 and len(set(near)) > 1 else 0
    for period in range(2, most):
        if len(near) > 2 * period and (near[period:] == near[:-period]).all():
            rare = near[:period].mean() <= 0.5
            rest = int(sizes[: len(near)][(near == rare) & inside[: len(near)]][0])
            return SizeGuard(name, residue=Residue(period, rest % period))
    (changes,) = np.nonzero(answers[1:] != answers[:-1])
    low, high = int(sizes[changes[0]]), int(sizes[changes[0] + 1])
    steps = first(
        lambda step: bool(answer(low + step * given.step)) != answers[0],
        0,
        (high - low) // given.step,
    )
    return SizeGuard(name, low + steps * given.step)


def _looked_at(given: Range) -> Any:
    steps = np.concatenate([np.arange(MANY), np.geomspace(MANY, FAR * MANY, 32).astype(int)])
    sizes = given.least + given.step * steps
    inside = np.ones(len(sizes), bool) if given.most is None else sizes <= given.most
    for residue in given.without:
        inside &= sizes % residue.step != residue.rest
    return sizes[inside]


def _is_read(tree: Tree) -> bool:
    return len(tree) == 5 and isinstance(tree[1], int)


def _reads(tree: Tree) -> Iterator[Read]:
    if _is_read(tree):
        yield tree
    elif tree[0] != "number":
        for part in tree[1:]:
            yield from _reads(part)


def _blank(tree: Tree) -> Tree:
    """The tree without its numbers."""
    if _is_read(tree):
        return tree
    return ("number",) if tree[0] == "number" else (tree[0], *map(_blank, tree[1:]))


def _resolved(tree: Tree, reads: Mapping[Read, Expression]) -> Tree:
    """The tree with expressions for what was read; None where one is not known."""
    if _is_read(tree):
        return reads.get(tree)
    if tree[0] == "number":
        return tree[1]
    parts = [_resolved(part, reads) for part in tree[1:]]
    return None if any(part is None for part in parts) else (tree[0], *parts)


def _expressions(tree: Tree) -> Iterator[Expression]:
    if isinstance(tree, Expression):
        yield tree
    elif isinstance(tree, tuple):
        for part in tree[1:]:
            yield from _expressions(part)


def _value(tree: Tree, sizes: Mapping[str, Any]) -> Any:
    if isinstance(tree, Expression):
        return tree.value(sizes)
    if not isinstance(tree, tuple):
        return tree
    work = _OF_ARRAYS.get(tree[0]) or OPERATIONS[tree[0]]
    return work(*(_value(part, sizes) for part in tree[1:]))


_OF_ARRAYS: Mapping[str, Any] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "trunc": np.trunc,
    "round": np.round,
    "bool": lambda number: number != 0,
}
