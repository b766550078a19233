"""What labels alone give away: how often an answer stays right while its row is changed (arXiv:2007.14321)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.changed_rows import Change
from momus.methods.membership import Split

FOLDS = 5
ROWS_A_CALL = 4096


@dataclass(frozen=True)
class Held:
    """Whether each row (n,) was answered rightly, and which share of each change's copies (n, changes) still were."""

    right: NumpyArray
    kept: NumpyArray
    names: tuple[str, ...]
    families: tuple[str, ...]

    def first(self, n: int) -> Held:
        return Held(self.right[:n], self.kept[:n], self.names, self.families)


def ask(
    predict: Callable[[NumpyArray], NumpyArray],
    sides: Sequence[tuple[NumpyArray, NumpyArray]],
    changes: Sequence[Change],
    rng: np.random.Generator,
    progress: Callable[[float], None],
) -> tuple[list[Held], bool]:
    """Ask about every row of both sides ((x, y) each) and all its changes; a spent budget leaves both equally long."""
    names = tuple(dict.fromkeys(c.name for c in changes))
    families = tuple({c.name: c.family for c in changes}.values())
    index = np.array([names.index(c.name) for c in changes], dtype=int)
    size = max(1, ROWS_A_CALL // (len(changes) + 1))
    n = min(len(x) for x, _ in sides)
    found: list[list[tuple[NumpyArray, NumpyArray]]] = [[] for _ in sides]
    spent = False
    for start in range(0, n, size):
        progress(start / max(1, n))
        part = []
        try:
            for x, y in sides:
                part.append(_one(predict, x[start : start + size], y[start : start + size], changes, index, rng))
        except BudgetSpent:
            spent = True
            break
        for rows, answer in zip(found, part, strict=True):
            rows.append(answer)
    made = []
    for rows in found:
        right = np.concatenate([r for r, _ in rows]) if rows else np.zeros(0, dtype=bool)
        kept = np.concatenate([k for _, k in rows]) if rows else np.zeros((0, len(names)))
        made.append(Held(right, kept, names, families))
    return made, spent


def _one(
    predict: Callable[[NumpyArray], NumpyArray],
    x: NumpyArray,
    y: NumpyArray,
    changes: Sequence[Change],
    index: NumpyArray,
    rng: np.random.Generator,
) -> tuple[NumpyArray, NumpyArray]:
    asked = np.concatenate([x, *(c.make(x, rng) for c in changes)])
    right = (np.asarray(predict(asked)).reshape(len(changes) + 1, len(x)) == y).astype(float)
    kept = np.stack([right[1:][index == k].mean(0) for k in range(int(index.max(initial=-1)) + 1)], axis=1)
    return right[0] > 0, kept


def signals(held: Held) -> dict[str, NumpyArray]:
    """Scores, higher for likelier members: right or wrong (the baseline), each change, each family of them, and all."""
    right = held.right.astype(float)
    found = {"right or wrong": right}
    families = np.array(held.families)
    for j, name in enumerate(held.names):
        found[name] = held.kept[:, j] + right
    for family in dict.fromkeys(held.families):
        found[family] = held.kept[:, families == family].mean(1) + right
    found["all changes"] = held.kept.mean(1) + right
    return found


def learned(member: Held, other: Held, split: Split) -> tuple[NumpyArray, NumpyArray] | None:
    """Scores of a logistic regression over all changes, fitted on the choosing rows alone.

    Choosing rows get theirs from a fit that left them out, so that this signal competes fairly with the others. None
    where the choosing rows are too few to fit on.
    """
    from sklearn.linear_model import LogisticRegression

    tune = [side.kept[rows] for side, rows in ((member, split.member_tune), (other, split.other_tune))]
    flags = [side.right[rows] for side, rows in ((member, split.member_tune), (other, split.other_tune))]
    x = np.column_stack([np.concatenate(tune), np.concatenate(flags)]).astype(float)
    y = np.repeat([1, 0], [len(t) for t in tune])
    if min(len(t) for t in tune) < 50:
        return None
    scores = [np.zeros(len(side.right)) for side in (member, other)]
    whole = LogisticRegression(C=0.3, max_iter=500).fit(x, y)
    for out, side in zip(scores, (member, other), strict=True):
        out[:] = whole.decision_function(np.column_stack([side.kept, side.right]).astype(float))
    fold = np.concatenate([np.arange(len(t)) % FOLDS for t in tune])
    left_out = np.zeros(len(y))
    for k in range(FOLDS):
        fit = LogisticRegression(C=0.3, max_iter=500).fit(x[fold != k], y[fold != k])
        left_out[fold == k] = fit.decision_function(x[fold == k])
    scores[0][split.member_tune] = left_out[y == 1]
    scores[1][split.other_tune] = left_out[y == 0]
    return scores[0], scores[1]
