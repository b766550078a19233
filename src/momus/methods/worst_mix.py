"""How badly would a model fare if operation moved to another mix of the conditions it already meets?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.group_gaps import GroupGap, gaps


@dataclass(frozen=True)
class Mix:
    """The worst part of ``share`` of the rows: what it scores, and by how much that is below the whole."""

    share: float
    chosen: NumpyArray
    gap: GroupGap


def expected_scores(z: NumpyArray, score: NumpyArray, rng: np.random.Generator, *, folds: int = 5) -> NumpyArray:
    """(n,) the score that a row's conditions ``z`` (n, d) let one expect, each fitted on the other folds.

    Gradient-boosted trees with shallow leaves; missing values are a condition of their own. Constant conditions give
    the mean. ``score`` (n,): more is better.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    fold = rng.permutation(len(z)) % folds
    out = np.empty(len(z))
    for k in range(folds):
        fit, held = fold != k, fold == k
        model = HistGradientBoostingRegressor(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=max(10, int(fit.sum()) // 100),
            early_stopping=False, random_state=int(rng.integers(2**31)),
        )  # fmt: skip
        with threadpool_limits(1):
            out[held] = model.fit(z[fit], score[fit]).predict(z[held])
    return out


def worst_mixes(
    z: NumpyArray, score: NumpyArray, shares: Sequence[float], rng: np.random.Generator, *, least: int = 30
) -> tuple[Mix, ...]:
    """For each share, the rows whose conditions promise the least, and what they really score.

    Rows are chosen by :func:`expected_scores`, which has not seen them, so their mean score is unbiased for the part
    chosen, and the part chosen is a lower bound on how bad the worst one is: the loss under any shift of the mix that
    keeps at least ``share`` of today's rows at equal weight. Shares that leave fewer than ``least`` rows on either
    side are left out. The interval of a gap holds for one share and its rest together (Newcombe, or Welch's).
    Source: Subbaswamy, Adams & Saria 2021 (arXiv:2010.15100).
    """
    promised = expected_scores(z, score, rng)
    order = np.lexsort((rng.random(len(z)), promised))
    found = []
    for share in shares:
        n = int(np.ceil(share * len(z)))
        if n < least or len(z) - n < least:
            continue
        chosen = np.zeros(len(z), dtype=bool)
        chosen[order[:n]] = True
        parts = gaps(score, {"part": np.where(chosen, "worst", "rest")}, least=least)
        found.append(Mix(share, chosen, next(g for g in parts.groups if g.value == "worst")))
    return tuple(found)
