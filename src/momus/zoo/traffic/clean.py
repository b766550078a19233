"""Honest callers: many small ones, heavy users, bots that repeat one row, batch jobs in order, retries, second tries.

A day has more events at noon than at night. Nothing here is an attack, and a monitor has to be silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from momus.core.samples import ColumnKind, NumpyArray
from momus.monitor.events import Batch, blank
from momus.zoo.traffic.systems import Served

DAY = 86_400.0
BEGIN = 1.7e9


@dataclass(frozen=True)
class Habits:
    """Shares of all events, and how many callers there are.

    ``bots`` repeat one row each; ``jobs`` send what they have sorted by a column; ``retries`` repeat the last query;
    ``edits`` send it again with one value corrected; the rest is single queries of users whose numbers fall as 1/rank.
    ``rhythm``: at noon a share of half a ``rhythm`` more of the rows lies in the upper half of the first column than
    at the day's mean, at midnight so much less; batch jobs send more at night.
    """

    callers: int = 400
    bots: float = 0.04
    jobs: float = 0.10
    retries: float = 0.02
    edits: float = 0.002
    own_kind: float = 0.3  # share of the users who see one side of the population alone
    a_day: int = 20_000
    rhythm: float = 0.0


def honest(system: Served, n: int, seed: int, habits: Habits = Habits()) -> Batch:
    """``n`` events of a clean stream, the same for a seed."""
    rng = np.random.default_rng([seed, 31])
    night = np.cos(2 * np.pi * np.arange(n) / habits.a_day)
    x, y = _drawn(system, n, rng, -habits.rhythm * night)
    seen, outputs = system.seen(x), system.answers(x)
    caller = _users(n, rng, habits, seen)
    at = np.arange(n)
    role = rng.random(n)
    jobs_now = habits.jobs * (1 + 2 * habits.rhythm * night)
    ones = np.ones(n)
    edges = np.cumsum([habits.bots * ones, jobs_now, habits.retries * ones, habits.edits * ones], axis=0)
    bots, jobs = role < edges[0], (role >= edges[0]) & (role < edges[1])
    again, edit = (role >= edges[1]) & (role < edges[2]), (role >= edges[2]) & (role < edges[3])
    which = rng.integers(0, 3, n)
    caller[bots] = habits.callers + which[bots]
    at[bots] = which[bots]  # bot k asks with row k, always
    for job in range(3):
        mine = np.flatnonzero(jobs & (which == job))
        caller[mine] = habits.callers + 3 + job
        for part in np.array_split(mine, max(1, len(mine) // 300)):
            if len(part):
                at[part] = part[np.argsort(seen[part, rng.integers(seen.shape[1])], kind="stable")]
    follow = np.flatnonzero(again | edit)
    follow = follow[follow > 0]
    at[follow], caller[follow] = at[follow - 1], caller[follow - 1]
    seen, outputs = seen[at], outputs[at]
    edited = np.flatnonzero(edit & (np.arange(n) > 0))
    if len(edited) and system.encoder == "table":
        seen[edited] = _corrected(seen[edited], seen, system, rng)
        outputs[edited] = system.answers(seen[edited])
    return replace(
        blank(n, columns=seen.shape[1]), time=_times(n, rng, habits), x=seen, outputs=outputs,
        said=outputs.argmax(axis=1), label=y[at].astype(float), caller=caller.astype(np.int32),
        callers=tuple(f"user {i}" for i in range(habits.callers))
        + tuple(f"{kind} {i}" for kind in ("bot", "job") for i in range(3)),
        seconds=rng.gamma(4.0, 0.005, n), size=rng.gamma(20.0, 10.0, n), status=np.full(n, 200, np.int16),
    )  # fmt: skip


def _drawn(system: Served, n: int, rng: np.random.Generator, noon: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Honest inputs, of which the upper half of the first column has a share of ``(1 + noon) / 2`` (n,)."""
    if not noon.any():
        return system.draw(n, rng)
    x, y = system.draw(2 * n, rng)
    first = system.seen(x)[:, 0]
    upper = first > np.median(first)
    wanted = rng.random(n) < (1 + noon) / 2
    at = np.empty(n, np.int64)
    for half in (False, True):
        pool, mine = np.flatnonzero(upper == half), np.flatnonzero(wanted == half)
        at[mine] = pool[np.arange(len(mine)) % len(pool)]
    return x[at], y[at]


def _users(n: int, rng: np.random.Generator, habits: Habits, seen: NumpyArray) -> NumpyArray:
    """Who asks each row; some callers see only rows above, or only below, the middle of the first column."""
    weight = 1 / np.arange(1, habits.callers + 1)
    special = rng.random(habits.callers) < habits.own_kind
    side = rng.integers(0, 2, habits.callers)
    upper = seen[:, 0] > np.median(seen[:, 0])
    out = np.empty(n, np.int64)
    for above in (0, 1):
        mine = np.flatnonzero(upper == bool(above))
        w = np.where(special & (side != above), 0.0, weight)
        out[mine] = rng.choice(habits.callers, len(mine), p=w / w.sum())
    return out


def _corrected(rows: NumpyArray, all_rows: NumpyArray, system: Served, rng: np.random.Generator) -> NumpyArray:
    """One value of each row replaced by that of another honest row."""
    free = [j for j, c in enumerate(system.columns) if c.kind is not ColumnKind.BINARY and not c.immutable]
    out = rows.copy()
    column = rng.choice(free or range(rows.shape[1]), len(rows))
    out[np.arange(len(rows)), column] = all_rows[rng.integers(0, len(all_rows), len(rows)), column]
    return out


def _times(n: int, rng: np.random.Generator, habits: Habits) -> NumpyArray:
    """Seconds since 1970: gaps are four times as long at night as at noon."""
    gap = rng.exponential(DAY / habits.a_day, n)
    clock = np.cumsum(gap) / DAY * 2 * np.pi
    return BEGIN + np.cumsum(gap * (1 - 0.6 * np.cos(clock)) ** -1 * 0.8)
