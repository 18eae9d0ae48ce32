"""The traces that a formula is found and proven with: where, and how many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.extents import Open
from shufflenet_flops.closed_form.sized import SizedModel, Sizes
from shufflenet_flops.counting import Row
from shufflenet_flops.errors import ShufflenetFlopsError

MOST_TRACES = 15
WIDEST = 4  # times the model's own size, up to which sizes are drawn
FARTHEST = 12  # times its own, for one size at a time
MOST_BATCH = 16
_TRIES = 80


class RefusedError(ValueError):
    """The model does not run at a size."""


class NotProvenError(ValueError):
    """No formula stands the test on a domain; the message says why."""


@dataclass
class Samples:
    """Rows of a model at sizes, each traced once; `own` are its own sizes."""

    model: SizedModel
    own: Sizes
    random: Random = field(default_factory=lambda: Random(1))
    rows: dict[tuple[tuple[str, int], ...], list[Row] | str] = field(default_factory=dict)

    before: int = 0
    # The domains, by their rules, in which there are sizes that the model does not take.
    refused: dict[tuple[str, ...], str] = field(default_factory=dict)

    def begin(self) -> None:
        """Count the traces anew, for another domain."""
        self.before = len(self.rows) - 1

    @property
    def left(self) -> int:
        """How many more traces there may be for this domain."""
        return MOST_TRACES - len(self.rows) + self.before

    def keep(self, sizes: Sizes, rows: Sequence[Row]) -> None:
        """Rows that were traced already."""
        self.rows[tuple(sorted(sizes.items()))] = list(rows)

    def at(self, sizes: Sizes) -> list[Row]:
        """All rows. Raises RefusedError, NotProvenError."""
        key = tuple(sorted(sizes.items()))
        if key not in self.rows:
            if self.left <= 0:
                raise NotProvenError(f"{MOST_TRACES} traces did not settle it")
            self.rows[key] = self._trace(sizes)
        found = self.rows[key]
        if isinstance(found, str):
            raise RefusedError(found)
        return found

    def _trace(self, sizes: Sizes) -> list[Row] | str:
        try:
            return list(self.model.rows_at(sizes))
        except ShufflenetFlopsError as error:
            return str(error)

    def draw(self, domain: Domain) -> dict[str, int]:
        """Random sizes of a domain, of every order of magnitude alike."""
        sizes = {name: self._size(name, given) for name, given in domain.ranges.items()}
        if domain.square:
            sizes[domain.square[1]] = sizes[domain.square[0]]
        return sizes

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
            found.append({**near, name: size})
        return found

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
            return MOST_BATCH
        base = self.model.base.get(name, given.least)
        return max(WIDEST * base, given.least + 8 * given.step)

    def telling(self, domain: Domain, choices: Sequence[Open]) -> Sizes | None:
        """The sizes, of some that are drawn, at which most of the choices are told apart.

        None where none is.
        """

        def told(sizes: Sizes) -> int:
            return sum(choice.one.value(sizes) != choice.other.value(sizes) for choice in choices)

        best = self._best(domain, told)
        return best if told(best) else None

    def new(self, domain: Domain, used: Sequence[Sizes]) -> Sizes | None:
        """Sizes that are not used yet: of an earlier trace, or else as different as may be.

        None where there are no others.
        """
        for key, rows in self.rows.items():
            sizes = dict(key)
            if not isinstance(rows, str) and sizes in domain and sizes not in used:
                return sizes
        met = [dict(key) for key in self.rows]
        drawn = self._best(
            domain,
            lambda sizes: min(
                sum(sizes[name] != other[name] for name in domain.free) for other in met
            ),
            20,
        )
        if drawn not in used:
            return drawn
        return next((sizes for sizes in domain.few or () if sizes not in used), None)

    def _best(
        self, domain: Domain, score: Callable[[Mapping[str, int]], int], tries: int = _TRIES
    ) -> dict[str, int]:
        return max((self.draw(domain) for _ in range(tries)), key=score)
