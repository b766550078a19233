"""Attribute inference: a person's sensitive answer, read off by asking the model with every answer in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from momus.core.capabilities import Predicts, Probabilities, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import attribute_attacks as attacks
from momus.methods.attribute import Secret
from momus.methods.attribute_attacks import Clues
from momus.probes.inversion._columns import Asked, measure

BATCH = 4096  # rows a question
Answers = Callable[[NumpyArray], NumpyArray]


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train", "test"),
    optional_data=("pool",),
    metric="advantage_over_imputation",
    worse="higher",
    source="arXiv:2209.01292, Fredrikson et al. 2014 and 2015, arXiv:2201.09370",
    cost="1.5 rows x values rows for each sensitive column",
    tasks=("classifier", "regressor"),
    modalities=("table",),
    sensitive=True,
)
def attribute(
    target: Predicts, trial: Trial, *, column: str = "", rows: int = 1500, bins: int = 4, decimals: int | None = None
) -> Measurement:
    """Guess a sensitive column of training rows from all their other columns, their label and the model's answers.

    Measures
        How much more of the sensitive values is guessed right with the model than by the strongest guess that never
        asks it, learned from the same rows: the mean over the values of the difference in the share guessed right,
        each value weighing the same. What can be guessed anyway is no leak of this model.
    Why it matters
        Who trained on diagnoses or debts has promised not to tell them. A model can keep every record unseen and still
        answer for anybody who knows the rest of a record.
    Options
        column: the column (or one-hot group) to guess; empty: those marked sensitive on the card, each in turn, the
        worst of them giving the headline. rows: most training rows asked about, a third of which the attacker is taken
        to know wholly and learns from; half as many other rows. bins: ranges that a numeric column is cut into.
        decimals: what the answers are rounded to; without it as the card's service says, else not at all.
    Returns
        advantage_over_imputation with an interval (paired, by value; for all columns at once where there are several);
        figures attack_accuracy, imputation_accuracy, majority_accuracy, accuracy_gain, member_gap, advantage_others,
        precision and recall of each value by the plain rule, attack_surest and imputation_surest (share right among the
        people it is surest of, for the rarest value). Evidence: every attack beside the guess, who is found out, what
        is left where answers are rounded or labels alone.
    Raises
        ProbeError for a column that is not there, for rows without labels.
    Cost
        Each row is asked once with each value the column has.
    A pass means little when
        The attacker knows more rows, asks about rows with other columns missing too, or wants a value rarer than one
        row in a hundred.
    Source
        Fredrikson et al. 2014 (USENIX Security) and 2015 (CCS); Mehnaz et al. 2022 (arXiv:2201.09370); Jayaraman and
        Evans 2022 (arXiv:2209.01292) for the baseline.
    """
    if rows < 1 or bins < 2:
        raise ProbeError(f"rows {rows} and bins {bins} leave nothing to guess", hint="rows: 1 and up, bins: 2 and up")
    bare = target if trial.meter is None else trial.meter.target
    graded = not missing(bare, Probabilities)
    answers: Answers = _graded(target, trial, decimals) if graded else _plain(target)
    task, classes = target.info.task, len(target.info.classes)

    def ask(secret: Secret, x: NumpyArray, y: NumpyArray, codes: NumpyArray, known: NumpyArray) -> Asked:
        told = _in_batches(answers, secret, x)
        n = len(told)
        if not n:
            return Asked(0, {}, ())
        y, at = y[:n], np.flatnonzero(known[:n])
        if task == "regressor":
            off = told[at, codes[at]] - y[at]
            spread = float(np.sqrt(np.mean(off**2))) if len(at) else 1.0
            return Asked(n, attacks.value_clues(told, y, spread), ("confidence",))
        y = y.astype(int)
        said = told.argmax(2) if graded else told.astype(int)
        mixed = attacks.confusion(said[at, codes[at]], y[at], max(classes, int(said.max(initial=0)) + 1))
        labels = attacks.label_clues(said, y, mixed)
        if not graded:
            return Asked(n, labels, ("confusion",))
        floor = 0.5 * 10.0 ** -_decimals(trial, decimals)

        def clues(d: int) -> Clues:
            return attacks.answer_clues(np.round(told, d), y, mixed, floor=0.5 * 10.0**-d)

        left = {f"{d} decimals" if d > 1 else "1 decimal": clues(d) for d in (2, 1) if d < _decimals(trial, decimals)}
        exact = attacks.answer_clues(told, y, mixed, floor=max(floor, 1e-6))
        return Asked(n, exact, ("confidence", "confusion"), {**left, "labels alone": labels})

    return measure(trial, ask, column, rows, bins, [])


def _decimals(trial: Trial, decimals: int | None) -> int:
    said = trial.service.decimals if decimals is None else decimals
    return 12 if said is None else said


def _graded(target: Predicts, trial: Trial, decimals: int | None) -> Answers:
    """Probabilities as a caller sees them: rounded, and of the top classes only, where the service says so."""
    top = trial.service.top

    def answers(x: NumpyArray) -> NumpyArray:
        p = to_numpy(target.probabilities(target.encode(x))).astype(float)  # type: ignore[attr-defined]
        p = np.round(p, _decimals(trial, decimals))
        if top is not None and top < p.shape[1]:
            p = np.where(p >= np.sort(p, axis=1)[:, [-top]], p, 0.0)
        return p

    return answers


def _plain(target: Predicts) -> Answers:
    return lambda x: to_numpy(target.predict(target.encode(x)))


def _in_batches(answers: Answers, secret: Secret, x: NumpyArray) -> NumpyArray:
    """(n, k, ...) answers about the first n rows with each of k values, n as far as the budget went."""
    step = max(1, BATCH // secret.k)
    parts: list[NumpyArray] = []
    start = 0
    while start < len(x) and step:
        rows = x[start : start + step]
        try:
            found = answers(secret.asked(rows))
        except BudgetSpent:
            step //= 4  # a smaller question may still be paid for
            continue
        parts.append(found.reshape(len(rows), secret.k, *found.shape[1:]))
        start += len(rows)
    return np.concatenate(parts) if parts else np.zeros((0, secret.k))
