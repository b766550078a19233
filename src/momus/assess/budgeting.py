"""A plan within so many minutes: the jobs that are expected to tell most for their seconds, and gaps for the rest.

Nothing here can change a number: jobs keep their options, seeds, own budgets and keys, and are run or left out whole.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from momus.assess.pricing import Price, Prices, Seen, sharing
from momus.assess.telling import PRIOR, STALE, WEIGHT, Question, rates
from momus.core.records import Gap
from momus.judge import load_controls

if TYPE_CHECKING:
    from momus.assess.plan import Inspection, Job, Plan
    from momus.threats import ThreatModel

# Kept back from the minutes for judging and writing: so many seconds, but never more than a tenth.
CLOSING = 5.0
# A job tells enough to stand for its row where it tells half of what the row's best job tells.
_TELLING = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class Offer:
    """One job with its price and what it is worth. ``ends`` is when it is expected to end, in seconds from the start.

    ``bits`` are what it adds to those chosen before it (left out: to all that are chosen); ``worth`` weighs them by
    severity: critical 8, important 4, moderate 2, low 1.
    """

    key: str
    probe: str
    target: str
    seconds: float
    rests_on: str
    bits: float
    worth: float
    chosen: bool
    ends: float


@dataclass(frozen=True)
class Choice:
    """What was chosen for the minutes given, in the order of running; then what was left out, the best first.

    ``spare`` are the jobs left out: they run where time is left over. ``seconds`` is what there is for the jobs.
    """

    minutes: float
    seconds: float
    workers: int
    kept: int
    offers: tuple[Offer, ...]
    spare: tuple[Job, ...]

    @property
    def chosen(self) -> tuple[Offer, ...]:
        return tuple(o for o in self.offers if o.chosen)

    @property
    def prices(self) -> dict[str, float]:
        """Predicted seconds of every job by its key."""
        return {o.key: o.seconds for o in self.offers}

    @property
    def predicted(self) -> float:
        """Seconds until the last chosen job is expected to end."""
        return max((o.ends for o in self.chosen), default=0.0)

    @property
    def worth(self) -> float:
        """Weighted bits that the chosen jobs are expected to tell together."""
        return sum(o.worth for o in self.chosen)

    @property
    def share(self) -> float:
        """Of all that the plan could tell, what the chosen jobs should: a lower bound, since left out jobs overlap."""
        every = sum(o.worth for o in self.offers)
        return self.worth / every if every else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the offers in the order of running, and their sums."""
        offers = [asdict(o) for o in self.offers]
        sums = {"predicted": self.predicted, "worth": self.worth, "share": self.share}
        mine = {"minutes": self.minutes, "seconds": self.seconds, "workers": self.workers, "kept": self.kept}
        return {**mine, **sums, "offers": offers}


@dataclass(frozen=True)
class Clock:
    """When the run must end, by the machine's clock; ``spare`` are predicted seconds of jobs that only fill time."""

    deadline: float
    spare: Mapping[str, float]

    def left(self) -> float:
        return self.deadline - time.time()


def clock_for(minutes: float, started: float, choice: Choice | None = None) -> Clock:
    """The clock of a run that began at ``started`` (seconds since 1970)."""
    spare = {o.key: o.seconds for o in choice.offers if not o.chosen} if choice else {}
    return Clock(started + 60 * minutes - min(CLOSING, 6 * minutes), spare)


def in_time(
    item: tuple[Any, Any], *, clock: Clock | None, work: Callable[..., tuple[Any, T]], **how: Any
) -> tuple[Any, T | None]:
    """Do one job in what time is left: nothing where none is, or where a job that only fills time would not fit."""
    if clock is None:
        return work(item, **how)
    left = clock.left()
    if left <= 0 or clock.spare.get(item[0].key, 0.0) > left:
        return item[0], None
    return work(item, most=left, **how)


def budgeted(
    plan: Plan,
    inspections: Mapping[str, Inspection],
    threats: ThreatModel,
    *,
    minutes: float,
    seconds: float,
    workers: int = 1,
    seen: Sequence[Seen] = (),
    known: Sequence[str] = (),
) -> Plan:
    """The plan cut down to ``seconds`` of work for ``workers`` at a time; what is left out becomes gaps.

    ``known`` are keys of jobs whose results the store holds: they cost nothing and stay. ``seen`` is what earlier runs
    measured.
    """
    held = set(known)
    jobs = [j for j in plan.jobs if j.key not in held]
    prices = Prices(seen, {name: str(i.info.get("modality", "")) for name, i in inspections.items()})
    menu = _Menu(jobs, [prices.of(j.probe, j.target, 1.25 * j.seconds) for j in jobs], threats, plan.jobs, seen, held)
    taken = menu.best(workers, seconds)
    offers, spare = menu.offers(taken, workers)
    choice = Choice(minutes, seconds, workers, len(plan.jobs) - len(jobs), offers, spare)
    by_key = {j.key: j for j in jobs}
    gaps = [_gap(by_key[o.key], o, choice) for o in offers if not o.chosen]
    kept = tuple(j for j in plan.jobs if j.key in held)
    return replace(plan, jobs=(*kept, *(by_key[o.key] for o in choice.chosen)), gaps=(*gaps, *plan.gaps), choice=choice)


def _gap(job: Job, offer: Offer, choice: Choice) -> Gap:
    more = max(1, math.ceil((offer.ends - choice.seconds) / 60))
    return Gap(
        mode=job.modes[0], probe=job.probe, target=job.target, why="budget",
        detail=f"not within {_minutes(choice.minutes)}: it would take about {_clock(offer.seconds)}",
        how_to_close=_remedy(job, choice.minutes, more),
    )  # fmt: skip


def ran_out(job: Job, minutes: float, expected: float) -> Gap:
    """The gap of a job that was chosen, ``expected`` to take so many seconds, and did not come to an end in time."""
    more = max(1, math.ceil(expected / 60))
    return Gap(
        mode=job.modes[0], probe=job.probe, target=job.target, why="budget",
        detail=f"out of time within {_minutes(minutes)} before it ended; about {_clock(expected)} were expected",
        how_to_close=_remedy(job, minutes, more),
    )  # fmt: skip


def _remedy(job: Job, minutes: float, more: int) -> str:
    given = f"Give it {_minutes(more, 'more ')} (--minutes {minutes + more:g})"
    return f"{given}, or run: momus assess --only {job.probe}"


def _minutes(n: float, more: str = "") -> str:
    return f"{n:g} {more}minute{'' if n == 1 else 's'}"


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class _Menu:
    """The jobs on offer, and the questions that they would answer."""

    def __init__(
        self,
        jobs: Sequence[Job],
        prices: Sequence[Price],
        threats: ThreatModel,
        every: Sequence[Job],
        seen: Sequence[Seen],
        held: set[str],
    ) -> None:
        self.jobs, self.prices, self.threats = list(jobs), list(prices), threats
        self.groups = [self._group(i) for i in range(len(self.jobs))]
        controls = load_controls()
        self.rates = {j.probe: rates(j.probe, controls) for j in every}
        self._modes = {(j.probe, j.target): j.modes for j in every}
        self.settled = {mode for j in every if j.key in held for mode in j.modes}
        latest = {(s.probe, s.target): s for s in seen if s.same}
        self._heard = {at: (s.status, 1.0 if s.key in held else STALE) for at, s in latest.items() if at in self._modes}

    def questions(self) -> dict[tuple[str, str], Question]:
        """Every row on every target, as open as earlier results leave it."""
        found: dict[tuple[str, str], Question] = {}
        for (_, target), modes in self._modes.items():
            for mode in modes:
                threat = self.threats.modes[mode]
                found.setdefault((mode, target), Question(PRIOR[threat.verdict], WEIGHT[threat.severity]))
        for (probe, target), (status, counts) in self._heard.items():
            for mode in self._modes[probe, target]:
                found[mode, target].heard(probe, self.rates[probe], status, counts)
        return found

    def _group(self, i: int) -> list[int]:
        """A job and those on the same target that share work with it."""
        mates, target = sharing().get(self.jobs[i].probe, ()), self.jobs[i].target
        return [k for k, job in enumerate(self.jobs) if k == i or (job.probe in mates and job.target == target)]

    def best(self, workers: int, seconds: float) -> list[int]:
        """Which jobs, in the order of running: the greedy choice, or one that begins with the best single job."""
        greedy = _Basket(self, workers, seconds)
        greedy.statics()
        greedy.floor()
        greedy.fill()
        alone = _Basket(self, workers, seconds)
        single = max(alone.fitting(), key=alone.worth, default=None)
        if single is not None:
            alone.add(single)
            alone.fill()
        return (alone if alone.total > greedy.total + 1e-9 else greedy).taken

    def offers(self, taken: Sequence[int], workers: int) -> tuple[tuple[Offer, ...], tuple[Job, ...]]:
        """All jobs with what they add in that order, and those left out, the best for its seconds first."""
        basket = _Basket(self, workers, math.inf)
        found = [basket.add(i, chosen=True) for i in taken]
        left = [i for i in range(len(self.jobs)) if i not in set(taken)]
        left.sort(key=lambda i: (-basket.density(i)[0], self.jobs[i].key))
        found += [basket.offer(i, chosen=False) for i in left]
        return tuple(found), tuple(self.jobs[i] for i in left)


class _Basket:
    """A choice in the making: what it holds, until when each worker is busy with it, and what it leaves open."""

    def __init__(self, menu: _Menu, workers: int, seconds: float) -> None:
        self.menu, self.seconds = menu, seconds
        self.taken: list[int] = []
        self.total = 0.0
        self._free = [0.0] * max(1, workers)
        self._questions = menu.questions()
        self._known: dict[int, tuple[float, float]] = {}

    def tells(self, i: int) -> tuple[float, float]:
        """(bits, weighted bits) that a job adds to what is in the basket; kept until its questions are asked."""
        if i not in self._known:
            job, told = self.menu.jobs[i], self.menu.rates[self.menu.jobs[i].probe]
            asked = [self._questions[mode, job.target] for mode in job.modes]
            bits = [q.gain(job.probe, told) for q in asked]
            self._known[i] = sum(bits), sum(q.weight * b for q, b in zip(asked, bits, strict=True))
        return self._known[i]

    def worth(self, i: int) -> float:
        return self.tells(i)[1]

    def seconds_of(self, i: int) -> float:
        """What a job costs beside those in the basket: the first of those that share work pays for it."""
        group = self.menu.groups[i]
        first = not any(k in self.taken for k in group)
        return max(self.menu.prices[k].seconds for k in group) if first else self.menu.prices[i].seconds

    def ends(self, i: int) -> float:
        return self._free[0] + self.seconds_of(i)

    def fitting(self) -> list[int]:
        """Jobs that would end in time."""
        return [i for i in range(len(self.menu.jobs)) if i not in self.taken and self.ends(i) <= self.seconds]

    def offer(self, i: int, *, chosen: bool) -> Offer:
        job, price, (bits, worth) = self.menu.jobs[i], self.menu.prices[i], self.tells(i)
        seconds, ends = self.seconds_of(i), self.ends(i)
        return Offer(job.key, job.probe, job.target, seconds, price.rests_on, bits, worth, chosen, ends)

    def add(self, i: int, *, chosen: bool = True) -> Offer:
        """Take a job: the worker that is free first does it, and its rows are less open."""
        made, job = self.offer(i, chosen=chosen), self.menu.jobs[i]
        heapq.heapreplace(self._free, made.ends)
        for mode in job.modes:
            self._questions[mode, job.target].choose(self.menu.rates[job.probe])
        self.taken.append(i)
        self.total += made.worth
        asked = {(mode, job.target) for mode in job.modes}
        touched = [k for k in self._known if asked & {(m, self.menu.jobs[k].target) for m in self.menu.jobs[k].modes}]
        for k in touched:
            del self._known[k]
        return made

    def statics(self) -> None:
        """What only reads files comes first, as in every plan: it is cheap, and the others wait for it."""
        for i in sorted(range(len(self.menu.jobs)), key=lambda i: self.menu.prices[i].seconds):
            if self.menu.jobs[i].files_only and self.ends(i) <= self.seconds:
                self.add(i)

    def floor(self) -> None:
        """For every mode that applies the cheapest job that tells enough, the most for its seconds first."""
        while found := [i for mode in self._waiting() if (i := self._cheapest(mode)) is not None]:
            self.add(max(found, key=self.density))

    def fill(self) -> None:
        """The most for its seconds, until nothing more fits or tells anything."""
        while found := [i for i in self.fitting() if self.worth(i) > 1e-9]:
            self.add(max(found, key=self.density))

    def density(self, i: int) -> tuple[float, str]:
        return self.worth(i) / self.seconds_of(i), self.menu.jobs[i].key

    def _waiting(self) -> list[str]:
        """Modes that apply and that neither a job in the basket nor a result in the store looks at."""
        served = self.menu.settled | {mode for i in self.taken for mode in self.menu.jobs[i].modes}
        return [mode for mode, threat in self.menu.threats.modes.items() if threat.here and mode not in served]

    def _cheapest(self, mode: str) -> int | None:
        of_mode = [i for i, job in enumerate(self.menu.jobs) if mode in job.modes]
        best = max((self.worth(i) for i in of_mode), default=0.0)
        fits = [i for i in of_mode if self.ends(i) <= self.seconds and self.worth(i) >= _TELLING * best > 0]
        return min(fits, key=lambda i: (self.seconds_of(i), self.menu.jobs[i].key), default=None)
