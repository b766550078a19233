"""The strongest guess of one column from the others without any model: what an attack has to beat to count as a leak.

Jayaraman and Evans 2022 (arXiv:2209.01292): much of what passed for attribute inference was imputation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray

Fit = Callable[[NumpyArray, NumpyArray], Callable[[NumpyArray], NumpyArray]]
FLOOR = 1e-4


@dataclass(frozen=True)
class Guess:
    """Probabilities of each value: for the rows learned from, by models that had not seen them, and for the others."""

    name: str
    own: NumpyArray
    asked: NumpyArray


def impute(
    known: NumpyArray,
    codes: NumpyArray,
    asked: NumpyArray,
    coded: NumpyArray,
    k: int,
    rng: np.random.Generator,
    *,
    only: str = "",
    folds: int = 3,
) -> Guess:
    """Boosted trees, a forest, a linear model and their mean, the best of them on rows they had not seen.

    ``known`` (n, d) rows with their value ``codes`` (n,) in 0..k-1; ``asked`` (m, d); ``coded`` (d,) marks columns of
    category codes. Best is the greatest mean share of each value's rows guessed right. ``only`` names one instead.
    """
    fits = _fits(known, asked, coded, int(rng.integers(2**31)))
    names = [only] if only in fits else list(fits)
    fold = _folds(codes, folds, rng)
    own = {n: np.full((len(known), k), 1 / k) for n in names}
    for f in range(folds):
        fit, held = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        for n in names:
            if len(held):
                own[n][held] = _shares(fits[n], known[fit], codes[fit], known[held], k)
    out = {n: _shares(fits[n], known, codes, asked, k) for n in names}
    if len(names) > 1 or only == "mean of all":
        own["mean of all"] = np.mean([own[n] for n in names], axis=0)
        out["mean of all"] = np.mean([out[n] for n in names], axis=0)
    worth = {n: balanced(np.log(p), codes, prior(codes, k)) for n, p in own.items()}
    best = only if only in own else max(worth, key=lambda n: worth[n])
    return Guess(best, own[best], out[best])


def prior(codes: NumpyArray, k: int) -> NumpyArray:
    """(k,) how common each value is, never quite 0."""
    counts = np.bincount(codes[codes >= 0], minlength=k).astype(float)
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * k))


def pick(scores: NumpyArray, base: NumpyArray | None = None) -> NumpyArray:
    """(n,) the value with the greatest log-posterior; with ``base`` the rule that serves every value equally."""
    return np.asarray((scores if base is None else scores - np.log(base)).argmax(1))


def balanced(scores: NumpyArray, codes: NumpyArray, base: NumpyArray) -> float:
    """Mean over the values that occur of the share of their rows guessed right, guessed by the even-handed rule."""
    right = pick(scores, base) == codes
    return float(np.mean([right[codes == v].mean() for v in np.unique(codes)])) if len(codes) else 0.0


def _folds(codes: NumpyArray, folds: int, rng: np.random.Generator) -> NumpyArray:
    """Each value's rows spread evenly over the folds."""
    fold = np.empty(len(codes), dtype=np.int64)
    for v in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == v))
        fold[rows] = (np.arange(len(rows)) + int(rng.integers(folds))) % folds
    return fold


def _shares(fit: Fit, x: NumpyArray, codes: NumpyArray, asked: NumpyArray, k: int) -> NumpyArray:
    """Probabilities (m, k); values that were never seen get next to nothing."""
    out = np.full((len(asked), k), FLOOR)
    seen = np.unique(codes)
    if len(seen) == 1:
        out[:, seen] = 1.0
    elif len(seen) and len(asked):
        out[:, seen] += fit(x, codes)(asked)
    return np.asarray(out / out.sum(1, keepdims=True))


def _fits(known: NumpyArray, asked: NumpyArray, coded: NumpyArray, seed: int) -> dict[str, Fit]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    levels = [np.unique(c[np.isfinite(c)]) for c in known.T]
    known_values = np.where(np.isfinite(known), known, np.nan)
    centre = np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.0 for c in known_values.T])
    spread = np.array([c[np.isfinite(c)].std() if np.isfinite(c).any() else 0.0 for c in known_values.T])

    def whole(x: NumpyArray) -> NumpyArray:
        return np.where(np.isfinite(x), x, centre)

    def plain(x: NumpyArray) -> NumpyArray:
        parts = [(whole(x) - centre) / np.where(spread > 0, spread, 1.0)]
        parts += [(x[:, [j]] == levels[j]).astype(float) for j in np.flatnonzero(coded) if len(levels[j]) <= 50]
        return np.column_stack(parts)

    def fitted(make: Callable[[], Any], see: Callable[[NumpyArray], NumpyArray]) -> Fit:
        def fit(x: NumpyArray, codes: NumpyArray) -> Callable[[NumpyArray], NumpyArray]:
            with threadpool_limits(1):
                model = make().fit(see(x), codes)
            return lambda rows: np.asarray(model.predict_proba(see(rows)))

        return fit

    return {
        "boosted trees": fitted(
            lambda: HistGradientBoostingClassifier(
                max_iter=60, max_leaf_nodes=15, learning_rate=0.08, early_stopping=False, random_state=seed
            ),
            lambda x: x,
        ),
        "forest": fitted(
            lambda: RandomForestClassifier(60, min_samples_leaf=3, max_features=None if known.shape[1] < 6 else "sqrt",
                                           random_state=seed, n_jobs=1), whole
        ),
        "linear model": fitted(lambda: LogisticRegression(C=1.0, max_iter=300), plain),
    }  # fmt: skip
