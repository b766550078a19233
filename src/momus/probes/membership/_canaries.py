"""Training with canaries, and what the trained models then say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.capabilities import to_numpy
from momus.core.errors import BudgetSpent, TargetError
from momus.core.evidence import Evidence, Table
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods import leak_report, shadow_models
from momus.stats import intervals, roc


class Found:
    """Coins and scores of all runs laid end to end, and what the models said of the canaries."""

    def __init__(self) -> None:
        self.inside = np.zeros(0, dtype=bool)
        self.signals: dict[str, NumpyArray] = {}
        self.said: list[NumpyArray] = []
        self.before: NumpyArray | None = None
        self.runs = 0
        self.spent = False

    @property
    def coins_alike(self) -> bool:
        """Nothing to compare: no coin was tossed, or all fell on one side."""
        return not len(self.inside) or bool(self.inside.all()) or not bool(self.inside.any())


def audited(target: Any, trial: Trial, train: Samples, planted: Samples, runs: int) -> Found:
    """Train ``runs`` times, each time with a fair half of the canaries, and score them.

    alone: the log-odds of the canary's class. against the target: the same less what the target itself says, which
    never saw a canary: how hard a row is cancels out. Neither depends on the coins but through the trained model.
    """
    found = Found()
    if len(planted) < 2 or train.y is None or planted.y is None:
        return found  # too few to train for
    y = np.asarray(planted.y).astype(int)
    try:
        found.before = to_numpy(target.probabilities(target.encode(planted.x)))
    except BudgetSpent:
        found.spent = True
    coins, alone, against = [], [], []
    for i in range(runs):
        trial.progress(i / runs, f"training {i + 1} of {runs}")
        coin = seeds.rng(trial.seed, "canary coins", i).random(len(y)) < 0.5
        x = np.concatenate([train.x, planted.x[coin]])
        labels = np.concatenate([np.asarray(train.y), y[coin]]).astype(int)
        try:
            fitted = target.retrain(x, labels, seed=seeds.derive(trial.seed, "canary model", i) % 2**31)
        except BudgetSpent:
            found.spent = True
            break
        said = _asked(fitted, planted.x)
        found.said.append(said)
        floor = shadow_models.floor_of(said)
        after = shadow_models.log_odds(said, y, floor)
        coins.append(coin)
        alone.append(after)
        against.append(after if found.before is None else after - shadow_models.log_odds(found.before, y, floor))
    found.runs = len(coins)
    if coins:
        found.inside = np.concatenate(coins)
        found.signals = {"alone": np.concatenate(alone), "against the target": np.concatenate(against)}
    return found


def _asked(fitted: Any, x: NumpyArray) -> NumpyArray:
    said = getattr(fitted, "probabilities", None)
    if said is None:
        raise TargetError("the retrained copy gives no probabilities", hint="Let the train hook return a classifier")
    p = to_numpy(said(fitted.encode(x)))
    if p.ndim != 2 or not np.isfinite(p).all():
        raise TargetError("probabilities must be finite and of shape (n, classes)")
    return p


def accuracy(found: Found, true: NumpyArray) -> list[Figure]:
    """Accuracy on the canaries' true classes: of models that were not given them, and of the target."""
    coins = np.split(found.inside, found.runs)
    right = np.concatenate([(p.argmax(1) == true)[~c] for p, c in zip(found.said, coins, strict=True)])
    figures = []
    if len(right):
        ci = intervals.wilson(int(right.sum()), len(right))
        figures.append(Figure(name="accuracy_audited", value=float(right.mean()), ci=ci, n=len(right)))
    if found.before is not None:
        figures.append(
            Figure(name="accuracy_target", value=float((found.before.argmax(1) == true).mean()), n=len(true))
        )
    return figures


def told_apart(
    found: Found, score: NumpyArray, planted: Samples, rows: NumpyArray, classes: Sequence[str]
) -> tuple[list[Figure], list[Evidence]]:
    """The best score as other attacks on membership report theirs; canaries of all runs stand side by side.

    ``rows`` are the canaries' places in the test set.
    """
    inside = found.inside
    member, other = score[inside], score[~inside]
    every = np.tile(np.arange(len(planted)), found.runs)
    parts = leak_report.parts_of(planted.take(every[inside]), planted.take(every[~inside]), classes)
    figures, evidence = leak_report.part_figures(member, other, parts)
    whole = leak_report.attack_figures(member, other, None)
    if len(other) >= roc.least_negatives(0.01):
        value, ci = roc.tpr_at_fpr(member, other, 0.01)
        whole.append(Figure(name="tpr_at_1pct_fpr", value=value, ci=ci, n=len(member)))
    return [*whole, *figures], [_surest(found, score, planted, rows, classes), *evidence]


def _surest(found: Found, score: NumpyArray, planted: Samples, rows: NumpyArray, classes: Sequence[str]) -> Table:
    """The ten planted rows that gave themselves away most, by row index in the test set; no content is shown."""
    inside = found.inside
    cut = float(np.quantile(score[~inside], 0.99, method="higher"))
    top = np.flatnonzero(inside)[np.argsort(-score[inside], kind="stable")[:10]]
    at, run = top % len(planted), top // len(planted)
    y = np.asarray(planted.y).astype(int)[at]
    names = [classes[c] if c < len(classes) else str(c) for c in y]
    body = tuple(
        (int(rows[i]), name, int(r) + 1, round(float(score[j]), 4), bool(score[j] > cut))
        for i, name, r, j in zip(at, names, run, top, strict=True)
    )
    return Table(
        title="Canaries that the attack is surest of",
        columns=("row in test", "class it was planted with", "training", "score", "above the 1 % line"),
        rows=body,
        note=f"{int(np.sum(score[inside] > cut))} of {int(inside.sum())} planted canaries score above the 1 % line",
    )
