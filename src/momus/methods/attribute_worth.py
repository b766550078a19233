"""What guessing a sensitive value with the model is worth beyond guessing without it, as figures and evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Bars, Evidence, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.attribute import Secret
from momus.methods.imputation import pick
from momus.stats import intervals, paired, roc

LEAST_VALUE = 10  # judged rows that a value needs before it weighs in the mean over values


@dataclass(frozen=True)
class Judged:
    """Log-posteriors (n, k) of one set of rows with the model and without it, and the true values."""

    attack: NumpyArray
    guess: NumpyArray
    codes: NumpyArray


@dataclass(frozen=True)
class Worth:
    """The gain over guessing without the model, and what goes with it."""

    value: float
    ci: Interval
    n: int
    figures: tuple[Figure, ...]


def advantage(judged: Judged, base: NumpyArray, level: float = 0.95) -> tuple[float, Interval]:
    """Mean over the values of (share right with the model - share right without), both by the even-handed rule.

    Plain accuracy would hide a leak about a rare value: of a disease that one in fifty has, it can gain two points at
    most. Where every value is equally common the two are the same.
    """
    with_model, without = (pick(s, base) == judged.codes for s in (judged.attack, judged.guess))
    won, lost, n = [], [], []
    for v in _counted(judged.codes):
        rows = judged.codes == v
        won.append(int((with_model & ~without)[rows].sum()))
        lost.append(int((~with_model & without)[rows].sum()))
        n.append(int(rows.sum()))
    return paired.mean_gain(won, lost, n, level)


def _counted(codes: NumpyArray) -> list[int]:
    values, counts = np.unique(codes, return_counts=True)
    return [int(v) for v, c in zip(values, counts, strict=True) if c >= LEAST_VALUE]


def worth(secret: Secret, members: Judged, others: Judged, base: NumpyArray, level: float) -> Worth:
    """The headline on training rows, and plain accuracy, the gap to rows that were not trained on, and each value's
    precision and recall as the papers count them."""
    value, ci = advantage(members, base, level)
    n, m = len(members.codes), len(others.codes)
    with_model, without = pick(members.attack), pick(members.guess)
    right = with_model == members.codes
    gain, gain_ci = paired.gain(
        int((right & (without != members.codes)).sum()), int((~right & (without == members.codes)).sum()), n
    )
    majority = float((members.codes == int(base.argmax())).mean())
    other_right = pick(others.attack) == others.codes
    gap, gap_ci = roc.difference(int(right.sum()), n, int(other_right.sum()), m)
    figures = [
        Figure(name="attack_accuracy", value=float(right.mean()), ci=intervals.wilson(int(right.sum()), n), n=n),
        Figure(name="imputation_accuracy", value=float((without == members.codes).mean()), n=n, note="no model asked"),
        Figure(name="majority_accuracy", value=majority, n=n, note="always the commonest value"),
        Figure(name="accuracy_gain", value=gain, ci=gain_ci, n=n, note="attack less imputation, plain accuracy"),
    ]
    if m:
        note = "attack accuracy on training rows less that on other rows"
        figures.append(Figure(name="member_gap", value=gap, ci=gap_ci, n=min(n, m), note=note))
        figures.append(
            Figure(name="advantage_others", value=advantage(others, base)[0], n=m, note="rows not trained on")
        )
    for v in _counted(members.codes)[:6]:
        told, is_ = with_model == v, members.codes == v
        hits = int((told & is_).sum())
        name = secret.labels[v]
        if told.any():
            ci_v = intervals.wilson(hits, int(told.sum()))
            figures.append(Figure(name=f"precision[{name}]", value=hits / told.sum(), ci=ci_v, n=int(told.sum())))
        ci_v = intervals.wilson(hits, int(is_.sum()))
        figures.append(Figure(name=f"recall[{name}]", value=hits / is_.sum(), ci=ci_v, n=int(is_.sum())))
    return Worth(value, ci, n, (*figures, *_surest(secret, members)))


def _surest(secret: Secret, members: Judged) -> list[Figure]:
    """Of the rarest value: as many people as a fifth of those who have it, the ones the attack is surest of.

    An attacker who needs a victim and not a statistic names only these.
    """
    counted = _counted(members.codes)
    if not counted:
        return []
    rare = min(counted, key=lambda v: int((members.codes == v).sum()))
    count = max(1, int((members.codes == rare).sum()) // 5)
    note = "share right among the surest, as many as a fifth of those who have the value"
    found = []
    for name, scores in (("attack", members.attack), ("imputation", members.guess)):
        rest = np.delete(scores, rare, axis=1).max(1)
        named = np.argsort(-(scores[:, rare] - rest), kind="stable")[:count]
        hits = int((members.codes[named] == rare).sum())
        ci = intervals.wilson(hits, count)
        found.append(
            Figure(name=f"{name}_surest[{secret.labels[rare]}]", value=hits / count, ci=ci, n=count, note=note)
        )
    return found


def by_value(secret: Secret, members: Judged, base: NumpyArray) -> Table:
    """Who is found out: the shares guessed right with the model and without, value by value."""
    with_model, without = (pick(s, base) == members.codes for s in (members.attack, members.guess))
    rows = []
    for v in range(secret.k):
        of = members.codes == v
        if of.any():
            rows.append((secret.labels[v], int(of.sum()), _share(with_model[of]), _share(without[of])))
    return Table(
        title=f"{secret.name}: training rows guessed right, by value",
        columns=("value", "rows", "with the model", "without"),
        rows=tuple(rows),
        note="both guess by the rule that serves every value alike",
    )


def _share(right: NumpyArray) -> float:
    return round(float(right.mean()), 3)


def by_attack(
    secret: Secret, scores: Mapping[str, NumpyArray], members: Judged, base: NumpyArray, chosen: str, guess: str
) -> Bars:
    """Each attack's mean share right over the values, beside the guess without the model."""
    told = {f"{k} (chosen)" if k == chosen else k: s for k, s in scores.items()}
    told[f"no model: {guess}"] = members.guess
    shares = {k: _even(s, members.codes, base) for k, s in told.items()}
    return Bars(
        title=f"{secret.name}: attacks beside guessing from the other columns",
        y_label="mean share right over the values",
        names=tuple(shares),
        values=tuple(shares.values()),
        reference=shares[f"no model: {guess}"],
        note="chosen on training rows whose value the attacker knew; shown on others",
    )


def _even(scores: NumpyArray, codes: NumpyArray, base: NumpyArray) -> float:
    right = pick(scores, base) == codes
    return float(np.mean([right[codes == v].mean() for v in _counted(codes) or [int(codes[0])]]))


def coarser(secret: Secret, left: Mapping[str, tuple[float, Interval]]) -> list[Evidence]:
    """What is left of the advantage where the answers say less."""
    if not left:
        return []
    return [
        Bars(
            title=f"{secret.name}: what is left of the advantage when answers say less",
            y_label="advantage over guessing without the model",
            names=tuple(left),
            values=tuple(v for v, _ in left.values()),
            low=tuple(ci.low for _, ci in left.values()),
            high=tuple(ci.high for _, ci in left.values()),
            reference=0.0,
        )
    ]


def worst(found: Sequence[Worth]) -> int:
    """The column that gives most away."""
    return int(np.argmax([w.value for w in found]))
