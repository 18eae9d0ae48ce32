"""Boosted trees as plain arrays: what scikit-learn has learned, to be kept and asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARRAYS = ("feature", "threshold", "left", "right", "value", "roots")


@dataclass(frozen=True)
class Trees:
    """A sum of trees on top of `base`; all their nodes lie one after the other.

    A node sends a line of features to the node `left` where its `feature` is at most `threshold`,
    else to the `right`; a leaf sends it to itself, and adds its `value`. `roots` are the first
    nodes, `depth` is how many steps lead to the furthest leaf.
    """

    base: float
    depth: int
    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]
    roots: NDArray[Any]

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """The sum for each line of features."""
        import numpy as np

        values = np.ascontiguousarray(x).reshape(-1)
        lines = np.arange(len(x)) * (x.shape[1] if len(x) else 0)
        children = np.stack((self.right, self.left), axis=1).reshape(-1)
        total = np.full(len(x), self.base)
        for root in self.roots.tolist():
            at = np.full(len(x), root)
            for _ in range(self.depth):
                chosen = values.take(lines + self.feature.take(at))
                after = children.take(2 * at + (chosen <= self.threshold.take(at)))
                if np.array_equal(after, at):  # all are at a leaf
                    break
                at = after
            total += self.value.take(at)
        return total


def trees_of(regressor: Any) -> Trees:
    """The trees of a HistGradientBoostingRegressor that was fitted on numbers without gaps.

    scikit-learn has no public way to them: `_predictors` and `_baseline_prediction` are what its
    own `predict` goes through.
    """
    import numpy as np

    parts = [predictors[0].nodes for predictors in regressor._predictors]
    roots = np.cumsum([0, *(len(nodes) for nodes in parts[:-1])])
    nodes = np.concatenate(parts)
    first = np.repeat(roots, [len(part) for part in parts])
    itself = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        base=float(np.ravel(regressor._baseline_prediction)[0]),
        depth=int(nodes["depth"].max()),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype("int64"),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, itself, nodes["left"] + first).astype("int64"),
        right=np.where(leaf, itself, nodes["right"] + first).astype("int64"),
        value=np.where(leaf, nodes["value"], 0.0),
        roots=roots,
    )
