"""A goal learnt from pairwise judgements of trajectories: Bradley and Terry's model over their features.

Bradley, Terry 1952; Christiano et al. 2017 (arXiv:1706.03741) for judgements of trajectories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals

# Penalties that cross-validation chooses from: stronger ones for few judgements of many features.
_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Scale:
    """A linear goal over features: ``score(features)`` is higher where the judges would be better pleased.

    ``weights`` (p,) are in units of standardised features; ``centre`` and ``spread`` (p,) are what they were
    standardised by.
    """

    weights: NumpyArray
    centre: NumpyArray
    spread: NumpyArray

    def score(self, features: NumpyArray) -> NumpyArray:
        """(..., p) -> (...)."""
        standard = (np.asarray(features, dtype=float) - self.centre) / self.spread
        return np.asarray(standard @ self.weights)


@dataclass(frozen=True)
class Agreement:
    """On judgements that had no part in the fit: the share the scale predicts (ties left out), and its interval."""

    value: float
    ci: Interval
    n: int

    @property
    def better_than_chance(self) -> bool:
        return self.n >= 2 and self.ci.low > 0.5


def fit(features: NumpyArray, pairs: NumpyArray, won: NumpyArray, penalty: float) -> Scale:
    """A scale from judgements.

    ``features`` (m, p) of trajectories; ``pairs`` (n, 2) of their indices; ``won`` (n,) is 1 where the first is better,
    0 where the second is, 0.5 where they are alike. Ridge-penalised logistic regression of the differences, by Newton's
    method; no intercept, since the order within a pair means nothing.
    """
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    standard = (features - centre) / spread
    d = standard[pairs[:, 0]] - standard[pairs[:, 1]]
    w = np.zeros(features.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(d @ w, -30, 30)))
        slope = d.T @ (p - won) + penalty * w
        bend = (d * (p * (1 - p))[:, None]).T @ d + penalty * np.eye(len(w))
        move = np.linalg.solve(bend, slope)
        w -= move
        if np.abs(move).max() < 1e-8:
            break
    return Scale(w, centre, spread)


def learn(
    features: NumpyArray, pairs: NumpyArray, won: NumpyArray, rng: np.random.Generator, folds: int = 5
) -> tuple[Scale, Agreement]:
    """A scale fitted to all judgements, and how well such a fit predicts judgements it has not seen.

    Cross-validation chooses the penalty and, in a loop around it, measures the agreement. Folds are of trajectories
    where enough pairs remain that share none (else of pairs), so that agreement is not recognition.
    """
    pairs, won = np.asarray(pairs), np.asarray(won, dtype=float)
    hits, tried = 0.0, 0
    for kept, held in _folds(pairs, len(features), folds, rng):
        scale = fit(features, pairs[kept], won[kept], _penalty(features, pairs[kept], won[kept], rng))
        right, n = _agree(scale, features, pairs[held], won[held])
        hits += right
        tried += n
    share = hits / tried if tried else 0.5
    scale = fit(features, pairs, won, _penalty(features, pairs, won, rng))
    return scale, Agreement(share, intervals.wilson(round(hits), tried), tried)


def _penalty(features: NumpyArray, pairs: NumpyArray, won: NumpyArray, rng: np.random.Generator) -> float:
    """The penalty with the highest held-out likelihood."""
    parts = np.array_split(rng.permutation(len(pairs)), min(3, len(pairs)))
    if len(parts) < 2:
        return _PENALTIES[-1]
    losses = np.zeros(len(_PENALTIES))
    for held in parts:
        kept = np.setdiff1d(np.arange(len(pairs)), held)
        for i, penalty in enumerate(_PENALTIES):
            scale = fit(features, pairs[kept], won[kept], penalty)
            scores = scale.score(features)
            margin = scores[pairs[held, 0]] - scores[pairs[held, 1]]
            losses[i] += float((np.logaddexp(0.0, margin) - won[held] * margin).sum())
    return _PENALTIES[int(losses.argmin())]


def _folds(pairs: NumpyArray, count: int, folds: int, rng: np.random.Generator) -> list[tuple[NumpyArray, NumpyArray]]:
    """(kept, held-out) indices of judgements. No trajectory of a held-out one is met in the fit, where that leaves
    half of the judgements to learn from."""
    part = rng.integers(0, folds, count)
    splits = []
    for f in range(folds):
        ends = part[pairs] == f
        held, kept = np.flatnonzero(ends.all(axis=1)), np.flatnonzero(~ends.any(axis=1))
        splits.append((kept, held))
    disjoint = sum(len(h) for _, h in splits)
    if disjoint >= max(20, len(pairs) // 8) and min(len(k) for k, _ in splits) >= len(pairs) // 2:
        return [s for s in splits if len(s[1])]
    pieces = np.array_split(rng.permutation(len(pairs)), min(folds, len(pairs)))
    return [(np.setdiff1d(np.arange(len(pairs)), held), held) for held in pieces] if len(pieces) > 1 else []


def _agree(scale: Scale, features: NumpyArray, pairs: NumpyArray, won: NumpyArray) -> tuple[float, int]:
    scores = scale.score(features)
    margin = scores[pairs[:, 0]] - scores[pairs[:, 1]]
    told = won != 0.5
    right = np.where(np.abs(margin) < 1e-12, 0.5, ((margin > 0) == (won > 0.5)).astype(float))
    return float(right[told].sum()), int(told.sum())
