"""Membership inference: what a model's outputs on a row give away about whether it was trained on that row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import one_row_per_id, row_keys
from momus.stats import intervals, roc

TINY = 1e-12
SIGNALS = ("loss", "confidence", "modified_entropy")


def signals(p: NumpyArray, y: NumpyArray) -> dict[str, NumpyArray]:
    """Scores from probabilities (n, k) and true classes (n,), each higher for likelier members.

    loss: -log loss of the true class (Yeom et al. 2018, arXiv:1709.01604). confidence: log-odds of the largest
    probability, which needs no label (Salem et al. 2019). modified_entropy: Song & Mittal 2021, arXiv:2003.10595.
    """
    p = np.clip(np.asarray(p, dtype=float), 0.0, 1.0)
    rows = np.arange(len(p))
    true, top = p[rows, y], p.max(1)
    others = p.copy()
    others[rows, y] = 0.0
    entropy = -(1 - true) * np.log(true + TINY) - (others * np.log(1 - others + TINY)).sum(1)
    return {
        "loss": np.log(true + TINY),
        "confidence": np.log(top + TINY) - np.log(1 - top + TINY),
        "modified_entropy": -entropy,
    }


def check_labels(train: Samples, test: Samples, classes: int) -> None:
    """ProbeError where rows have no labels or labels outside the model's classes: the attack needs both."""
    for role, samples in (("train", train), ("test", test)):
        if samples.y is None:
            raise ProbeError(f"the rows in the role '{role}' have no labels", hint=f"Give data.{role} a label column")
        y = np.asarray(samples.y)
        if len(y) and classes and (y.min() < 0 or y.max() >= classes):
            raise ProbeError(f"a label in the role '{role}' lies outside the model's {classes} classes")


@dataclass(frozen=True)
class Audit:
    """Row indices of members (into train) and non-members (into test), equally many, one row a person.

    ``dropped`` counts test rows left out, ``twins`` training rows.
    """

    members: NumpyArray
    others: NumpyArray
    dropped: int
    twins: int = 0


def choose_rows(train: Samples, test: Samples, most: int, rng: np.random.Generator) -> Audit:
    """Balanced, independent rows to attack.

    Test rows of a person who also has rows in train, and test rows that stand word for word in train, are no
    non-members and are left out (``dropped`` counts them). Training rows that stand twice in train are left out too
    (``twins``): else members would be any rows and non-members rare ones, and in a coarse table that difference alone
    would look like a leak. What is left on both sides are rows without an equal among the other training rows.
    """
    members, others = one_row_per_id(train, rng), one_row_per_id(test, rng)
    keys = row_keys(train)
    _, place, count = np.unique(keys, return_inverse=True, return_counts=True)
    single = count[place][members] == 1
    twins = int((~single).sum())
    members = members[single]
    known = np.isin(row_keys(test.take(others)), keys)
    if train.ids is not None and test.ids is not None:
        known |= np.isin(np.asarray(test.ids)[others].astype(str), np.unique(np.asarray(train.ids).astype(str)))
    dropped = int(known.sum())
    others = others[~known]
    n = min(most, len(members), len(others))
    pick = [np.sort(rng.choice(rows, n, replace=False)) if n else rows[:0] for rows in (members, others)]
    return Audit(pick[0], pick[1], dropped, twins)


def ask(
    probabilities: Callable[[NumpyArray], NumpyArray], members: NumpyArray, others: NumpyArray, batch: int = 1024
) -> tuple[NumpyArray, NumpyArray, bool]:
    """Probabilities of members and of non-members, in turn, and whether the budget ran out on the way.

    Where a budget does not last for a whole batch, smaller ones use up what is left. The two sides stay equally long,
    so that a spent budget leaves a smaller but balanced audit.
    """
    size = max(1, batch // 2)
    sets, done = (members, others), [0, 0]
    found: tuple[list[NumpyArray], list[NumpyArray]] = ([], [])
    total = min(len(members), len(others))
    spent = False
    while min(done) < total and size:
        side = 0 if done[0] <= done[1] else 1
        end = min(total, done[side] + size) if side == 0 else min(done[0], done[1] + size)
        try:
            p = np.asarray(probabilities(sets[side][done[side] : end]))
        except BudgetSpent:
            spent = True
            size //= 2
            continue
        found[side].append(p)
        done[side] = end
    n = min(done)
    sides = [np.concatenate(s)[:n] if n else np.zeros((0, 2)) for s in found]
    for p in sides:
        if p.ndim != 2 or not np.isfinite(p).all():
            raise TargetError("probabilities must be finite and of shape (n, classes)")
    return sides[0], sides[1], spent


@dataclass(frozen=True)
class Reading:
    """Scores of the rows held for evaluation, the signal that was chosen, and the threshold fixed beforehand."""

    signal: str
    member: NumpyArray
    other: NumpyArray
    member_rows: NumpyArray
    other_rows: NumpyArray
    threshold: float


@dataclass(frozen=True)
class Split:
    """Row indices of both sides: those that signal and threshold are chosen on, and those they are judged on."""

    member_tune: NumpyArray
    other_tune: NumpyArray
    member_keep: NumpyArray
    other_keep: NumpyArray


def split_rows(members: int, others: int, rng: np.random.Generator, share: float = 0.25) -> Split:
    """``share`` of the rows of each side, drawn at random, to choose on; the rest, in order, to judge on."""
    order = [rng.permutation(n) for n in (members, others)]
    cut = [int(len(o) * share) for o in order]
    (tune_in, tune_out), (keep_in, keep_out) = (
        [o[:c] for o, c in zip(order, cut, strict=True)],
        [np.sort(o[c:]) for o, c in zip(order, cut, strict=True)],
    )
    return Split(tune_in, tune_out, keep_in, keep_out)


def choose_signal(
    member: Mapping[str, NumpyArray],
    other: Mapping[str, NumpyArray],
    rng: np.random.Generator,
    *,
    member_class: NumpyArray,
    other_class: NumpyArray,
    share: float = 0.25,
    fixed: str = "",
    split: Split | None = None,
    default: str = "modified_entropy",
) -> Reading:
    """Choose signal and threshold on ``share`` of the rows of each side; hand back the scores of the rest.

    Each signal also competes after centring on the median non-member of its class (per-class thresholds, Song &
    Mittal), the medians coming from the choosing rows alone. Nothing that was chosen sees the rows it is judged on.
    The criterion is the mean true-positive rate at 1, 5 and 10 % false positives. ``fixed`` names the signal instead,
    ``default`` the one for too few rows; ``split`` was made before, where a signal was learned on the choosing rows.
    """
    split = split or split_rows(len(next(iter(member.values()))), len(next(iter(other.values()))), rng, share)
    tune, keep = (split.member_tune, split.other_tune), (split.member_keep, split.other_keep)
    fewest = min(map(len, tune))
    candidates = {k: (np.asarray(member[k]), np.asarray(other[k])) for k in member}
    for name in list(candidates):
        m, o = candidates[name]
        shift = _class_medians(o[tune[1]], other_class[tune[1]], int(max(member_class.max(), other_class.max())) + 1)
        candidates[f"{name} per class"] = (m - shift[member_class], o - shift[other_class])
    if fixed or fewest < 25:  # too few to choose on: the published default
        best = fixed or default
    else:
        strength = {k: _strength(m[tune[0]], o[tune[1]]) for k, (m, o) in candidates.items()}
        best = max(strength, key=lambda k: strength[k])
    m, o = candidates[best]
    threshold = roc.best_threshold(m[tune[0]], o[tune[1]]) if fewest >= 1 else 0.0
    return Reading(best, m[keep[0]], o[keep[1]], keep[0], keep[1], threshold)


def _strength(member: NumpyArray, other: NumpyArray) -> float:
    c = roc.curve(member, other)
    area, _ = intervals.auc(member, other)
    return float(np.mean([c.at(r) for r in (0.01, 0.05, 0.1)])) + 0.01 * area


def _class_medians(scores: NumpyArray, classes: NumpyArray, k: int) -> NumpyArray:
    """Median score of each class; the overall median where a class has fewer than 20 rows."""
    overall = float(np.median(scores)) if len(scores) else 0.0
    return np.array([np.median(scores[classes == c]) if np.sum(classes == c) >= 20 else overall for c in range(k)])
