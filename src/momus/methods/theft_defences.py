"""What a service can do against theft, measured: fewer digits, the top class alone, a rate limit, watching callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.core.service import Service
from momus.methods.theft_report import Point
from momus.methods.theft_rows import Ranges

PER_MINUTE = 60.0  # the example limit where a card names none


@dataclass(frozen=True, slots=True)
class View:
    """What an answer shows: probabilities rounded to ``decimals`` (None: every digit), of the ``top`` classes only.

    ``labels``: the class alone. A class that is not shown has probability 0 in the answer.
    """

    decimals: int | None = None
    top: int | None = None
    labels: bool = False

    @property
    def name(self) -> str:
        if self.labels:
            return "the class alone"
        digits = (
            "every digit" if self.decimals is None else f"{self.decimals} decimal{'s' if self.decimals != 1 else ''}"
        )
        return digits if self.top is None else f"{digits}, top {self.top}"

    def seen(self, p: NumpyArray) -> NumpyArray:
        """Probabilities (n, k), or values (n,), as the caller sees them."""
        if self.labels and p.ndim == 2:
            return np.eye(p.shape[1])[p.argmax(axis=1)] if len(p) else p
        if self.top is not None and p.ndim == 2 and self.top < p.shape[1]:
            rank = np.argsort(np.argsort(-p, axis=1, kind="stable"), axis=1)
            p = np.where(rank < self.top, p, 0.0)
        return p if self.decimals is None else np.round(p, self.decimals)


def view_of(service: Service) -> View:
    """The view that the card declares. One named class with no digits is the class alone."""
    return View(service.decimals, service.top, labels=service.decimals == 0 and service.top == 1)


@dataclass(frozen=True)
class Alarm:
    """What a test on one caller's queries says: alarms among ``honest`` callers, and when a thief's stream set it off.

    ``false`` honest callers of ``honest`` were accused within ``length`` queries each. ``queries`` until the thief was
    noticed, None where he never was among the ``asked`` he made.
    """

    name: str
    honest: int
    false: int
    length: int
    queries: int | None
    asked: int

    @property
    def rate(self) -> float:
        """Share of the honest callers who were accused."""
        return self.false / max(1, self.honest)


def scaled(rows: NumpyArray, ranges: Ranges) -> NumpyArray:
    """Rows in units of their ranges, so that distances add up."""
    span = np.where(ranges.high > ranges.low, ranges.high - ranges.low, 1.0)
    flat = np.reshape(rows, (len(rows), -1)).astype(float)
    return np.nan_to_num((flat - ranges.low) / span, nan=-1.0)


def nearest_before(rows: NumpyArray, classes: NumpyArray) -> NumpyArray:
    """(n,) distance of each row to the nearest earlier row that was answered alike; NaN for the first of a class.

    What PRADA watches, without its growing set of rows that set records, which only saves memory.
    """
    out = np.full(len(rows), np.nan)
    squares = (rows * rows).sum(axis=1)
    for i in range(1, len(rows)):
        same = np.flatnonzero(classes[:i] == classes[i])
        if len(same):
            gap = squares[same] + squares[i] - 2 * rows[same] @ rows[i]
            out[i] = np.sqrt(max(float(gap.min()), 0.0))
    return out


def normality(distances: NumpyArray, every: int = 50, window: int = 500) -> tuple[NumpyArray, NumpyArray]:
    """(queries, W): Shapiro-Wilk's W of the distances so far, after every ``every`` queries from the hundredth on.

    Distances beyond three standard deviations are left out first, as Juuti et al. do. The last ``window`` count.
    """
    from scipy.stats import shapiro

    at, found = [], []
    for end in range(100, len(distances) + 1, every):
        known = distances[max(0, end - window) : end]
        known = known[np.isfinite(known)]
        if len(known) < 30:
            continue
        kept = known[np.abs(known - known.mean()) <= 3 * known.std()]
        # Equal distances are as far from normal as can be.
        w = 0.0 if len(kept) < 3 or np.ptp(kept) == 0 else float(shapiro(kept).statistic)
        at.append(end)
        found.append(w)
    return np.array(at, dtype=int), np.array(found)


def oddness(
    rows: NumpyArray, reference: NumpyArray, every: int = 10, window: int = 100
) -> tuple[NumpyArray, NumpyArray]:
    """(queries, score): mean distance of the last ``window`` queries to the nearest row of real callers.

    A caller who covers the space evenly, or leaves the places where people are, is far from all of them.
    """
    squares = (reference * reference).sum(axis=1)
    gaps = np.empty(len(rows))
    for i, row in enumerate(rows):
        gaps[i] = np.sqrt(max(float((squares - 2 * reference @ row).min() + row @ row), 0.0))
    ends = np.arange(every, len(rows) + 1, every)
    return ends, np.array([gaps[max(0, e - window) : e].mean() for e in ends])


def watch(
    stream: NumpyArray,
    stream_said: NumpyArray,
    honest: NumpyArray,
    honest_said: NumpyArray,
    ranges: Ranges,
    rng: np.random.Generator,
    *,
    callers: int = 40,
    length: int = 200,
) -> list[Alarm]:
    """Two tests on a caller's queries, each with a threshold set on half of the honest callers, judged on the others.

    An honest caller sends ``length`` rows of ``honest`` (m, ...) in random order. Callers who set the threshold and
    callers who are judged by it send different rows, and the rows that distances are measured to are a third part:
    shared rows would flatter the false alarms. ``stream`` are the thief's queries in the order he made them; ``said``
    are classes (one value each for a regressor). The threshold is the extreme of the calibration callers, so about one
    honest caller in twenty may be accused by chance. Returns nothing where honest rows are fewer than 150, or the
    thief's queries fewer than 10.
    """
    if len(honest) < 150 or len(stream) < 10:
        return []
    people, thief = scaled(honest, ranges), scaled(stream, ranges)
    known, *fresh = np.array_split(rng.permutation(len(people)), 3)
    length = min(length, *(len(part) for part in fresh))
    drawn = [rng.permutation(fresh[2 * i >= callers])[:length] for i in range(callers)]
    near = [normality(nearest_before(people[d], honest_said[d])) for d in drawn]
    far = [oddness(people[d], people[known]) for d in drawn]
    most = min(len(thief), 2000)
    found = []
    if length >= 100:
        said = stream_said[:most]
        theirs = normality(nearest_before(thief[:most], said))
        found.append(_judge("distances between queries are not normal (PRADA)", near, theirs, -1, length, most))
    found.append(_judge("queries lie far from real rows", far, oddness(thief[:most], people[known]), 1, length, most))
    return found


def _judge(
    name: str,
    honest: Sequence[tuple[NumpyArray, NumpyArray]],
    thief: tuple[NumpyArray, NumpyArray],
    sign: int,
    length: int,
    asked: int,
) -> Alarm:
    """Threshold from the first half of the callers, false alarms from the second, and the thief's first alarm."""
    worst = [float((sign * s).max()) if len(s) else -np.inf for _, s in honest]
    half = len(worst) // 2
    cut = max(worst[:half])
    rung = np.flatnonzero(sign * thief[1] > cut)
    queries = int(thief[0][rung[0]]) if len(rung) else None
    return Alarm(name, len(worst) - half, sum(w > cut for w in worst[half:]), length, queries, asked)


def alarm_table(alarms: Sequence[Alarm]) -> Table:
    """What each test noticed and whom it accused."""
    return Table(
        title="Would somebody who watches callers have noticed?",
        columns=("test", "queries until the alarm", "honest callers accused", "of", "false alarms"),
        rows=tuple(
            (a.name, "not noticed" if a.queries is None else a.queries, a.false, a.honest, f"{a.rate:.0%}")
            for a in alarms
        ),
        note="Thresholds come from other honest callers who sent other rows; honest callers send "
        f"{max((a.length for a in alarms), default=0)} real rows in random order, all out of one lot, so the rate is "
        "rough. A thief who knows the test can mix in real rows",
    )


def alarm_figures(alarms: Sequence[Alarm]) -> list[Figure]:
    """Queries until the alarm of the test that accuses fewest honest callers, the earlier of equals, and its rate of
    false alarms beside it."""
    noticed = [a for a in alarms if a.queries is not None]
    if not noticed:
        return []
    first = min(noticed, key=lambda a: (a.rate, a.queries or 0))
    note = f"{first.name}; {first.false} of {first.honest} honest callers accused"
    return [
        Figure(name="queries_until_alarm", value=float(first.queries or 0), n=first.honest, note=note),
        Figure(
            name="honest_accused", value=first.rate, n=first.honest, note=f"by the same test, {first.length} rows each"
        ),
    ]


def defence_table(reached: Sequence[tuple[View, Point]], service: Service) -> Table:
    """The same attack against other answers, and how long a rate limit makes it take."""
    rate = service.per_minute or PER_MINUTE
    rows = tuple(
        (v.name, round(p.agreement, 4), round(p.uniform, 4) if p.n_uniform else None, p.queries,
         round(p.queries / rate, 1))
        for v, p in reached
    )  # fmt: skip
    whose = "as the card says" if service.per_minute else "an example, the card names none"
    return Table(
        title="What the same attack gets from less telling answers",
        columns=("answers", "agreement on test rows", "on uniform rows", "queries", f"minutes at {rate:g} a minute"),
        rows=rows,
        note=f"Rate limit: {whose}. More accounts divide the time",
    )
