"""A classifier two-sample test: can anything tell two data sets apart without the model under test?"""

from __future__ import annotations

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals


def tell_apart(
    a: NumpyArray, b: NumpyArray, rng: np.random.Generator, *, rows: int = 1500, folds: int = 2, level: float = 0.95
) -> tuple[float, Interval, NumpyArray, NumpyArray]:
    """AUC of out-of-fold scores for "this row is from ``b``", its DeLong interval, and the scores of both sides.

    Up to ``rows`` random rows per side, as many from each, in ``folds`` folds. Gradient-boosted trees on the raw
    columns (missing values allowed) are averaged with a logistic regression on standardised columns: trees see
    interactions, the linear model small shifts spread over many columns. 0.5 means indistinguishable; an interval
    that reaches 0.5 proves no difference. Source: Lopez-Paz & Oquab 2017, arXiv:1610.06545.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    n = min(rows, len(a), len(b))
    if n < 2 * folds:
        return 0.5, Interval(low=0.0, high=1.0, method="too few rows"), np.zeros(0), np.zeros(0)
    x = np.concatenate([a[rng.permutation(len(a))[:n]], b[rng.permutation(len(b))[:n]]]).astype(float)
    side = np.repeat([0, 1], n)
    fold = np.concatenate([rng.permutation(n) % folds, rng.permutation(n) % folds])
    plain = np.where(np.isfinite(x), x, 0.0)
    spread = plain.std(0)
    plain = (plain - plain.mean(0)) / np.where(spread > 0, spread, 1.0)
    scores = np.empty(2 * n)
    for k in range(folds):
        fit, held = fold != k, fold == k
        with threadpool_limits(1):  # so little work that waiting for each other would cost threads ten times as much
            trees = HistGradientBoostingClassifier(
                max_iter=40, max_leaf_nodes=15, early_stopping=False, random_state=int(rng.integers(2**31))
            ).fit(x[fit], side[fit])
            line = LogisticRegression(max_iter=200, C=0.1).fit(plain[fit], side[fit])
        # Ranks within the fold: scores of models fitted on different halves are not on one scale.
        mixed = trees.decision_function(x[held]) + line.decision_function(plain[held])
        scores[held] = (mixed.argsort().argsort() + 0.5) / held.sum()
    area, ci = intervals.auc(scores[n:], scores[:n], level)
    return area, ci, scores[n:], scores[:n]
