"""Has only the mix of classes changed? Their new shares without labels, and the accuracy that would follow.

Source: Lipton, Wang & Smola 2018 (arXiv:1802.03916), black-box shift estimation; the soft form uses probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import multiple, two_sample

CLASSES = 50  # beyond that the matrix to invert is larger than most data sets can fill


@dataclass(frozen=True)
class LabelShift:
    """``shares`` (k,) of the classes in the current data if nothing but they changed, ``before`` (k,) as they were.

    ``weights`` (k,) is their ratio. ``p`` tests that no class changed (chi-squared on the predicted classes).
    ``error`` is the error rate that would follow, with its interval. ``condition`` is the smallest singular value of
    the matrix of outputs by class, each column a distribution: near 0 the outputs do not tell the classes apart, and
    the estimate is void.
    """

    shares: NumpyArray
    before: NumpyArray
    weights: NumpyArray
    p: float
    error: float
    ci: Interval
    condition: float

    @property
    def usable(self) -> bool:
        return self.condition > 0.05


def estimate(
    said: NumpyArray,
    y: NumpyArray,
    wrong: NumpyArray,
    current: NumpyArray,
    rng: np.random.Generator,
    *,
    draws: int = 200,
    level: float = 0.95,
) -> LabelShift:
    """Shares of the classes in unlabelled data, from a model's outputs on labelled ones.

    ``said`` (n, k) and ``current`` (m, k) are probabilities, or predicted classes as 0/1 rows; ``y`` (n,) true classes,
    ``wrong`` (n,) 0/1. Classes without a labelled row keep a share of 0. The interval resamples both sets ``draws``
    times. ValueError for more than 50 classes or no rows. Cost: O(draws n k^2).
    """
    k = said.shape[1]
    if k > CLASSES or not len(said) or not len(current):
        raise ValueError(f"label shift needs rows on both sides and at most {CLASSES} classes")
    truth = (np.asarray(y)[:, None] == np.arange(k)).astype(float)
    classes = np.flatnonzero(truth.sum(0))
    shares, error, condition = _solve(said, truth, wrong, current, classes)
    drawn = []
    for _ in range(draws):
        i, j = rng.integers(0, len(said), len(said)), rng.integers(0, len(current), len(current))
        drawn.append(_solve(said[i], truth[i], wrong[i], current[j], classes)[1])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    counts = [np.bincount(s.argmax(1), minlength=k) for s in (said, current)]
    before = truth.mean(0)
    weights = np.divide(shares, before, out=np.zeros(k), where=before > 0)
    ci = Interval(low=min(float(low), error), high=max(float(high), error), level=level, method="bootstrap")
    return LabelShift(shares, before, weights, two_sample.chi2_p_value(*counts), error, ci, condition)


def fits(
    rows: NumpyArray, y: NumpyArray, shares: NumpyArray, current: NumpyArray, rng: np.random.Generator
) -> tuple[float, int]:
    """Could the current rows be labelled ones with other ``shares`` of the classes? (p-value, labelled rows used).

    As many labelled rows (n, d) as can be had without taking one twice are drawn in those shares and compared with the
    current rows (m, d), column by column (Kolmogorov-Smirnov, Holm). A small p rules out that only the classes changed.
    Shares that were themselves estimated make it a little too small; hold it against 0.001. (1, 0) where no rows fit.
    """
    index = [np.flatnonzero(np.asarray(y) == c) for c in range(len(shares))]
    wanted = [c for c, s in enumerate(shares) if s > 0.005 and len(index[c])]
    size = min((len(index[c]) / shares[c] for c in wanted), default=0.0)
    drawn = [rng.permutation(index[c])[: int(size * shares[c])] for c in wanted]
    chosen = np.concatenate(drawn) if drawn else np.zeros(0, dtype=int)
    if len(chosen) < 20 or len(current) < 20:
        return 1.0, 0
    p = two_sample.ks_columns(rows[chosen], current)[1]
    return float(multiple.holm(p).min()), len(chosen)


def _solve(
    said: NumpyArray, truth: NumpyArray, wrong: NumpyArray, current: NumpyArray, classes: NumpyArray
) -> tuple[NumpyArray, float, float]:
    """Shares that explain the mean output, nowhere negative; the error rate they imply; the smallest singular value."""
    of = truth[:, classes]
    rows = np.maximum(of.sum(0), 1e-9)
    matrix = said.T @ of / rows  # (k, classes): mean output of each class
    found, _ = scipy.optimize.nnls(np.vstack([matrix, 10 * np.ones(len(classes))]), np.append(current.mean(0), 10.0))
    total = found.sum()
    found = found / total if total > 0 else np.full(len(classes), 1 / len(classes))
    shares = np.zeros(said.shape[1])
    shares[classes] = found
    error = float(found @ (of.T @ wrong / rows))
    return shares, error, float(np.linalg.svd(matrix, compute_uv=False).min())
