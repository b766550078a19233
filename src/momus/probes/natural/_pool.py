"""Which rows are mined, and what is said of a pool in which nothing can be mined."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from momus.core.errors import ProbeError
from momus.core.meter import Meter
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import Samples
from momus.probes.natural import _models
from momus.probes.natural._models import Said

DIFFERENT = 10  # inputs that must differ before anything passes: the same row again and again is one row
SURE = 30  # confident answers without which no confident error could have shown


@dataclass
class Pool:
    """``samples`` in random order, without what cannot serve; ``caveats`` say what was left out, or is in doubt."""

    role: str
    samples: Samples
    caveats: list[Caveat] = field(default_factory=list)
    blocked: bool = False

    def block(self, code: str, message: str) -> Pool:
        """The same pool, of which nothing can be said."""
        self.caveats.append(Caveat(code=code, message=message, blocks="both"))
        self.blocked = True
        return self


def prepare(trial: Trial, rows: int, *, labelled: bool) -> Pool:
    """The role ``pool``, or ``test`` where there is none that serves: at most ``rows`` of it, drawn by chance.

    Where labels are needed a pool without any gives way to a labelled test set.
    Empty texts and rows that stand in ``train`` word for word are left out and counted.
    """
    role = "pool" if "pool" in trial.data else "test"
    if labelled and not _labelled(trial.samples(role)) and _labelled(trial.data.get("test")):
        role = "test"
    given = trial.samples(role)
    rng = trial.rng
    pool = Pool(role, given.take(rng.permutation(len(given))[:rows]))
    if len(given) < 2:
        return pool.block("too-few-samples", f"{len(given)} rows in {role} cannot show anything")
    pool.samples, empty = _models.filled(pool.samples)
    if empty:
        message = f"{empty} of {empty + len(pool.samples)} texts in {role} are empty and were left out"
        pool.caveats.append(Caveat(code="empty-texts", message=message, blocks="none"))
    asked = len(pool.samples)
    pool.samples, seen = _models.without(pool.samples, trial.data.get("train"))
    if seen:
        message = f"{seen} of {asked} rows in {role} are training rows and were left out"
        pool.caveats.append(Caveat(code="pool-in-training", message=message, blocks="none"))
    if len(pool.samples) < 2:
        why = "is the training set: models seldom err there" if seen else "holds nothing but empty texts"
        return pool.block("pool-in-training" if seen else "empty-texts", f"the pool ({role}) {why}")
    if labelled and not _labelled(pool.samples):
        message = f"the rows in {role} carry no class labels, so no answer can be called wrong: natural.disagreement"
        return pool.block("no-labels", f"{message} works without")
    different = len(set(_models.keys(pool.samples.x)))
    if different < DIFFERENT <= len(pool.samples):
        message = f"the {len(pool.samples)} rows in {role} hold {different} different inputs"
        pool.caveats.append(Caveat(code="few-inputs", message=message, blocks="pass"))
    return pool


def check(name: str, value: float) -> None:
    """ProbeError for a share or probability outside 0 to 1: beyond 1 nothing would count and all would pass."""
    if not 0 <= value <= 1:
        raise ProbeError(f"{name} is {value:g}", hint="Give a number from 0 to 1")


def doubts(pool: Pool, answers: Said, confident: float) -> None:
    """Models that cannot be caught: hardly ever sure of themselves, or with one answer for everything."""
    sure = int((answers.confidence >= confident).sum())
    if sure < min(SURE, len(answers.said)):
        message = (
            f"the model is sure of {sure} of {len(answers.said)} answers: errors made with confidence can hardly show"
        )
        pool.caveats.append(Caveat(code="seldom-sure", message=message, blocks="pass"))
    if len(np.unique(answers.said)) == 1 and len(answers.said) >= DIFFERENT:
        message = "the model gives one answer to every row: it has nothing to contradict itself with"
        pool.caveats.append(Caveat(code="one-answer", message=message, blocks="pass"))


def _labelled(samples: Samples | None) -> bool:
    return samples is not None and samples.y is not None and samples.y.dtype.kind in "iu"


def cut(pool: Pool, done: int, target: Meter | object) -> Pool:
    """The rows that the budget allowed."""
    if done < len(pool.samples):
        message = f"the budget ended after {done} of {len(pool.samples)} rows"
        # With hardly any row asked neither verdict would mean a thing.
        pool.caveats.append(Caveat(code="budget-spent", message=message, blocks="both" if done < 30 else "pass"))
        pool.samples = pool.samples.take(np.arange(done))
    return pool
