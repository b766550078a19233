"""stealing.jacobian: a copy grown from a handful of rows along its own gradients, from labels alone."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import copying_search
from momus.probes.stealing._after import afterwards, cost
from momus.probes.stealing._copies import Job, conclude, pool_rows, prepare


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train", "pool"),
    metric="copy_agreement",
    worse="higher",
    source="arXiv:1602.02697, arXiv:1605.07277",
    cost="queries + rows + 200 rows; 34 after rows for what the copy is good for",
    tasks=("classifier",),
    modalities=("image", "table"),
)
def jacobian(
    target: Predicts,
    trial: Trial,
    *,
    queries: int = 2000,
    seeds: int = 100,
    step: float = 0.1,
    answers: str = "labels",
    rows: int = 500,
    after: int = 100,
    epsilon: float | None = None,
) -> Measurement:
    """Share of test rows that a copy answers like the original, grown from a few rows by Jacobian augmentation.

    Measures: agreement of the copy with the original on test rows never asked. The thief starts with ``seeds`` rows of
    the kind and has labels alone; a small network trained on them says in which direction each row's label would
    change soonest, the rows moved that way are asked, and so on.

    Why it matters: this is how a remote classifier was first turned by examples made elsewhere. A few rows of one's
    own are all it takes, and hiding the probabilities does not stop it.

    Options: ``queries`` questions at most, 1 and up. ``seeds`` rows to start from, out of the role ``pool`` where there
    is one, else out of test, where they are kept out of the exam. ``step`` length of a move, as a share of a picture's
    range or in interquartile ranges of a column. ``answers`` labels, or scores. ``rows``, ``after`` and ``epsilon`` as
    in stealing.active.

    Returns: the figures of stealing.active.

    Raises: ProbeError for options out of range or a pool of another kind; TargetError as in stealing.active.

    Cost: ``queries`` for the theft, ``rows`` and up to 200 drawn rows for the exam; 34 times ``after`` rows.

    A pass means little when: the thief has many rows of the kind (stealing.knockoff), the service shows probabilities,
    or a column holds categories, which have no gradient and stay as the seeds have them.

    Source: Papernot et al. 2017 (arXiv:1602.02697); Papernot et al. 2016 (arXiv:1605.07277) for a step that turns its
    direction and for a limit on the rows of a round.
    """
    if seeds < 1 or not step > 0:
        raise ProbeError("seeds must be at least 1 and step above 0", place="option 'seeds'")
    pool = trial.data.get("pool")
    spare = 0 if pool is not None else min(seeds, len(trial.samples("test")) // 3)
    job = prepare(target, trial, queries=queries, rows=rows, answers=answers, after=after, spare=spare)
    begin = job.spare.x if pool is None else pool_rows(job, pool).x[:seeds]
    with trial.keeping(cost(len(job.test), after), 0.7):
        theft = copying_search.along_gradients(job.thief(), begin, _mover(job, step))
    use = afterwards(target, job, theft, after=after, epsilon=epsilon)
    few = [] if len(begin) >= 10 else [_few(len(begin))]
    return conclude(
        job, theft, figures=use.figures, evidence=use.evidence, caveats=few, scope={"seed_rows": len(begin)}
    )


def _mover(job: Job, step: float) -> copying_search.Move:
    """Rows moved along signs, and brought back to what the service takes: bytes, ranges, whole numbers, rules."""

    def pictures(rows: NumpyArray, direction: NumpyArray) -> NumpyArray:
        view = job.view(rows).astype(np.float64) / 255
        native = np.clip(view + step * direction, 0, 1).astype(np.float32)
        moved = np.moveaxis(native, 1, -1)
        if moved.shape == rows.shape:
            return np.asarray(np.round(moved * 255), dtype=np.uint8)
        return np.asarray(job.caller.target.decode(native))  # the target resizes what it is given

    if job.modality == "image" or job.domain is None:
        return pictures
    domain = job.domain

    def table(rows: NumpyArray, direction: NumpyArray) -> NumpyArray:
        # A column of whole numbers moves by one where the step is smaller: else it would never be explored.
        size = step * np.broadcast_to(np.asarray(domain.scale, dtype=float), rows.shape[1:])
        if domain.whole is not None:
            size = np.where(domain.whole, np.maximum(size, 1.0), size)
        return np.asarray(domain.project(rows + size * direction, rows, 1e9))

    return table


def _few(n: int) -> Caveat:
    message = f"the thief had {n} rows to start from; with more he would have learned more"
    return Caveat(code="few-seeds", message=message, blocks="pass")
