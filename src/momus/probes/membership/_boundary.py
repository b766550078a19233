"""How far rows lie from the boundary, found by asking for labels alone."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.errors import ProbeError
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods.decision_search import hop_skip_jump, rows_a_call
from momus.methods.domain import Domain
from momus.stats import intervals


def boundary_figures(
    target: Predicts, trial: Trial, members: Samples, others: Samples, rows: int, steps: int
) -> tuple[list[Figure], bool]:
    """AUC of the distance to the boundary on ``rows`` rows a side beside right or wrong on the same, and budget spent.

    A row that is answered wrongly has distance 0. Nothing is chosen, so every row is judged.
    """
    n = min(rows, len(members), len(others))
    if n < 2:
        return [], False
    if not (members.is_image or members.is_table):
        raise ProbeError("distances to the boundary need pictures or tables", hint="boundary: 0")
    both = np.concatenate([members.x[:n], others.x[:n]])
    y = np.concatenate([np.asarray(members.y)[:n], np.asarray(others.y)[:n]]).astype(int)
    low, high = target.info.low, target.info.high
    domain = (
        Domain.image(0.0 if low is None else low, 1.0 if high is None else high)
        if members.is_image
        else Domain.table(members, trial.samples("train"))
    )
    x = target.encode(both)

    def won(points: Array, at: NumpyArray) -> NumpyArray:
        trial.progress(0.9, "walking along the boundary")
        answered: NumpyArray = to_numpy(target.predict(points)) != y[at]
        return answered

    usable = y[:, None] != y[None, :]
    found = hop_skip_jump(
        won, x, norm="l2", queries=steps, domain=domain, starts=x, usable=usable, rng=trial.rng, rows=rows_a_call(x)
    )
    far = np.where(np.isfinite(found.distance), found.distance, np.inf)
    largest = far[np.isfinite(far)].max(initial=0.0)
    far = np.where(np.isfinite(far), far, 2 * largest + 1)  # none found: farther than all others
    right = (far > 0).astype(float)
    figures = []
    for name, score in (("auc_boundary", far), ("auc_right_or_wrong[boundary rows]", right)):
        area, ci = intervals.auc(score[:n], score[n:])
        figures.append(Figure(name=name, value=area, ci=ci, n=n, note=f"{steps} queries a row"))
    return figures, not found.complete
