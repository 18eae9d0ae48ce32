"""The traces that a formula is found and proven with: where, and how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, product
from random import Random
from typing import Any, NamedTuple, TypeAlias

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.extents import Open
from shufflenet_flops.closed_form.sized import SizedModel, Sizes
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.measure import Measure
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.running import asked_sizes
from shufflenet_flops.running.asked_sizes import AskedSizes
from shufflenet_flops.running.no_gc import collect_young

MOST_TRACES = 15
WIDEST = 4  # times the model's own size, up to which sizes are drawn
FARTHEST = 12  # times its own, for one size at a time
MOST_BATCH = 16
WHOLE = 64  # which most strides divide
_TRIES = 80
_SMALL = (3, 4, 5)


Key: TypeAlias = tuple[tuple[str, int], ...]


class RefusedError(ValueError):
    """The model does not run at a size."""


class NotProvenError(ValueError):
    """No formula stands the test on a domain; the message says why."""


class UnlikeError(NotProvenError):
    """The model does other things at one sizes than at others, or refuses them."""

    def __init__(self, first: Sizes, second: Sizes, why: str = "") -> None:
        self.first, self.second = first, second
        super().__init__(why or f"it runs other ops at {said(second)} than at {said(first)}")


def said(sizes: Sizes) -> str:
    """`h=224, n=1`."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


class Counts(NamedTuple):
    """Rows with what each of them counts, and where which op is."""

    rows: list[Row]
    counts: list[int]
    ops: list[tuple[str, str]]


@dataclass
class Samples:
    """Rows of a model at sizes, each traced once; `own` are its own sizes."""

    model: SizedModel
    own: Sizes
    random: Random = field(default_factory=lambda: Random(1))
    rows: dict[Key, list[Row] | str] = field(default_factory=dict)
    asked: dict[Key, AskedSizes] = field(default_factory=dict)  # of sizes, by the model
    most: int = MOST_TRACES
    added: int = 0
    _counted: dict[tuple[Any, ...], Counts] = field(default_factory=dict)
    # Why a formula is on none of these domains, by their rules.
    failed: dict[tuple[str, ...], RefusedError | NotProvenError] = field(default_factory=dict)
    # How often sizes were looked for at which something is so that it asks of them.
    tried: Counter[Any] = field(default_factory=Counter)

    def begin(self, most: int = MOST_TRACES - 1) -> None:
        """Count the traces anew, for another formula, which may use those that there are."""
        self.most, self.added = self.traces + most, 0

    def more(self) -> None:
        """One trace more, for what the model asks of sizes. Raises NotProvenError."""
        self.added += 1
        if self.added > MOST_TRACES:
            raise NotProvenError("it asks more of its sizes than traces could tell")
        self.most += 1

    @property
    def traces(self) -> int:
        """How many were made."""
        return len(self.rows)

    @property
    def left(self) -> int:
        """How many more there may be."""
        return self.most - self.traces

    @property
    def is_unexplained(self) -> bool:
        """Whether what fails is a formula, and not the model at some sizes."""
        return not any(
            isinstance(error, RefusedError | UnlikeError) for error in self.failed.values()
        )

    def takes(self, sizes: Sizes) -> bool:
        """Whether the model runs at these sizes."""
        try:
            self.at(sizes)
        except (RefusedError, NotProvenError):
            return False
        return True

    def keep(self, sizes: Sizes, rows: Sequence[Row], asked: AskedSizes | None) -> None:
        """Rows that were traced already, and what was asked of sizes meanwhile."""
        key = tuple(sorted(sizes.items()))
        self.rows[key] = list(rows)
        if asked is not None:
            self.asked[key] = asked

    def asked_at(self, sizes: Sizes) -> AskedSizes | None:
        """What the model asked of sizes there; None where it is not known."""
        return self.asked.get(tuple(sorted(sizes.items())))

    def at(self, sizes: Sizes) -> list[Row]:
        """All rows. Raises RefusedError, NotProvenError."""
        key = tuple(sorted(sizes.items()))
        if key not in self.rows:
            if self.left <= 0:
                raise NotProvenError(f"{MOST_TRACES} traces did not settle it")
            with asked_sizes.kept() as self.asked[key]:
                self.rows[key] = self._trace(sizes)
        found = self.rows[key]
        if isinstance(found, str):
            raise RefusedError(found)
        return found

    def counted(self, sizes: Sizes, measure: Measure) -> Counts:
        """The rows for which the measure is not 0. Raises RefusedError, NotProvenError."""
        key = measure, *sorted(sizes.items())
        if key not in self._counted:
            rows = self.at(sizes)
            counts = measure.each(rows)
            self._counted[key] = Counts(
                list(compress(rows, counts)),
                list(filter(None, counts)),
                [(row.path, row.op) for row in compress(rows, counts)],
            )
        return self._counted[key]

    def _trace(self, sizes: Sizes) -> list[Row] | str:
        try:
            return list(self.model.rows_at(sizes))
        except ShufflenetFlopsError as error:
            return str(error)
        finally:
            collect_young()

    def met_in(self, domain: Domain, least: Sizes) -> list[Sizes]:
        """Sizes below those of a domain, but not below `least`, which the model took before."""
        reached = {
            name: replace(given, least=least[name], most=given.least)
            for name, given in domain.ranges.items()
        }
        taken = (dict(key) for key, rows in self.rows.items() if not isinstance(rows, str))
        return [
            sizes
            for sizes in taken
            if sizes not in domain and all(size in reached[name] for name, size in sizes.items())
        ]

    def draw(self, domain: Domain) -> dict[str, int]:
        """Random sizes of a domain, of every order of magnitude alike."""
        sizes = {name: self._size(name, given) for name, given in domain.ranges.items()}
        for name, given in domain.ranges.items():
            while given.without and sizes[name] not in given:
                sizes[name] = self._size(name, given)
        if domain.square:
            sizes[domain.square[1]] = sizes[domain.square[0]]
        return sizes

    def edges(self, domain: Domain) -> list[Sizes]:
        """Sizes right before and after those that strides divide, where roundings differ."""
        maps = [
            name
            for name in domain.free
            if name != "n" and domain.ranges[name].own and domain.ranges[name].step == 1
        ]
        found: list[Sizes] = []
        for sign in (-1, 1) if maps else ():
            sizes = self.draw(domain)
            for name in maps:
                sizes[name] += -sizes[name] % WHOLE + sign
                sign = -sign
            if sizes in domain:
                found.append(sizes)
        return found

    def far(self, domain: Domain) -> list[Sizes]:
        """Sizes of which one is much larger than the others, each in its turn but the batch."""
        found: list[Sizes] = []
        for name in domain.free:
            given = domain.ranges[name]
            if name == "n" or given.most is not None or domain.square:
                continue
            steps = (FARTHEST * given.least) // given.step
            size = given.least + given.step * (steps - self.random.randint(0, steps // 4))
            near = {other: one.least for other, one in domain.ranges.items()}
            if {**near, name: size} in domain:
                found.append({**near, name: size})
        return found

    def corners(self, domain: Domain) -> list[Sizes]:
        """Every choice of the least and the largest of each size; of those without end, a large."""
        ends = {name: self._ends(name, given) for name, given in domain.ranges.items()}
        found = [dict(zip(ends, sizes, strict=True)) for sizes in product(*ends.values())]
        return [sizes for sizes in found if sizes in domain]

    def _ends(self, name: str, given: Range) -> list[int]:
        most = self._most(name, given) if given.most is None else given.most
        sizes = range(given.least, most + 1, given.step)
        inside = (
            next((size for size in way if size in given), None) for way in (sizes, sizes[::-1])
        )
        return [size for size in dict.fromkeys(inside) if size is not None]

    def _size(self, name: str, given: Range) -> int:
        if given.is_fixed:
            return given.least
        most = given.most or self._most(name, given)
        last = (most - given.least) // given.step
        # Half of them from the lower part, so that small ones are met as well.
        steps = self.random.randint(0, last if self.random.random() < 0.5 else (last + 1) // 2)
        return given.least + given.step * steps

    def _most(self, name: str, given: Range) -> int:
        if name == "n":
            return max(MOST_BATCH, given.least + 8 * given.step)
        base = self.model.base.get(name, given.least)
        return max(WIDEST * base, given.least + 8 * given.step)

    def telling(self, domain: Domain, choices: Sequence[Open]) -> Sizes | None:
        """The sizes, of some that are drawn, at which most of the choices are told apart.

        None where none is.
        """

        def told(sizes: Sizes) -> int:
            return sum(not choice.is_open_at(sizes) for choice in choices)

        if not choices:
            return None
        best = self._best(domain, told)
        return best if told(best) else None

    def met(self, domain: Domain, used: Sequence[Sizes]) -> Sizes | None:
        """Sizes of an earlier trace that are not used yet; None where there are none."""
        taken = (dict(key) for key, rows in self.rows.items() if not isinstance(rows, str))
        return next((sizes for sizes in taken if sizes in domain and sizes not in used), None)

    def new(self, domain: Domain, used: Sequence[Sizes]) -> Sizes | None:
        """Sizes that are not used yet: of an earlier trace, or else as different as may be.

        None where there are no others.
        """
        earlier = self.met(domain, used)
        if earlier is not None:
            return earlier
        met = [dict(key) for key in self.rows]
        drawn = self._best(
            domain,
            lambda sizes: min(
                sum(sizes[name] != other[name] for name in domain.free) for other in met
            ),
            _TRIES // 4,
        )
        if drawn not in used:
            return drawn
        return next((sizes for sizes in domain.few or () if sizes not in used), None)

    def _best(
        self, domain: Domain, score: Callable[[Mapping[str, int]], int], tries: int = _TRIES
    ) -> dict[str, int]:
        """Of sizes that are drawn, those with the best score.

        Of several, those that leave most rests of small numbers that none was traced with: a model
        may go by them without a word.
        """
        names = [name for name in domain.free if name != "n"]
        met = {rest for key in self.rows for rest in _rests(names, dict(key))}
        drawn = [self.draw(domain) for _ in range(tries)]
        scores = [score(sizes) for sizes in drawn]
        best = [sizes for sizes, at in zip(drawn, scores, strict=True) if at == max(scores)]
        return max(best, key=lambda sizes: len(_rests(names, sizes) - met))


def _rests(names: Sequence[str], sizes: Sizes) -> set[tuple[str, int, int]]:
    return {(name, by, sizes[name] % by) for name in names for by in _SMALL}
