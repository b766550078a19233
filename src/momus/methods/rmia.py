"""The relative attack (RMIA, arXiv:2312.03262): is a row likelier under this model than under models at large?

A row x is held against rows z of the population: it wins a pair where p(x | model) / p(x) is at least gamma times
p(z | model) / p(z). With one population for all rows, the share of pairs won is a rising function of the row's own
ratio, so both order rows alike and have one ROC curve; the ratio has no ties at the top, and the population is what
turns it into a promise: a row that wins 99 % of the pairs is a false alarm in one case of a hundred.
"""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.shadow_models import Shadows
from momus.stats import intervals, roc

LEAST = 1e-12
DEFAULT_A = 0.3  # where fewer than four models leave nothing to choose it on
GRID = tuple(round(0.1 * i, 1) for i in range(11))
TRIED = 4  # models that play the target while ``a`` is chosen


def likelihoods(p: NumpyArray, y: NumpyArray) -> NumpyArray:
    """(..., n, k) probabilities -> (..., n) those of the classes ``y``, never quite 0."""
    true = np.take_along_axis(np.asarray(p, dtype=float), np.broadcast_to(y[:, None], (*p.shape[:-1], 1)), axis=-1)
    kept: NumpyArray = np.clip(true[..., 0], LEAST, None)
    return kept


def mean_where(values: NumpyArray, mask: NumpyArray, most: int = 0) -> NumpyArray:
    """Mean over models (s, n) -> (n,) of those in ``mask``, of the first ``most`` of them where that is not 0."""
    if most:
        mask = mask & (np.cumsum(mask, axis=0) <= most)
    made: NumpyArray = np.where(mask, values, 0).sum(0) / np.maximum(mask.sum(0), 1)
    return made


def at_large(said: NumpyArray, inside: NumpyArray, *, a: float | None, most: int = 0) -> NumpyArray:
    """p(x) (n,) from likelihoods ``said`` (s, n): the mean of models with and without the row.

    With ``a`` from models without the row alone (offline), p_in being taken for a line a p_out + 1 - a; None is online.
    ``most`` bounds the models of each kind a row is compared with.
    """
    out = mean_where(said, ~inside, most)
    with_row = mean_where(said, inside, most) if a is None else a * out + 1 - a
    return (out + with_row) / 2


def ratios(p: NumpyArray, y: NumpyArray, shadows: Shadows, *, a: float | None, most: int = 0) -> NumpyArray:
    """log p(x | model) - log p(x) of every audited row, higher for likelier members."""
    large = at_large(likelihoods(shadows.p, y), shadows.inside, a=a, most=most)
    made: NumpyArray = np.log(likelihoods(p, y)) - np.log(np.clip(large, LEAST, None))
    return made


def choose_a(shadows: Shadows, y: NumpyArray) -> float:
    """The ``a`` with which models attack one of their own best; the target is not asked.

    Each of the first few models plays the target in turn, its pair stands aside (it knows exactly the other half), and
    the rest are its references. Needs two pairs of models, else the default.
    """
    if shadows.count < 4:
        return DEFAULT_A
    said = likelihoods(shadows.p, y)
    strength = np.zeros(len(GRID))
    for i in range(min(TRIED, shadows.count)):
        rest = [j for j in range(shadows.count) if j // 2 != i // 2]
        own, mine = np.log(said[i]), shadows.inside[i]
        for k, a in enumerate(GRID):
            score = own - np.log(at_large(said[rest], shadows.inside[rest], a=a))
            strength[k] += _strength(score[mine], score[~mine])
    best = np.flatnonzero(strength >= strength.max() - 1e-12)
    return GRID[int(best[len(best) // 2])]


def choose_threshold(shadows: Shadows, y: NumpyArray, *, a: float | None) -> float | None:
    """The score that tells members best where models attack one of their own; None without two pairs of models."""
    if shadows.count < 4:
        return None
    said = likelihoods(shadows.p, y)
    member, other = [], []
    for i in range(min(TRIED, shadows.count)):
        rest = [j for j in range(shadows.count) if j // 2 != i // 2]
        large = at_large(said[rest], shadows.inside[rest], a=a)
        score = np.log(said[i]) - np.log(np.clip(large, LEAST, None))
        member.append(score[shadows.inside[i]])
        other.append(score[~shadows.inside[i]])
    return roc.best_threshold(np.concatenate(member), np.concatenate(other))


def pairs_won(score: NumpyArray, population: NumpyArray, gamma: float = 1.0) -> NumpyArray:
    """Share of the population that each row beats by ``gamma``; both are logarithms of ratios."""
    order = np.sort(np.asarray(population, dtype=float))
    won: NumpyArray = np.searchsorted(order, np.asarray(score) - np.log(gamma), side="right") / max(1, len(order))
    return won


def kept_promise(other: NumpyArray, rate: float, rng: np.random.Generator) -> tuple[int, int]:
    """How many non-members win at least 1 - ``rate`` of their pairs, and of how many.

    Half of them stand for the population of the other half, in turn, so that no row is held against itself.
    """
    order = rng.permutation(len(other))
    halves = other[order[: len(order) // 2]], other[order[len(order) // 2 :]]
    if not len(halves[0]):
        return 0, 0
    hits = sum(int((pairs_won(x, z) > 1 - rate).sum()) for x, z in (halves, halves[::-1]))
    return hits, len(other)


def _strength(member: NumpyArray, other: NumpyArray) -> float:
    curve = roc.curve(member, other)
    return float(np.mean([curve.at(r) for r in (0.01, 0.05, 0.1)])) + 0.01 * intervals.auc(member, other)[0]
