"""What a plan will cost before anything of it runs: seconds, queries and money, each with an interval."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from momus.assess.pricing import ELSEWHERE, OWN, STARTING, TABLE, Prices, Seen, cell, past, sharing, table_cells
from momus.core import seeds
from momus.core.registry import get_probe, probe_ids
from momus.core.service import Service

if TYPE_CHECKING:
    from momus.assess.plan import Inspection, Job, Plan
    from momus.assess.run import Settings
    from momus.card import SystemCard, TargetCard
    from momus.store import Store

# Four in five counts of queries were within these factors: of a run before on the same target, of a probe that other
# systems ran, of one that only its mode stands in for; benchmarks/bench_costs.py.
_OWN_QUERIES, _PROBE_QUERIES, _MODE_QUERIES = 1.05, 3.2, 46.0
# Of the variance of a job's error this part is common to all jobs of a run, measured: between examples 0.5 squared of
# logarithms, within them 0.36 squared. Other work slows all of them, and a system that is larger is so for all of them.
_COMMON = 2 / 3
_DRAWS = 2000
_Z80 = 1.2816  # within so many deviations on either side lie four in five of a normal distribution
FORECAST = "forecast"  # where a run's head keeps it


@dataclass(frozen=True)
class Range:
    """A prediction, and the interval that holds four in five."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cost:
    """One job's seconds of work, start included, and its queries. ``known``: its result is in the store already."""

    key: str
    probe: str
    target: str
    seconds: Range
    queries: Range
    money: float | None
    rests_on: str
    known: bool = False


@dataclass(frozen=True)
class Forecast:
    """What all jobs cost together. ``wall`` is from the first job's begin to the last one's end.

    ``money`` is by currency, for models that are asked over HTTP and whose price the card names; ``limited`` the
    seconds that a rate limit makes their queries take at least, by target. ``would`` says the same of a served model
    whose copy on this machine is asked instead: (currency, money, seconds) by target. ``off`` is the median factor by
    which predictions were wrong in ``checked`` jobs of earlier runs of this system.
    """

    jobs: tuple[Cost, ...]
    seconds: Range
    queries: Range
    wall: Range
    money: Mapping[str, Range]
    limited: Mapping[str, float]
    workers: int
    would: Mapping[str, tuple[str, float, float]]
    off: float | None = None
    checked: int = 0

    @property
    def rests_on(self) -> dict[str, int]:
        """How many jobs' predictions rest on what."""
        todo = [j.rests_on for j in self.jobs if not j.known]
        return {basis: todo.count(basis) for basis in (OWN, ELSEWHERE, TABLE) if basis in todo}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "rests_on": self.rests_on}


def forecast(
    plan: Plan, inspections: Mapping[str, Inspection], card: SystemCard, store: Store | None, settings: Settings
) -> Forecast:
    """The cost of a plan, by the store's earlier runs where there are any, else by the shipped table."""
    seen = () if store is None else past(store, card)
    held = set() if store is None or settings.fresh else set(store.find(j.key for j in plan.jobs))
    workers = 1 if settings.backend == "sequential" else settings.workers or os.cpu_count() or 1
    off, checked = (None, 0) if store is None else earlier_errors(store, card)
    return foretold(plan.jobs, inspections, card.targets, seen, held, workers, off, checked)


def foretold(
    jobs: Sequence[Job],
    inspections: Mapping[str, Inspection],
    targets: Sequence[TargetCard],
    seen: Sequence[Seen] = (),
    held: set[str] | frozenset[str] = frozenset(),
    workers: int = 1,
    off: float | None = None,
    checked: int = 0,
) -> Forecast:
    """The same from what is known already."""
    specs = {t.name: t for t in targets}
    modalities = {name: str(i.info.get("modality", "")) for name, i in inspections.items()}
    prices, found = Prices(seen, modalities), []
    paid: set[tuple[str, str]] = set()
    for job in jobs:
        if job.key in held:
            nothing = Range(0.0, 0.0, 0.0)
            found.append(Cost(job.key, job.probe, job.target, nothing, nothing, None, "the store", known=True))
            continue
        price = prices.of(job.probe, job.target, 1.25 * job.seconds)
        seconds = Range(price.seconds, price.low, price.high)
        mates = {(p, job.target) for p in sharing().get(job.probe, ())}
        if price.rests_on != OWN and mates & paid:  # its shadow models are another job's
            seconds = Range(STARTING + 0.1 * seconds.value, STARTING, seconds.high)
        paid.add((job.probe, job.target))
        queries = _queries(job, inspections.get(job.target), seen)
        spec = specs.get(job.target)
        money = _service(spec).cost(queries.value) if spec is not None and spec.http is not None else None
        found.append(Cost(job.key, job.probe, job.target, seconds, queries, money, price.rests_on))
    todo = [c for c in found if not c.known]
    seconds, wall = _totals([c.seconds for c in todo], workers)
    served = {name: spec for name, spec in specs.items() if spec.http is not None}
    limited = _limited(todo, served)
    slowest = max(limited.values(), default=0.0)
    wall = Range(*(max(v, slowest) for v in (wall.value, wall.low, wall.high)))
    queries = _totals([c.queries for c in todo], 1)[0]
    would = _would(todo, {name: spec for name, spec in specs.items() if name not in served})
    return Forecast(tuple(found), seconds, queries, wall, _money(todo, served), limited, workers, would, off, checked)


def _queries(job: Job, seen: Inspection | None, earlier: Sequence[Seen]) -> Range:
    """Rows that a job asks the model: as often as before on this target, else so many for each row it has."""
    most = math.inf if job.queries is None else float(job.queries)
    own = [s.queries for s in earlier if s.same and (s.probe, s.target) == (job.probe, job.target)]
    if own:
        value, wide = float(median(own[-3:])), _OWN_QUERIES
    else:
        elsewhere = [(s.queries, s.n) for s in earlier if s.probe == job.probe]
        cells: Sequence[tuple[float, float]] = elsewhere or _shipped(job.probe)
        wide = _PROBE_QUERIES
        if not cells:
            cells, wide = [c for p in _of_mode(job.probe) for c in _shipped(p)], _MODE_QUERIES
        value = _per_row(cells, _rows(job, seen))
    return Range(min(value, most), min(value / wide, most), min(value * wide, most))


def _shipped(probe: str) -> list[tuple[float, float]]:
    """Queries and rows of a probe on the table's systems."""
    return [(q, n) for _, q, n in map(cell, table_cells(probe)) if q >= 0]


def _of_mode(probe: str) -> list[str]:
    """The other probes of its mode: what stands in for one that the table does not know."""
    mode = probe.split("/")[-1].split(".")[0]
    return [p for p in probe_ids() if p != probe and p.split("/")[-1].split(".")[0] == mode]


def _per_row(cells: Sequence[tuple[float, float]], rows: float) -> float:
    """The geometric mean over systems of what each asked for one row, times the rows there are."""
    if not cells:
        return 0.0
    return math.expm1(fmean(math.log1p(q / n * rows if n > 0 and rows > 0 else q) for q, n in cells))


def _rows(job: Job, seen: Inspection | None) -> float:
    """How many rows the number will be about: those of its data, or as many as its option ``n`` takes of them."""
    options = {**get_probe(job.probe).options, **job.options}
    sizes = [float(seen.data[r]["n"]) for r in job.roles if "n" in seen.data.get(r, {})] if seen is not None else []
    wanted = [float(v) for k in ("n", "rows", "inputs") if isinstance(v := options.get(k), int) and v > 0]
    return min([*sizes[:1], *wanted[:1]], default=0.0)


def _totals(parts: Sequence[Range], workers: int) -> tuple[Range, Range]:
    """The sum, and how long so many workers take: by drawing every part from a log-normal within its interval.

    No sum lies beyond those of the lowest and of the highest: every job takes a start at least.
    """
    if not parts:
        return Range(0.0, 0.0, 0.0), Range(0.0, 0.0, 0.0)
    values = np.array([max(p.value, 1e-9) for p in parts])
    wide = np.log([max(p.high, 1e-9) / v for p, v in zip(parts, values, strict=True)]).clip(0) / _Z80
    rng = seeds.rng("forecast", len(parts))
    common, own = rng.normal(size=(_DRAWS, 1)), rng.normal(size=(_DRAWS, len(parts)))
    drawn = values * np.exp(wide * (math.sqrt(_COMMON) * common + math.sqrt(1 - _COMMON) * own))
    sums = drawn.sum(1).clip(sum(p.low for p in parts), sum(p.high for p in parts))
    walls = np.maximum(sums / workers, drawn.max(1)) if workers > 1 else sums
    return _quantiles(sums), _quantiles(walls)


def _quantiles(drawn: Any) -> Range:
    low, middle, high = np.quantile(drawn, (0.1, 0.5, 0.9))
    return Range(float(middle), float(low), float(high))


def _service(spec: TargetCard | None) -> Service:
    given = None if spec is None else spec.service
    return Service() if given is None else Service(**given.model_dump(exclude_none=True))


def _money(todo: Sequence[Cost], specs: Mapping[str, TargetCard]) -> dict[str, Range]:
    found: dict[str, list[Range]] = {}
    for cost in todo:
        service = _service(specs.get(cost.target))
        if service.price is not None:
            q = cost.queries
            some = [float(service.cost(v) or 0.0) for v in (q.value, q.low, q.high)]
            found.setdefault(service.currency, []).append(Range(*some))
    return {currency: _totals(parts, 1)[0] for currency, parts in found.items()}


def _would(todo: Sequence[Cost], specs: Mapping[str, TargetCard]) -> dict[str, tuple[str, float, float]]:
    """What the same queries would cost a caller of the served model, and how long they would take."""
    found = {}
    for name, spec in specs.items():
        service, asked = _service(spec), sum(c.queries.value for c in todo if c.target == name)
        money, seconds = service.cost(asked) or 0.0, 60 * (service.minutes(asked) or 0.0)
        if money or seconds:
            found[name] = service.currency, money, seconds
    return found


def _limited(todo: Sequence[Cost], specs: Mapping[str, TargetCard]) -> dict[str, float]:
    """Seconds that the slowest of a target's rate limits makes its queries take, over all jobs together."""
    found: dict[str, float] = {}
    for name, spec in specs.items():
        asked = sum(c.queries.value for c in todo if c.target == name)
        waits = [60.0 * (_service(spec).minutes(asked) or 0.0)]
        if spec.http is not None and spec.http.per_second:
            waits.append(asked / spec.http.rows / spec.http.per_second)
        if max(waits) > 0:
            found[name] = max(waits)
    return found


def earlier_errors(store: Store, card: SystemCard) -> tuple[float | None, int]:
    """By which factor the forecasts of this system's last runs were off at the median, and over how many jobs."""
    told = [r.settings[FORECAST] for r in store.runs(card.system)[:6] if isinstance(r.settings.get(FORECAST), Mapping)]
    off = [f for one in told for f in one.get("off", ())]
    return (median(off), len(off)) if off else (None, 0)


def remembered(made: Forecast) -> dict[str, Any]:
    """What a run's head keeps of its forecast."""
    return {"seconds": asdict(made.seconds), "queries": asdict(made.queries)}


def checked(made: Forecast, took: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """The same with what the jobs took: (seconds, queries) by key; only jobs that ran to their end count."""
    ran = [c for c in made.jobs if c.key in took]
    if not ran:
        return remembered(made)
    seconds, queries = sum(took[c.key][0] + STARTING for c in ran), sum(took[c.key][1] for c in ran)
    off = [math.exp(abs(math.log(c.seconds.value / (took[c.key][0] + STARTING)))) for c in ran]
    meant = _totals([c.seconds for c in ran], 1)[0], _totals([c.queries for c in ran], 1)[0]
    return {
        "seconds": asdict(meant[0]), "queries": asdict(meant[1]),
        "took": {"seconds": round(seconds, 1), "queries": int(queries)}, "off": [round(f, 2) for f in off],
    }  # fmt: skip


def told(kept: Mapping[str, Any]) -> str:
    """One line of what a run took beside what was foretold; nothing where nothing ran."""
    took = kept.get("took")
    if not took:
        return ""
    seconds, queries = Range(**kept["seconds"]), Range(**kept["queries"])
    off = median(kept["off"])
    return (
        f"Took {clock(took['seconds'])} of work and {took['queries']:,} queries; foretold were "
        f"{span(seconds, clock)} and {span(queries, count)} (a job was off by {off:.1f} times at the median)"
    )


def clock(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def count(queries: float) -> str:
    """A predicted number: two digits of it mean something."""
    if queries < 100:
        return f"{queries:.0f}"
    digits = 10 ** (int(math.log10(queries)) - 1)
    return f"{round(queries / digits) * digits:,}"


def span(r: Range, word: Any) -> str:
    """A prediction with its interval, as ``4 min (2 min to 9 min)``."""
    middle, low, high = word(r.value), word(r.low), word(r.high)
    return middle if low == high == middle else f"{middle} ({low} to {high})"
