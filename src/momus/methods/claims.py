"""Do the test rows back a claim? Exact tests of shares, what contradicts them, and how many rows would be needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals, multiple

MOST_ROWS = 10_000_000  # a claim that needs more cannot be tested


@dataclass(frozen=True)
class Counted:
    """What a claim is held against. A share: ``hits`` of ``n``. A mean: ``values`` (n,), and hits is not read.

    ``bound`` is what was claimed of it, at least (``up``) or at most.
    """

    name: str
    n: int
    hits: int
    bound: float
    up: bool
    values: NumpyArray | None = None

    @property
    def found(self) -> float | None:
        """The share or mean on the test rows; None where there is no row."""
        if not self.n:
            return None
        return self.hits / self.n if self.values is None else float(np.mean(self.values))

    @property
    def interval(self) -> Interval | None:
        if self.values is None:
            return intervals.clopper_pearson(self.hits, self.n)
        return intervals.student(self.values) if self.n > 1 else None


@dataclass(frozen=True)
class Ruling:
    """``state``: backed, contradicted, open (the rows do not tell) or untested (no row). ``p_backed`` and
    ``p_against`` are adjusted for all claims. ``least``: rows that would do if none of them went wrong; ``needed``:
    rows at which a system as good as observed is backed with 80 % probability. None where no number of rows would do.
    """

    claim: Counted
    state: str
    p_backed: float
    p_against: float
    least: int | None
    needed: int | None


def rule(claims: Sequence[Counted], alpha: float = 0.05) -> tuple[Ruling, ...]:
    """Every claim held against its rows, Holm's adjustment over the claims on either side.

    A share is judged by the exact binomial test: backed where a system just short of the claim would do as well with
    probability at most ``alpha``, contradicted where one that just keeps it would do as badly. A mean is judged by
    Student's t, which is exact for normal errors only.
    """
    if not claims:
        return ()
    backed = multiple.holm(np.array([_p(c, c.up) for c in claims]))
    against = multiple.holm(np.array([_p(c, not c.up) for c in claims]))
    level = alpha / len(claims)
    out = []
    for c, yes, no in zip(claims, backed, against, strict=True):
        state = "untested" if not c.n else "backed" if yes <= alpha else "contradicted" if no <= alpha else "open"
        if c.values is None:
            least = rows_needed(1.0 if c.up else 0.0, c.bound, up=c.up, alpha=level)
            needed = None if c.found is None else rows_needed(c.found, c.bound, up=c.up, alpha=level)
        else:
            least, needed = None, _rows_of_a_mean(c, level)
        out.append(Ruling(c, state, float(yes), float(no), least, needed))
    return tuple(out)


def _p(c: Counted, above: bool) -> float:
    """Probability of a result at least as far ``above`` (or below) the bound, were the truth the bound itself."""
    if not c.n:
        return 1.0
    if c.values is None:
        if not 0 <= c.bound <= 1:
            return float(above == (c.bound > 1))  # a share above 1 or below 0: always or never
        tail = scipy.stats.binom.sf(c.hits - 1, c.n, c.bound) if above else scipy.stats.binom.cdf(c.hits, c.n, c.bound)
        return float(tail)
    if c.n < 2:
        return 1.0
    mean, spread = float(np.mean(c.values)), float(np.std(c.values, ddof=1))
    if spread == 0:
        return 1.0 if mean == c.bound or (mean > c.bound) != above else 0.0
    t = (mean - c.bound) / (spread / np.sqrt(c.n))
    return float(scipy.stats.t.sf(t, c.n - 1) if above else scipy.stats.t.cdf(t, c.n - 1))


@lru_cache(maxsize=1024)
def rows_needed(truth: float, bound: float, *, up: bool = True, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest rows at which a system whose share is ``truth`` is backed against ``bound`` with probability ``power``.

    None where the truth is no better than the bound, or more than ten million rows were needed. The power of an exact
    test goes up in teeth; the number is where it first reaches ``power`` on the way of doubling and halving.
    """
    if not up:
        truth, bound = 1 - truth, 1 - bound
    if not 0 <= bound < truth:
        return None
    if bound == 0:
        return 1

    # Before n rows without an error have probability alpha, no result of n rows backs anything.
    least = np.log(alpha) / np.log(bound) - 1e-6

    def enough(n: int) -> bool:
        if n < least:
            return False
        critical = int(scipy.stats.binom.isf(alpha, n, bound)) + 1  # P(X >= critical | bound) <= alpha
        return critical <= n and float(scipy.stats.binom.sf(critical - 1, n, truth)) >= power

    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_ROWS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _rows_of_a_mean(c: Counted, alpha: float, power: float = 0.8) -> int | None:
    if c.values is None or c.n < 2:
        return None
    gap = (float(np.mean(c.values)) - c.bound) * (1 if c.up else -1)
    if gap <= 0:
        return None
    z = scipy.stats.norm.isf(alpha) + scipy.stats.norm.ppf(power)
    rows = int(np.ceil((z * float(np.std(c.values, ddof=1)) / gap) ** 2)) + 2
    return rows if rows <= MOST_ROWS else None


@dataclass(frozen=True)
class Dated:
    """One statement about when things happened. ``held`` None: the card does not give the dates it needs."""

    name: str
    held: bool | None
    message: str


def dates(tests: Mapping[str, Any], overdue: Sequence[str] = ()) -> tuple[Dated, ...]:
    """What the dates of the card's ``tests`` section say: pass marks before the tests, tests after the last change,
    data collected before they were used, and nothing ``overdue`` (names of dates that were too long ago on the day of
    the assessment)."""
    day = {k: _day(tests.get(k)) for k in ("collected", "ran", "changed", "pass_marks_fixed")}
    age = int(tests.get("max_age_days") or 365)
    old = [k for k in ("collected", "ran") if k in overdue]
    fresh = None if day["ran"] is None and day["collected"] is None else not old
    names = {"collected": "the test data were collected", "ran": "the tests ran"}
    told = " and ".join(f"{names[k]} on {day[k]}" for k in old)
    return (
        _order(
            "pass marks fixed before the tests",
            day["pass_marks_fixed"],
            day["ran"],
            "the pass marks were fixed on {0}, after the tests had run on {1}",
        ),
        _order(
            "tested since the last change",
            day["changed"],
            day["ran"],
            "the system or its world changed on {0}, after the tests had run on {1}",
        ),
        _order(
            "test data collected before the tests",
            day["collected"],
            day["ran"],
            "the test data were collected on {0}, after the tests that should have used them ran on {1}",
        ),
        Dated(
            f"tested within {age} days",
            fresh,
            "" if fresh is not False else f"{told}, more than {age} days before this assessment",
        ),
    )


def _order(name: str, first: date | None, then: date | None, message: str) -> Dated:
    if first is None or then is None:
        return Dated(name, None, "")
    return Dated(name, first <= then, "" if first <= then else message.format(first, then))


def _day(value: Any) -> date | None:
    return value if value is None or isinstance(value, date) else date.fromisoformat(str(value))
