"""The learned attack on membership: classifiers that tell members by the probabilities a model gives them."""

from __future__ import annotations

import warnings

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.shadow_models import Shadows, floor_of, log_odds

MOST = 40_000  # answers a class's attack model is trained on: more cost time and change nothing
LEAST = 100  # answers of each kind below which a class is left to the model of all classes
OTHERS = 20  # probabilities kept beside that of the row's class, from the largest down


def features(p: NumpyArray, y: NumpyArray, floor: float) -> NumpyArray:
    """Log-odds of the row's class, then of the other classes from the largest down: (n, min(k, 1 + OTHERS)).

    The whole vector of Shokri et al., sorted so that what is learned of one wrong class serves for all.
    """
    p = np.asarray(p, dtype=float)
    k = p.shape[1]
    keep = np.arange(k) != np.asarray(y)[:, None]
    rest = np.sort(p[keep].reshape(len(p), k - 1), axis=1)[:, ::-1][:, :OTHERS]
    rest = np.clip(rest, floor, 1 - floor)
    return np.column_stack([log_odds(p, y, floor), np.log(rest) - np.log1p(-rest)])


def learned_scores(shadows: Shadows, p: NumpyArray, y: NumpyArray, rng: np.random.Generator) -> NumpyArray:
    """Probability (n,) that the target was trained on each row, by attack models that saw the shadow models alone.

    Shokri et al. 2017 (arXiv:1610.05820): what s shadow models say of rows inside and outside teaches one network of 64
    hidden units for each class; the target's answers ``p`` (n, k) on rows of classes ``y`` are then read by it. Inside
    and outside weigh the same, since every row is inside half of the models. Needs one pair of shadow models.
    """
    floor = floor_of(shadows.p)
    known = np.concatenate([features(q, y, floor) for q in shadows.p])
    label, of_class = shadows.inside.ravel(), np.tile(y, shadows.count)
    mean, spread = known.mean(0), known.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    known, asked = (known - mean) / spread, (features(p, y, floor) - mean) / spread
    scores = np.full(len(y), np.nan)
    for c in np.unique(y):
        rows = np.flatnonzero(of_class == c)
        if min(label[rows].sum(), (~label[rows]).sum()) >= LEAST:
            scores[y == c] = _learned(known, label, rows, asked[y == c], rng)
    left = np.isnan(scores)
    if left.any():
        scores[left] = _learned(known, label, np.arange(len(label)), asked[left], rng)
    return scores


def _learned(
    known: NumpyArray, label: NumpyArray, rows: NumpyArray, asked: NumpyArray, rng: np.random.Generator
) -> NumpyArray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    rows = rng.permutation(rows)[:MOST]
    if len(np.unique(label[rows])) < 2:
        return np.full(len(asked), 0.5)
    net = MLPClassifier((64,), max_iter=20, batch_size=min(256, len(rows)), random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # 20 rounds are the method, not a failure
        found: NumpyArray = net.fit(known[rows], label[rows]).predict_proba(asked)[:, 1]
    return found
