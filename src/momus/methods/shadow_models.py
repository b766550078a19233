"""Shadow models: retrain on random halves and learn, row by row, how a model speaks of rows it knows and of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from momus.core import seeds
from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray


def floor_of(p: NumpyArray) -> float:
    """Half the smallest distance from 0 or 1 that the probabilities show, within [1e-7, 1e-2].

    A forest of T trees speaks in steps of 1/T, and a fully grown tree only in 0 and 1: their log-odds would be
    infinite, and one such value would swamp a mean. Half a step keeps "all trees agree" apart from "all but one".
    """
    values = np.asarray(p, dtype=float)
    inside = values[(values > 1e-9) & (values < 1 - 1e-9)]
    if not len(inside):
        return 1e-2
    return float(np.clip(np.quantile(np.minimum(inside, 1 - inside), 0.001) / 2, 1e-7, 1e-2))


def log_odds(p: NumpyArray, y: NumpyArray, floor: float) -> NumpyArray:
    """log(p_y / (1 - p_y)) clipped at ``floor``: nearly normal over retrainings (Carlini et al. 2022)."""
    true = np.clip(np.asarray(p, dtype=float)[np.arange(len(y)), y], floor, 1 - floor)
    out: NumpyArray = np.log(true) - np.log1p(-true)
    return out


@dataclass(frozen=True)
class Shadows:
    """``p`` (s, n, k): what each of s shadow models says of n audited rows; ``inside`` (s, n): which it knew."""

    p: NumpyArray
    inside: NumpyArray
    spent: bool

    @property
    def count(self) -> int:
        return len(self.p)


def fit_shadows(
    retrain: Callable[[NumpyArray, NumpyArray, int], Callable[[NumpyArray], NumpyArray]],
    x: NumpyArray,
    y: NumpyArray,
    filler_x: NumpyArray,
    filler_y: NumpyArray,
    *,
    count: int,
    seed: int,
    progress: Callable[[float, str], None],
) -> Shadows:
    """Fit ``count`` shadow models, each on a random half of the n audited rows plus all filler rows.

    They come in pairs on complementary halves, so every row is inside exactly half of them. ``retrain(x, y, seed)``
    returns the probability function of a fresh model and may raise BudgetSpent: then whole pairs fitted so far are
    used. Halves and training seeds derive from ``seed`` and the model's number alone.
    """
    said: list[NumpyArray] = []
    halves: list[NumpyArray] = []
    spent = False
    for i in range(count - count % 2):
        half = np.zeros(len(x), dtype=bool)
        half[seeds.rng(seed, "shadow half", i // 2).permutation(len(x))[: len(x) // 2]] = True
        if i % 2:
            half = ~half
        progress(i / count, f"shadow model {i + 1} of {count}")
        try:
            fitted = retrain(
                np.concatenate([x[half], filler_x]),
                np.concatenate([y[half], filler_y]),
                seeds.derive(seed, "shadow model", i) % 2**31,
            )
        except BudgetSpent:
            spent = True
            break
        said.append(np.asarray(fitted(x)))
        halves.append(half)
    whole = len(said) - len(said) % 2
    shape = (0, len(x), 2)
    return Shadows(
        np.stack(said[:whole]) if whole else np.zeros(shape),
        np.stack(halves[:whole]) if whole else np.zeros(shape[:2], dtype=bool),
        spent,
    )


@dataclass(frozen=True)
class Scores:
    """Scores of the audited rows, higher for likelier members: online and offline LiRA, and the plain log-odds."""

    online: NumpyArray
    offline: NumpyArray
    plain: NumpyArray
    mean_in: NumpyArray
    mean_out: NumpyArray


def likelihood_ratio(shadows: Shadows, p: NumpyArray, y: NumpyArray, *, per_row_from: int = 64) -> Scores:
    """LiRA (Carlini et al. 2022, arXiv:2112.03570) of the target's answers ``p`` (n, k) on rows with classes ``y``.

    Each row has a normal distribution of log-odds over models that had it and over models that had not. Below
    ``per_row_from`` shadow models the spread is shared by all rows (the paper's fixed variance), since so few values
    cannot give one for each. The class ``y`` decides which probability counts. Needs at least one pair of models.
    """
    floor = floor_of(shadows.p)
    phi = np.stack([log_odds(q, y, floor) for q in shadows.p])
    observed = log_odds(p, y, floor)
    sides = []
    for mask in (shadows.inside, ~shadows.inside):
        n = np.maximum(mask.sum(0), 1)
        mean = np.where(mask, phi, 0).sum(0) / n
        square = (np.where(mask, phi - mean, 0) ** 2).sum(0)
        if shadows.count >= per_row_from:
            spread = np.sqrt(square / np.maximum(n - 1, 1))
        else:
            freedom = max(1, int((n - 1).sum()))
            spread = np.full(len(y), np.sqrt(square.sum() / freedom))
        sides.append((mean, np.maximum(spread, 1e-3)))
    (mean_in, sd_in), (mean_out, sd_out) = sides
    if shadows.count < 4:  # one value a side has no spread: compare with the two means alone
        sd_in = sd_out = np.ones(len(y))
    online = (
        np.log(sd_out)
        - np.log(sd_in)
        - ((observed - mean_in) / sd_in) ** 2 / 2
        + ((observed - mean_out) / sd_out) ** 2 / 2
    )
    return Scores(online, (observed - mean_out) / sd_out, observed, mean_in, mean_out)
