"""How much likelier is each reference row in the current data? A density ratio, and what it can and cannot carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray

_MOST = 50.0  # a reference row counts at most so many times
_COVERED = 0.8  # a mean ratio below this is no noise
_BEYOND = 0.1  # nor is a greater share of current rows that look unlike nearly all of the reference
_TAIL = 0.995  # the quantile of the reference's own reconstruction error that a row inside its support stays below


@dataclass(frozen=True)
class Ratio:
    """``weights`` (n,) of the reference rows, mean 1: current density over reference density. ``effective`` is how many
    rows the weighted reference is worth, (sum w)^2 / sum w^2. ``outside`` (m,) marks those of the current that no
    reference row resembles; ``outside_share`` is their share, less what chance alone would mark, or more where the two
    sides can be told apart so well that the reference cannot stand for the current at all.
    """

    weights: NumpyArray
    effective: float
    outside: NumpyArray
    outside_share: float


def density_ratio(a: NumpyArray, b: NumpyArray, rng: np.random.Generator, *, folds: int = 4) -> Ratio:
    """Ratio of the density of ``b`` (m, d) to that of ``a`` (n, d) at the rows of ``a``, both finite.

    Boosted trees and a logistic regression tell the sides apart on rows they were not fitted on; their scores are
    calibrated by one further logistic regression, which draws all weights to 1 where there is nothing to tell.
    ValueError below 4 rows a side. Cost: ``folds`` fits of 40 small trees. Source: Sugiyama, Suzuki & Kanamori 2012;
    Bickel, Brueckner & Scheffer 2009 (ratio from a classifier).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    n, m = len(a), len(b)
    if min(n, m) < 4:
        raise ValueError("a density ratio needs at least 4 rows a side")
    folds = min(folds, n, m)
    x, side = np.concatenate([a, b]).astype(float), np.repeat([0, 1], [n, m])
    fold = np.concatenate([rng.permutation(k) % folds for k in (n, m)])
    scores = np.empty((n + m, 2))
    for k in range(folds):
        fit, held = fold != k, fold == k
        with threadpool_limits(1):
            trees = HistGradientBoostingClassifier(
                max_iter=40, max_leaf_nodes=8, early_stopping=False, random_state=int(rng.integers(2**31))
            ).fit(x[fit], side[fit])
            line = LogisticRegression(max_iter=200, C=0.1, class_weight="balanced").fit(x[fit], side[fit])
        scores[held, 0] = trees.decision_function(x[held])
        scores[held, 1] = np.clip(line.decision_function(x[held]), -20, 20)
    with threadpool_limits(1):
        last = LogisticRegression(C=1.0, class_weight="balanced").fit(scores, side)
    told = last.decision_function(scores)
    log_odds = np.clip(told[:n], -np.log(_MOST) * 2, np.log(_MOST) * 2)
    weights = np.exp(log_odds)
    overlap = min(1.0, float(weights.mean()))
    weights = np.minimum(weights / weights.mean(), _MOST)
    weights = weights / weights.mean()
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    outside = unlike(a, b, rng)
    excess = (float(outside.mean()) - (1 - _TAIL)) / _TAIL - 2 * np.sqrt((1 - _TAIL) * _TAIL / m)
    # The mean ratio over the reference is the share of the current data that the reference covers: 1 but for noise.
    apart = 1 - overlap if overlap < _COVERED else 0.0
    # Current rows more typical of the current data than all but two of the reference: no weight can stand for them.
    unlike_most = told[n:] > np.sort(told[:n])[-3]
    if unlike_most.mean() - 3 / n > _BEYOND:
        outside = outside | unlike_most
        apart = max(apart, float(unlike_most.mean()) - 3 / n)
    return Ratio(weights, effective, outside, float(max(0.0, excess, apart)))


def unlike(a: NumpyArray, b: NumpyArray, rng: np.random.Generator, *, components: int = 10) -> NumpyArray:
    """(m,) mask of the rows of ``b`` that lie where ``a`` has none; see :class:`Support`."""
    return Support(a, rng, components=components).unlike(b)


class Support:
    """Where the rows of ``a`` (n, d), finite, lie, by reconstruction from principal components.

    Components are fitted on half of ``a``; the other half says how large an error is usual, both off the components
    (what they cannot redraw) and along them (how far out). A row is unlike when either error is half as much again as
    the 99.5 % quantile of the other half, or when a column lies half its range beyond it (at all, where it is
    constant). Cost: one SVD of half of ``a``.
    """

    def __init__(self, a: NumpyArray, rng: np.random.Generator, *, components: int = 10) -> None:
        low, high = a.min(0), a.max(0)
        reach = (high - low) / 2 + 1e-6 * np.maximum(1.0, np.abs(high))
        self._low, self._high = low - reach, high + reach
        order = rng.permutation(len(a))
        fit, usual = a[order[: len(a) // 2]].astype(float), a[order[len(a) // 2 :]].astype(float)
        self._centre = fit.mean(0)
        _, size, right = np.linalg.svd(fit - self._centre, full_matrices=False)
        keep = max(1, min(components, int((size > 1e-6 * max(size[0], 1e-12)).sum())))
        self._axes, self._spread = right[:keep].T, np.maximum(size[:keep] / np.sqrt(len(fit)), 1e-9)
        self._usual = [1.5 * np.quantile(known, _TAIL) + 1e-9 for known in self._errors(usual)]

    def unlike(self, b: NumpyArray) -> NumpyArray:
        """(m,) mask of the rows of ``b`` (m, d), finite, that lie outside."""
        marks: NumpyArray = np.any((b < self._low) | (b > self._high), axis=1)
        for limit, asked in zip(self._usual, self._errors(b), strict=True):
            marks |= asked > limit
        return marks

    def _errors(self, x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        z = (x.astype(float) - self._centre) @ self._axes
        off = np.linalg.norm(x - self._centre - z @ self._axes.T, axis=1)
        return off, np.linalg.norm(z / self._spread, axis=1)
