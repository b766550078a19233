"""Guessing a sensitive value with the model's help: published estimators and two learned ones, from clues.

A clue is an array (n, k): what one thing says for each of the k values of each of n rows. Scores are log-posteriors up
to a constant of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray
from momus.methods.imputation import FLOOR, balanced, impute

Clues = Mapping[str, NumpyArray]
LEAST_LEARNED = 60  # known rows below which trees have nothing to learn from


@dataclass(frozen=True)
class Known:
    """Rows whose value the attacker knows, with the model's clues and the guesses without it (cross-fitted)."""

    clues: Clues
    codes: NumpyArray
    guess: NumpyArray
    guess_unlabelled: NumpyArray


@dataclass(frozen=True)
class Attack:
    """``scores`` of the rows to be attacked by the attack that did best on the known rows; ``worth`` of each attack."""

    name: str
    scores: NumpyArray
    worth: Mapping[str, float]
    all: Mapping[str, NumpyArray]


def answer_clues(p: NumpyArray, y: NumpyArray, confusion: NumpyArray, *, floor: float = 1e-6) -> dict[str, NumpyArray]:
    """From probabilities (n, k, c) at each value and true classes (n,).

    confidence: log-probability of the true class (Fredrikson et al. 2015). confusion: log-probability that the class
    is the true one where the model says what it says (Fredrikson et al. 2014, labels alone). agrees: whether it says
    the truth. doubt and best sharpen what is near certainty for the learned attacks.
    """
    n, k, _ = p.shape
    true = np.clip(p[np.arange(n)[:, None], np.arange(k)[None], y[:, None]], 0.0, 1.0)
    said = p.argmax(2)
    return {
        "confidence": np.log(np.maximum(true, floor)),
        "confusion": np.log(confusion[said, y[:, None]]),
        "agrees": (said == y[:, None]).astype(float),
        "doubt": -np.log(np.maximum(1 - true, floor)),
        "best": _least(-true),
    }


def label_clues(said: NumpyArray, y: NumpyArray, confusion: NumpyArray) -> dict[str, NumpyArray]:
    """The same from labels (n, k) alone."""
    return {"confusion": np.log(confusion[said, y[:, None]]), "agrees": (said == y[:, None]).astype(float)}


def value_clues(values: NumpyArray, y: NumpyArray, spread: float) -> dict[str, NumpyArray]:
    """The same from a regressor's values (n, k): a normal error of standard deviation ``spread``."""
    off = np.abs(values - y[:, None]) / max(spread, 1e-12)
    return {"confidence": -0.5 * np.minimum(off, 30.0) ** 2, "doubt": -np.log(off + 1e-3), "best": _least(off)}


def _least(off: NumpyArray) -> NumpyArray:
    return np.asarray(off <= off.min(1, keepdims=True) + 1e-12, dtype=float)


def confusion(said: NumpyArray, y: NumpyArray, c: int) -> NumpyArray:
    """(c, c): where the model says i, how often j is true; half a row is added to each cell."""
    counts = np.full((c, c), 0.5)
    np.add.at(counts, (said, y), 1.0)
    return np.asarray(counts / counts.sum(1, keepdims=True))


def by_cases(clues: Clues) -> NumpyArray:
    """Mehnaz et al. 2022 (arXiv:2201.09370): one value makes the model right: that one; several: the surest of them;
    none: the one the model is least sure about. Scores that leave no doubt.
    """
    hits, sure = clues["agrees"] > 0, clues.get("confidence", clues["agrees"])
    pick = np.where(hits.any(1), np.where(hits, sure, -np.inf).argmax(1), sure.argmax(1))
    scores = np.full(hits.shape, -20.0)
    scores[np.arange(len(scores)), pick] = 0.0
    return scores


def attack(
    known: Known,
    clues: Clues,
    guess: NumpyArray,
    guess_unlabelled: NumpyArray,
    base: NumpyArray,
    rng: np.random.Generator,
    *,
    likelihoods: Sequence[str],
) -> Attack:
    """Every attack on the rows behind ``clues``, and which of them did best on the known rows.

    ``likelihoods`` names the clues that are log-likelihoods: with a prior each is an estimator by itself, once with how
    common the values are (``base``), once with the guess from the other columns without the label.
    """
    tried: dict[str, tuple[NumpyArray, NumpyArray]] = {}
    for name in likelihoods:
        tried[name] = known.clues[name] + np.log(base), clues[name] + np.log(base)
        tried[f"{name} and guess"] = (
            known.clues[name] + np.log(known.guess_unlabelled + FLOOR),
            clues[name] + np.log(guess_unlabelled + FLOOR),
        )
    if "agrees" in clues:
        tried["cases"] = by_cases(known.clues), by_cases(clues)
    mine = _stacked(known.clues, known.guess, known.guess_unlabelled)
    theirs = _stacked(clues, guess, guess_unlabelled)
    tried["weighed"] = _crossed(mine, known.codes, theirs, rng)
    if len(known.codes) >= LEAST_LEARNED:
        flat = impute(
            _flat(mine), known.codes, _flat(theirs), np.zeros(mine.shape[1] * mine.shape[2], dtype=bool), mine.shape[1],
            rng, only="boosted trees",
        )  # fmt: skip
        tried["learned"] = np.log(flat.own), np.log(flat.asked)
    worth = {name: balanced(own, known.codes, base) for name, (own, _) in tried.items()}
    # A few hundred known rows cannot tell a hundredth apart, and the weighed one errs least where nothing leaks.
    best = max(worth, key=lambda name: worth[name] + (0.01 if name == "weighed" else 0.0))
    return Attack(best, tried[best][1], worth, {name: s for name, (_, s) in tried.items()})


def _flat(stacked: NumpyArray) -> NumpyArray:
    return stacked.reshape(len(stacked), -1)


def _stacked(clues: Clues, guess: NumpyArray, unlabelled: NumpyArray) -> NumpyArray:
    """(n, k, f): every clue and both guesses side by side."""
    return np.stack([np.log(guess + FLOOR), np.log(unlabelled + FLOOR), *(clues[n] for n in sorted(clues))], axis=2)


def _crossed(
    mine: NumpyArray, codes: NumpyArray, theirs: NumpyArray, rng: np.random.Generator, folds: int = 3
) -> tuple[NumpyArray, NumpyArray]:
    """Scores of the known rows by weights fitted without them, and of the others by weights fitted on all."""
    fold = rng.permutation(len(codes)) % folds
    own = np.zeros(mine.shape[:2])
    for f in range(folds):
        if (fold == f).any():
            own[fold == f] = weigh(mine[fold != f], codes[fold != f])(mine[fold == f])
    return own, weigh(mine, codes)(theirs)


def weigh(stacked: NumpyArray, codes: NumpyArray, penalty: float = 1.0) -> Callable[[NumpyArray], NumpyArray]:
    """One weight a clue, the same for every value (conditional logit), so that a few hundred known rows are enough.

    Starts from and is drawn towards the guess without the model: an attacker never does much worse than that.
    """
    n, _, f = stacked.shape
    start = np.zeros(f)
    start[0] = 1.0
    scale = np.maximum(stacked.std(axis=(0, 1)), 1e-9) if n else np.ones(f)
    scale[0] = 1.0
    seen, rows = stacked / scale, np.arange(n)

    def loss(w: NumpyArray) -> tuple[float, NumpyArray]:
        z = seen @ w
        z = z - z.max(1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(1, keepdims=True)
        value = -np.log(p[rows, codes] + 1e-300).sum() + 0.5 * penalty * ((w - start) ** 2).sum()
        p[rows, codes] -= 1.0
        return float(value), np.einsum("nk,nkf->f", p, seen) + penalty * (w - start)

    w = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x if n else start
    return lambda rows_: np.asarray((rows_ / scale) @ w)
