"""stealing.knockoff: a copy trained on answers to a public pool of other data."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import copying_search
from momus.probes.stealing._after import afterwards, cost
from momus.probes.stealing._copies import Job, conclude, pool_rows, prepare

PARTS = 24  # of a pool without labels, for the bandit


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test", "pool"),
    optional_data=("train",),
    metric="copy_agreement",
    worse="higher",
    source="arXiv:1812.02766, arXiv:1806.05476",
    cost="min(queries, n_pool) + rows + 200 rows; 34 after rows for what the copy is good for",
    tasks=("classifier",),
    modalities=("image", "table", "text"),
)
def knockoff(
    target: Predicts,
    trial: Trial,
    *,
    queries: int = 2000,
    selection: str = "random",
    answers: str = "",
    rows: int = 500,
    after: int = 100,
    epsilon: float | None = None,
) -> Measurement:
    """Share of test rows that a copy answers like the original, learned from its answers to a public pool.

    Measures: agreement of the copy with the original on test rows never asked. The thief owns unlabelled data of about
    the same form (the role ``pool``: other people's pictures, another bank's clients, texts from anywhere), has the
    model answer them, and trains on those answers.

    Why it matters: pools lie about, and the answers are the costly part. Where the pool resembles the data, a copy is
    cheaper than the labels were.

    Options: ``queries`` questions at most, 1 and up; each row of the pool is asked once. ``selection`` random; reward,
    a bandit that learns which part of the pool pays (its classes where it has labels, else clusters); margin, rows the
    copy so far is unsure of. ``answers``, ``rows``, ``after`` and ``epsilon`` as in stealing.active.

    Returns: the figures of stealing.active, and ``pool_rows``.

    Raises: ProbeError for an unknown selection, a pool of another form, or options out of range; TargetError as in
    stealing.active.

    Cost: ``queries`` or the pool's rows, ``rows`` and up to 200 drawn rows for the exam; 34 times ``after`` rows.

    A pass means little when: a better pool is to be had, or the thief makes up rows of his own (stealing.active).

    Source: Orekondy et al. 2019 (arXiv:1812.02766); Correia-Silva et al. 2018 (arXiv:1806.05476) for labels alone.
    """
    if selection not in ("random", "reward", "margin"):
        raise ProbeError(f"no selection '{selection}'", hint="Choose random, reward or margin")
    job = prepare(target, trial, queries=queries, rows=rows, answers=answers, after=after)
    pool = pool_rows(job, trial.samples("pool"))
    parts = _parts(job, pool) if selection == "reward" else np.zeros(len(pool), dtype=int)
    with trial.keeping(cost(len(job.test), after), 0.7):
        theft = copying_search.from_a_pool(job.thief(), pool.x, parts, selection)
    use = afterwards(target, job, theft, after=after, epsilon=epsilon)
    return conclude(job, theft, figures=use.figures, evidence=use.evidence, scope={"pool_rows": len(pool)})


def _parts(job: Job, pool: Samples) -> NumpyArray:
    """(n,) which part of the pool a row belongs to: its label, or one of PARTS clusters."""
    if pool.y is not None and pool.y.dtype.kind in "iu" and 1 < len(np.unique(pool.y)) <= 2000:
        return np.asarray(np.unique(pool.y, return_inverse=True)[1])
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.preprocessing import StandardScaler

    features = StandardScaler().fit_transform(job.features(pool.x))
    groups = min(PARTS, max(1, len(pool) // 20))
    made = MiniBatchKMeans(groups, n_init=1, random_state=int(job.rng.integers(2**31)))
    return np.asarray(made.fit_predict(features))
