"""Shadow models: retrain on random halves and learn, row by row, how a model speaks of rows it knows and of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core import seeds
from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.stats import roc


def floor_of(p: NumpyArray) -> float:
    """Half the smallest distance from 0 or 1 that the probabilities show, within [1e-12, 1e-2].

    A forest of T trees speaks in steps of 1/T, and a fully grown tree only in 0 and 1: their log-odds would be
    infinite, and one such value would swamp a mean. Half a step keeps "all trees agree" apart from "all but one".
    """
    values = np.asarray(p, dtype=float)
    inside = values[(values > 1e-12) & (values < 1 - 1e-12)]
    if not len(inside):
        return 1e-2
    return float(np.clip(np.quantile(np.minimum(inside, 1 - inside), 0.001) / 2, 1e-12, 1e-2))


def log_odds(p: NumpyArray, y: NumpyArray, floor: float) -> NumpyArray:
    """log(p_y / (1 - p_y)) clipped at ``floor``: nearly normal over retrainings (Carlini et al. 2022).

    1 - p_y is the sum of the other classes: in single precision a sure network's own 1 - p_y is 0.
    """
    p = np.asarray(p, dtype=float)
    rows = np.arange(len(y))
    true, rest = p[rows, y], p.copy()
    rest[rows, y] = 0.0
    out: NumpyArray = np.log(np.clip(true, floor, 1 - floor)) - np.log(np.clip(rest.sum(1), floor, 1 - floor))
    return out


@dataclass(frozen=True)
class Shadows:
    """``p`` (s, n, k): what each of s shadow models says of n audited rows; ``inside`` (s, n): which it knew.

    ``more`` (s, v, n, k) is what it says of v changed views of the same rows (a mirrored image), where asked.
    """

    p: NumpyArray
    inside: NumpyArray
    spent: bool
    more: NumpyArray | None = None

    @property
    def count(self) -> int:
        return len(self.p)

    def first(self, rows: NumpyArray) -> Shadows:
        """The same models, of some of the audited rows."""
        more = None if self.more is None else self.more[:, :, rows]
        return Shadows(self.p[:, rows], self.inside[:, rows], self.spent, more)


def halves(n: int, models: Sequence[int], seed: int) -> NumpyArray:
    """(len(models), n) bool: which of n rows each model knows. Models 2i and 2i + 1 know complementary halves."""
    found = np.zeros((len(models), n), dtype=bool)
    for half, i in zip(found, models, strict=True):
        half[seeds.rng(seed, "shadow half", i // 2).permutation(n)[: n // 2]] = True
        if i % 2:
            half[:] = ~half
    return found


def training_seeds(models: Sequence[int], seed: int) -> list[int]:
    """The seed that each model is trained with; it depends on nothing but the model's number and ``seed``."""
    return [seeds.derive(seed, "shadow model", i) % 2**31 for i in models]


def fit_shadows(
    answers: Callable[[Sequence[int], NumpyArray], NumpyArray],
    n: int,
    *,
    count: int,
    together: int = 2,
    first: int = 0,
    seed: int,
    progress: Callable[[float, str], None],
) -> Shadows:
    """Fit ``count`` shadow models, each on a random half of n audited rows, ``together`` at a time.

    They come in pairs on complementary halves, so every row is inside exactly half of them. ``answers(models, inside)``
    trains the models of these numbers and returns what they say, (models, views, n, k); it may raise BudgetSpent, and
    then whole groups fitted so far are used. ``first`` is where to begin in the ring of groups: probes that share their
    models and run side by side begin at different places and meet with half the work each. It changes no number.
    """
    groups = groups_of(count, together)
    said: dict[int, NumpyArray] = {}
    spent = False
    for step in range(len(groups)):
        place = (first + step) % len(groups)
        progress(step / len(groups), f"shadow models {groups[place][0] + 1} to {groups[place][-1] + 1} of {count}")
        try:
            said[place] = np.asarray(answers(groups[place], halves(n, groups[place], seed)))
        except BudgetSpent:
            spent = True
            break
    if not said:
        return Shadows(np.zeros((0, n, 2)), np.zeros((0, n), dtype=bool), spent)
    fitted = [i for place in sorted(said) for i in groups[place]]
    p = np.concatenate([said[place] for place in sorted(said)])
    return Shadows(p[:, 0], halves(n, fitted, seed), spent, p[:, 1:] if p.shape[1] > 1 else None)


def groups_of(count: int, together: int) -> list[list[int]]:
    """Numbers of the models that are trained together, whole pairs of them."""
    numbers = range(count - count % 2)
    size = max(2, together - together % 2)
    return [list(numbers[i : i + size]) for i in range(0, len(numbers), size)]


@dataclass(frozen=True)
class Scores:
    """Scores of the audited rows, higher for likelier members: online and offline LiRA, and the plain log-odds.

    ``fixed`` and ``row`` are online LiRA with one spread for all rows and with a spread for each; ``online`` and
    ``offline`` use the one that was chosen.
    """

    online: NumpyArray
    offline: NumpyArray
    plain: NumpyArray
    mean_in: NumpyArray
    mean_out: NumpyArray
    fixed: NumpyArray
    row: NumpyArray


def likelihood_ratio(
    shadows: Shadows, p: NumpyArray, y: NumpyArray, *, per_row_from: int = 64, more: NumpyArray | None = None
) -> Scores:
    """LiRA (Carlini et al. 2022, arXiv:2112.03570) of the target's answers ``p`` (n, k) on rows with classes ``y``.

    Each row has a normal distribution of log-odds over models that had it and over models that had not. Below
    ``per_row_from`` shadow models the spread is shared by all rows (the paper's fixed variance), since so few values
    cannot give one for each. The class ``y`` decides which probability counts. ``more`` (v, n, k) are the target's
    answers to the views in ``shadows.more``: the log-likelihood ratios of all views are averaged. Needs at least one
    pair of models.
    """
    views = [(shadows.p, p)]
    if shadows.more is not None and more is not None:
        views += [(shadows.more[:, v], q) for v, q in enumerate(more)]
    found = [_one_view(s, shadows.inside, q, y, per_row_from) for s, q in views]
    mean = {name: np.mean([getattr(f, name) for f in found], axis=0) for name in ("online", "offline", "fixed", "row")}
    one = found[0]
    return Scores(mean["online"], mean["offline"], one.plain, one.mean_in, one.mean_out, mean["fixed"], mean["row"])


def offline_threshold(shadows: Shadows, y: NumpyArray, *, per_row_from: int = 64) -> float | None:
    """The offline score that tells members best where models attack one of their own; None without two pairs.

    Each of the first few plays the target, its pair stands aside, and the rest are the shadow models.
    """
    if shadows.count < 4:
        return None
    member, other = [], []
    for i in range(4):
        rest = [j for j in range(shadows.count) if j // 2 != i // 2]
        mine = shadows.inside[i]
        score = _one_view(shadows.p[rest], shadows.inside[rest], shadows.p[i], y, per_row_from).offline
        member.append(score[mine])
        other.append(score[~mine])
    return roc.best_threshold(np.concatenate(member), np.concatenate(other))


def _one_view(said: NumpyArray, inside: NumpyArray, p: NumpyArray, y: NumpyArray, per_row_from: int) -> Scores:
    floor = floor_of(said)
    phi = np.stack([log_odds(q, y, floor) for q in said])
    observed = log_odds(p, y, floor)
    means, shared, own = [], [], []
    for mask in (inside, ~inside):
        n = np.maximum(mask.sum(0), 1)
        mean = np.where(mask, phi, 0).sum(0) / n
        square = (np.where(mask, phi - mean, 0) ** 2).sum(0)
        means.append(mean)
        shared.append(np.full(len(y), max(np.sqrt(square.sum() / max(1, int((n - 1).sum()))), 1e-3)))
        own.append(np.maximum(np.sqrt(square / np.maximum(n - 1, 1)), 1e-3))
    if len(said) < 4:  # one value a side has no spread: compare with the two means alone
        shared = own = [np.ones(len(y))] * 2
    ratio = [_ratio(observed, means, spread) for spread in (shared, own)]
    per_row = len(said) >= per_row_from
    offline = (observed - means[1]) / (own if per_row else shared)[1]
    return Scores(ratio[per_row], offline, observed, means[0], means[1], ratio[0], ratio[1])


def _ratio(observed: NumpyArray, means: list[NumpyArray], spread: list[NumpyArray]) -> NumpyArray:
    """Log of the density of ``observed`` among members over that among others, both normal."""
    (mean_in, mean_out), (sd_in, sd_out) = means, spread
    return (
        np.log(sd_out)
        - np.log(sd_in)
        - ((observed - mean_in) / sd_in) ** 2 / 2
        + ((observed - mean_out) / sd_out) ** 2 / 2
    )
