"""A model of the health plan's own: which of its patients have a serious condition on the Charlson index?"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from data import years


def build() -> HistGradientBoostingClassifier:
    """Boosted trees, fitted on all years."""
    rows = years()
    return train(rows.x, np.asarray(rows.y), 0)


def train(x: np.ndarray, y: np.ndarray, seed: int) -> HistGradientBoostingClassifier:
    """The same trees on other rows."""
    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=seed).fit(x, y)
