"""What harm and cause both ask: the model's answers on labelled rows and on current ones, and both sets as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from momus.core.capabilities import Predicts, Probabilities, missing, to_numpy
from momus.core.errors import ProbeError
from momus.core.meter import Meter
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import NumpyArray, Samples
from momus.methods import describe, embedding
from momus.methods.importance import Ratio, density_ratio
from momus.probes.shift._data_joint import same_rows

LEAST = 50  # labelled rows, and half as many current ones, below which nothing is estimated
BATCH = 4096
DIFFERENT = 10  # inputs that must differ on each side: the same row again and again is one row


@dataclass(frozen=True)
class Asked:
    """``wrong`` (n,) is each labelled row's error: 0/1, or for a regressor its absolute error over the mean one;
    ``wrong_now`` (m,) that of the current rows, where they are labelled. ``outputs`` are probabilities or 0/1 rows of
    the predicted classes, (n, k) and (m, k), None for a regressor; ``confident`` says that they are probabilities.
    ``rows`` (n, d) and (m, d) are the embedded inputs; ``sure`` (n, 1) and (m, 1) is how sure the model is: the
    log-odds of its likeliest class, or of a simple copy's where it gives no probabilities, or a regressor's answer.
    """

    test: Samples
    current: Samples
    wrong: NumpyArray
    wrong_now: NumpyArray | None
    outputs: tuple[NumpyArray, NumpyArray] | None
    confident: bool
    rows: tuple[NumpyArray, NumpyArray]
    ratio: Ratio

    sure: tuple[NumpyArray, NumpyArray]

    @property
    def everything(self) -> tuple[NumpyArray, NumpyArray]:
        """How sure the model is, and the embedded inputs."""
        one, two = (np.concatenate([s, r], axis=1) for s, r in zip(self.sure, self.rows, strict=True))
        return one, two


def parts(trial: Trial, rows: int) -> tuple[Samples, Samples, list[Caveat]]:
    """Labelled and current rows, one per person, at most ``rows`` of each, and why they may not do."""
    if rows < 1:
        raise ProbeError(f"rows is {rows}", hint="Give the number of rows, 1 or more")
    rng, made = trial.rng, []
    for role in ("test", "current"):
        whole = trial.samples(role)
        made.append(whole.take(describe.one_row_per_id(whole, rng)).sample(rows, rng))
    test, current = made
    if test.y is None:
        return test, current, [Caveat(code="no-labels", message="the test rows have no labels", blocks="both")]
    if len(test) < LEAST or len(current) < LEAST // 2:
        message = f"{len(test)} labelled rows and {len(current)} current rows are too few (of {LEAST} and {LEAST // 2})"
        return test, current, [Caveat(code="too-few-samples", message=message, blocks="both")]
    return test, current, []


def asked(target: Predicts, test: Samples, current: Samples, trial: Trial) -> tuple[Asked, list[Caveat]]:
    """Answers on both sets; BudgetSpent where they cannot be had, ValueError where the columns differ."""
    rng = trial.rng
    rows = embedding.embed_pair(test, current, rng)
    said = [_answers(target, s) for s in (test, current)]
    truth = [None if s.y is None else np.asarray(s.y) for s in (test, current)]
    outputs, confident = None, False
    if target.info.task == "regressor":
        errors = [None if y is None else np.abs(a.astype(float) - y) for a, y in zip(said, truth, strict=True)]
        scale = max(float(np.mean(errors[0])), 1e-12)  # type: ignore[arg-type]
        wrong = [None if e is None else e / scale for e in errors]
    else:
        wrong = [None if y is None else (a != y).astype(float) for a, y in zip(said, truth, strict=True)]
        outputs, confident = _outputs(target, test, current, said, truth)
    assert wrong[0] is not None
    sure = _sure(outputs, confident, rows, said)
    both = [np.concatenate([s, r], axis=1) for s, r in zip(sure, rows, strict=True)]
    ratio = density_ratio(both[0], both[1], rng)
    return Asked(test, current, wrong[0], wrong[1], outputs, confident, rows, ratio, sure), [
        *same_rows(test, current),
        *_poor(test, current, target.info.task),
    ]


def _poor(test: Samples, current: Samples, task: str) -> list[Caveat]:
    """Sets that say less than their size promises: one row many times, labelled rows of one class."""
    found = []
    for word, samples in (("labelled", test), ("current", current)):
        different = len(np.unique(describe.row_keys(replace(samples, y=None))))
        if different < DIFFERENT:
            message = f"the {len(samples)} {word} rows hold {different} different inputs"
            found.append(Caveat(code="few-inputs", message=message, blocks="both"))
    if task == "classifier" and len(np.unique(np.asarray(test.y))) < 2:
        message = "all labelled rows carry one label: of the errors in other classes they tell nothing"
        found.append(Caveat(code="one-class", message=message, blocks="pass"))
    return found


def _sure(
    outputs: tuple[NumpyArray, NumpyArray] | None,
    confident: bool,
    rows: tuple[NumpyArray, NumpyArray],
    said: list[NumpyArray],
) -> tuple[NumpyArray, NumpyArray]:
    from sklearn.linear_model import LogisticRegression

    if outputs is None:
        answers = np.concatenate(said).astype(float)
        one, two = (((s - answers.mean()) / max(float(answers.std()), 1e-12))[:, None] for s in said)
        return one, two
    if not confident:  # a linear copy of the model knows about how near a row is to its boundaries
        x, y = np.concatenate(rows), np.concatenate(said)
        if len(np.unique(y)) < 2:
            return np.zeros((len(rows[0]), 1)), np.zeros((len(rows[1]), 1))
        copy = LogisticRegression(max_iter=200).fit(x, y)
        outputs = copy.predict_proba(rows[0]), copy.predict_proba(rows[1])
    top = [np.clip(o.max(1), 1e-6, 1 - 1e-6) for o in outputs]
    one, two = (np.log(t / (1 - t))[:, None] for t in top)
    return one, two


def _answers(target: Predicts, samples: Samples) -> NumpyArray:
    found = [to_numpy(target.predict(target.encode(samples.x[i : i + BATCH]))) for i in range(0, len(samples), BATCH)]
    return np.concatenate(found)


def _outputs(
    target: Predicts, test: Samples, current: Samples, said: list[NumpyArray], truth: list[NumpyArray | None]
) -> tuple[tuple[NumpyArray, NumpyArray], bool]:
    bare = target.target if isinstance(target, Meter) else target
    if not missing(bare, Probabilities):
        one, two = (
            np.concatenate(
                [
                    to_numpy(target.probabilities(target.encode(s.x[i : i + BATCH])))  # type: ignore[attr-defined]
                    for i in range(0, len(s), BATCH)
                ]
            )
            for s in (test, current)
        )
        if one.ndim == 2 and np.isfinite(one).all() and np.isfinite(two).all():
            return (one, two), True
    k = 1 + max(int(np.max(v)) for v in (*said, *truth) if v is not None)
    one, two = ((v.astype(int)[:, None] == np.arange(k)).astype(float) for v in said)
    return (one, two), False
