"""How many more errors does a model make on rows nobody has labelled? Four estimates and an interval over them.

All assume that a row's chance of an error is what it was for a row like it (covariate shift), or that only the mix of
classes changed (label shift). A changed relation between inputs and labels is invisible to all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods.importance import Ratio

FOLDS = 5


@dataclass(frozen=True)
class Expected:
    """Expected error of each row, from a model of errors: ``before`` (n,) out of fold, ``after`` (m,)."""

    before: NumpyArray
    after: NumpyArray


@dataclass(frozen=True)
class Estimate:
    """Mean error in the current data, with what its sampling alone leaves open."""

    name: str
    value: float
    ci: Interval


def expected_errors(
    before: NumpyArray, wrong: NumpyArray, after: NumpyArray, rng: np.random.Generator, *, rates: bool = True
) -> Expected:
    """A model of the errors ``wrong`` (n,) over features ``before`` (n, d), applied to ``after`` (m, d).

    One feature, the confidence: isotonic (decreasing), or logistic below 300 rows. Several: boosted trees.
    ``rates``: errors are 0/1, else amounts >= 0. Rows of ``before`` are told by models that never saw them.
    """
    fold = rng.permutation(len(wrong)) % FOLDS
    out, told = np.empty(len(wrong)), np.zeros(len(after))
    for k in range(FOLDS):
        held = fold == k
        model = _fitted(before[~held], wrong[~held], rates, rng)
        out[held] = model(before[held])
        told += model(after) / FOLDS
    return Expected(out, told)


def _fitted(x: NumpyArray, wrong: NumpyArray, rates: bool, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if wrong.min(initial=0) == wrong.max(initial=0) or not len(wrong):
        level = float(wrong.mean()) if len(wrong) else 0.0
        return lambda a: np.full(len(a), level)
    settings = {"max_iter": 40, "max_leaf_nodes": 8, "early_stopping": False, "random_state": int(rng.integers(2**31))}
    with threadpool_limits(1):
        if not rates:
            amounts = HistGradientBoostingRegressor(**settings).fit(x, wrong)
            return lambda a: np.maximum(amounts.predict(a), 0.0)
        if x.shape[1] > 1:
            trees = HistGradientBoostingClassifier(**settings).fit(x, wrong)
            return lambda a: trees.predict_proba(a)[:, 1]
        if len(wrong) >= 300:
            steps = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(x[:, 0], wrong)
            return lambda a: steps.predict(a[:, 0])
        line = LogisticRegression().fit(x, wrong)
        return lambda a: line.predict_proba(a)[:, 1]


def confidence_estimate(expected: Expected, wrong: NumpyArray) -> Estimate:
    """Mean of the calibrated chances of an error (as CBPE does). Its error: sampling, and that of the calibration."""
    value = float(expected.after.mean())
    noise = _variance(expected.after) + _variance(wrong - expected.before)
    return _estimate("calibrated confidence", value, noise)


def threshold_estimate(before: NumpyArray, wrong: NumpyArray, after: NumpyArray) -> Estimate:
    """Share of current rows less confident than the labelled error rate's quantile (ATC, arXiv:2201.04234)."""
    rate = float(wrong.mean())
    cut = np.quantile(before, rate) if rate > 0 else -math.inf
    below = (after < cut).astype(float)
    return _estimate("confidence threshold", float(below.mean()), _variance(below) + _variance(wrong))


def weighted_estimate(wrong: NumpyArray, ratio: Ratio) -> Estimate:
    """Labelled errors, weighted by how much likelier their rows are now."""
    w = ratio.weights / ratio.weights.sum()
    value = float(w @ wrong)
    return _estimate("importance weighting", value, float((w**2) @ (wrong - value) ** 2) + 1 / ratio.effective**2)


def corrected_estimate(expected: Expected, wrong: NumpyArray, ratio: Ratio) -> Estimate:
    """Expected errors, corrected by how wrong they are on likewise weighted labelled rows.

    Right where either the model of errors or the density ratio is (doubly robust; Robins, Rotnitzky & Zhao 1994).
    """
    w = ratio.weights / ratio.weights.sum()
    rest = wrong - expected.before
    value = float(expected.after.mean() + w @ rest)
    noise = _variance(expected.after) + float((w**2) @ (rest - w @ rest) ** 2) + 1 / ratio.effective**2
    return _estimate("corrected confidence", value, noise)


def _variance(values: NumpyArray) -> float:
    """Of the mean; never 0, since few rows that agree prove little."""
    n = max(1, len(values))
    return float(np.var(values)) / n + 1 / (n * n)


def _estimate(name: str, value: float, variance: float, z: float = 1.96) -> Estimate:
    half = z * math.sqrt(variance)
    return Estimate(name, value, Interval(low=value - half, high=value + half, method="normal"))


def together(value: float, estimates: list[Interval], outside: float, most: float = 1.0) -> Interval:
    """An interval for the mean error that every estimate's own lies in, and that knows nothing of rows ``outside``.

    A share ``outside`` of the current rows resembles no labelled one: their error may be anything from 0 to ``most``.
    """
    low = min(e.low for e in estimates) * (1 - outside)
    high = max(e.high for e in estimates) * (1 - outside) + outside * most
    return Interval(low=min(max(0.0, low), value), high=max(min(most, high), value), method="envelope of estimates")


def undone(
    before: NumpyArray, after: NumpyArray, expected: NumpyArray, *, categories: bool = False, bins: int = 10
) -> float:
    """By how much the mean of ``expected`` (m,) falls when one column's distribution is brought back by weighting.

    ``before`` (n,) and ``after`` (m,) are that column's values; current rows count by reference share over current
    share of their bin (at most 20 times). Columns that move together share the credit, so the parts need not add up.
    """
    one, two = before[np.isfinite(before)], np.where(np.isfinite(after), after, np.nan)
    if not len(one) or np.isnan(two).all():
        return 0.0
    if categories:
        cuts = np.unique(np.concatenate([one, two[np.isfinite(two)]]))[:-1] + 0.5
    else:
        cuts = np.unique(np.quantile(one, np.linspace(0, 1, bins + 1)[1:-1]))
    size = len(cuts) + 1
    place = [np.where(np.isnan(v), size, np.searchsorted(cuts, v, side="right")) for v in (before, after)]
    shares = [np.bincount(p, minlength=size + 1) / len(p) for p in place]
    weight = np.minimum(np.divide(shares[0], shares[1], out=np.zeros(size + 1), where=shares[1] > 0), 20.0)[place[1]]
    return float(expected.mean() - (weight @ expected) / weight.sum()) if weight.sum() > 0 else 0.0
