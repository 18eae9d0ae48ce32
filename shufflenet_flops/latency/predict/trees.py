"""Boosted trees as plain arrays: what scikit-learn has learned, to be kept and asked again.

They are asked as QuickScorer does (Lucchese et al., SIGIR 2015): no tree is walked. Each tree has a
bit for each of its leaves, from left to right; a test that fails takes the leaves on its left out,
and of those that no test takes out the leftmost is where the walk would end. All tests of a feature
are known from where its value lies among their thresholds, so a line of features costs a look-up
and an AND for each feature, over all trees at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARRAYS = ("tested", "ends", "thresholds", "masks", "values")
MOST_LEAVES = 64  # of a tree: bits of the widest integers
_LINES = 4096  # at once, whose masks stay in a cache


@dataclass(frozen=True)
class Trees:
    """A sum of trees on top of `base`.

    `tested` are the features that any test asks for; the `thresholds` of the i-th of them, in
    order, end before `ends[i]`. A feature of k thresholds has k + 1 lines of `masks`, (lines,
    trees), of which the j-th holds the leaves that are left where j thresholds are below its value.
    `values`, (trees, leaves), are the leaves'.
    """

    base: float
    tested: NDArray[Any]
    ends: NDArray[Any]
    thresholds: NDArray[Any]
    masks: NDArray[Any]
    values: NDArray[Any]

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """The sum for each line of features."""
        import numpy as np

        parts = [self._sums(x[first : first + _LINES]) for first in range(0, len(x), _LINES)]
        return self.base + np.concatenate(parts or [np.zeros(0)])

    def _sums(self, x: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        left = np.full((len(x), len(self.values)), ~self.masks.dtype.type(0))
        start = line = 0
        for feature, end in zip(self.tested.tolist(), self.ends.tolist(), strict=True):
            below = np.searchsorted(self.thresholds[start:end], x[:, feature])
            left &= self.masks.take(below + line, axis=0)
            start, line = end, line + end - start + 1
        lowest = left & (~left + left.dtype.type(1))
        leaves = (lowest.astype("float32").view("int32") >> 23) - 127  # the exponent of 2
        first = np.arange(len(self.values), dtype="int32") * self.values.shape[1]
        sums: NDArray[Any] = self.values.reshape(-1).take(leaves + first).sum(axis=1)
        return sums


def trees_of(regressor: Any) -> Trees:
    """The trees of a HistGradientBoostingRegressor that was fitted on numbers without gaps.

    scikit-learn has no public way to them: `_predictors` and `_baseline_prediction` are what its
    own `predict` goes through. Raises ValueError for trees of more than MOST_LEAVES leaves.
    """
    import numpy as np

    trees = [predictors[0].nodes for predictors in regressor._predictors]
    leaves = max(int(nodes["is_leaf"].sum()) for nodes in trees)
    if leaves > MOST_LEAVES:
        raise ValueError(f"a tree has {leaves} leaves, and may have {MOST_LEAVES}")
    bits = next(bits for bits in (16, 32, 64) if leaves <= bits)
    values = np.zeros((len(trees), leaves))
    tests: defaultdict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for place, nodes in enumerate(trees):
        ordered = _leaves(nodes, 0)
        values[place, : len(ordered)] = nodes["value"][ordered]
        for feature, threshold, mask in _tests(nodes, bits):
            tests[feature].append((threshold, place, mask))
    tested = sorted(tests)
    found = [sorted(tests[feature]) for feature in tested]
    whole = np.full(len(trees), 2**bits - 1, dtype=f"uint{bits}")
    lines = []
    for of_feature in found:
        left = whole.copy()
        lines.append(left.copy())
        for _, place, mask in of_feature:
            left[place] &= left.dtype.type(mask)
            lines.append(left.copy())
    return Trees(
        base=float(np.ravel(regressor._baseline_prediction)[0]),
        tested=np.array(tested, dtype="int64"),
        ends=np.cumsum([len(of_feature) for of_feature in found], dtype="int64"),
        thresholds=np.array([threshold for of_feature in found for threshold, _, _ in of_feature]),
        masks=np.array(lines, dtype=whole.dtype).reshape(-1, len(trees)),
        values=values,
    )


def _leaves(nodes: NDArray[Any], place: int) -> list[int]:
    """The places of the leaves under a node, from left to right."""
    node = nodes[place]
    if node["is_leaf"]:
        return [place]
    return [*_leaves(nodes, node["left"]), *_leaves(nodes, node["right"])]


def _tests(nodes: NDArray[Any], bits: int) -> Iterator[tuple[int, float, int]]:
    """Feature, threshold and what is left where a value is larger, of each node that tests one."""
    number = {place: i for i, place in enumerate(_leaves(nodes, 0))}
    for node in nodes[nodes["is_leaf"] == 0]:
        out = sum(1 << number[place] for place in _leaves(nodes, node["left"]))
        yield int(node["feature_idx"]), float(node["num_threshold"]), (2**bits - 1) & ~out
