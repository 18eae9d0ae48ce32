"""Trees as arrays say what scikit-learn says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shufflenet_flops.latency.predict.trees import MOST_LEAVES, trees_of

FEATURES = 5


def regressor(leaves: int, trees: int = 7, spread: float = 1.0) -> Any:
    """Fitted on lines of few whole numbers and many others; without `spread` all are alike."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    random = np.random.default_rng(leaves)
    x = random.uniform(0, 9, (600, FEATURES))
    x[:, :3] = np.round(x[:, :3])
    y = spread * (np.sin(x).sum(axis=1) + x[:, 0] * x[:, 3] + random.normal(size=len(x)))
    found = ensemble.HistGradientBoostingRegressor(
        max_iter=trees, max_leaf_nodes=leaves, min_samples_leaf=2, early_stopping=False
    )
    return found.fit(x, y)


@pytest.mark.parametrize("leaves", [2, 12, 16, 17, 33, MOST_LEAVES])
def test_they_say_what_scikit_learn_says(leaves: int) -> None:
    """Within what was seen, at the thresholds and far beyond, of more lines than go at once."""
    fitted = regressor(leaves)
    trees = trees_of(fitted)
    lines = np.random.default_rng(1).uniform(-3, 12, (9000, FEATURES))
    lines[:500] = np.round(lines[:500])
    for line, threshold in enumerate(trees.thresholds[:500]):
        lines[line] = threshold

    assert trees.predict(lines) == pytest.approx(fitted.predict(lines), rel=1e-12, abs=1e-12)
    assert trees.predict(np.asfortranarray(lines)).tolist() == trees.predict(lines).tolist()
    assert trees.predict(lines[:0]).shape == (0,)


def test_trees_of_one_leaf() -> None:
    fitted = regressor(4, spread=0.0)
    assert trees_of(fitted).predict(np.zeros((2, FEATURES))) == pytest.approx([0.0, 0.0])


def test_more_leaves_than_bits() -> None:
    with pytest.raises(ValueError, match="a tree has 65 leaves, and may have 64"):
        trees_of(regressor(65, trees=1))
