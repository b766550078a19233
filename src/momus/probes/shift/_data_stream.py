"""The current rows as a stream: looked at batch after batch, with one false-alarm bound for all looks."""

from __future__ import annotations

import numpy as np

from momus.core.evidence import Evidence, Line, Series
from momus.core.records import Figure
from momus.core.samples import Samples
from momus.methods.describe import aligned, describe
from momus.methods.looks import Look, Monitor, first_alarm

ALPHA = 0.05
MOST = 5000  # rows of the reference, and of the stream, that are ranked
COLUMNS = 200


def watched(
    before: Samples, after: Samples, looks: int, rng: np.random.Generator
) -> tuple[list[Figure], list[Evidence]]:
    """First alarm of ``looks`` batches in time order (in order of the rows, where no time is known)."""
    after = after.sample(max(MOST, looks), rng)
    order = np.arange(len(after)) if after.time is None else np.argsort(np.asarray(after.time), kind="stable")
    a, b = aligned(describe(before.sample(MOST, rng)), describe(after))
    some = slice(0, COLUMNS)
    monitor = Monitor(a.values[:, some], rng, alpha=ALPHA, horizon=looks)
    seen = [monitor.look(b.values[part, some]) for part in np.array_split(order, looks)]
    first = first_alarm(seen)
    where = a.names[seen[first - 1].column] if first else ""
    note = f"of {looks} looks; at most {ALPHA:.0%} of streams without change ever raise an alarm"
    figures = [
        Figure(name="first_alarm", value=first, n=len(after), note=f"{note}; {where}" if first else f"none {note}"),
        Figure(name="alarms", value=sum(look.alarm for look in seen), n=looks),
    ]
    return figures, [_drawn(seen)]


def _drawn(seen: list[Look]) -> Series:
    """Both schemes on one scale: how much of the proof needed for an alarm each look brought; 1 is an alarm."""
    x = tuple(float(look.number) for look in seen)
    spent = tuple(min(2.0, float(np.log(max(k.p, 1e-300)) / np.log(k.level))) for k in seen)
    betted = tuple(float(np.clip(np.log(max(k.wealth, 1e-300)) / np.log(2 / ALPHA), 0, 2)) for k in seen)
    return Series(
        title="Looks at the stream",
        x_label="look",
        y_label="proof of a change (1 raises the alarm)",
        lines=(
            Line(name="this batch against the reference", x=x, y=spent),
            Line(name="all batches so far", x=x, y=betted),
            Line(name="alarm", x=x, y=(1.0,) * len(x), dashed=True),
        ),
        note="log of the p-value over log of its level; log of the wealth over log of the wealth that is an alarm",
    )
