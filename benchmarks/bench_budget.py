"""How much of a full run is found within a part of its time: our choice beside simpler orders, replayed.

A full run of each example is made once, one job at a time, and kept; then every order is played over its recorded times
and verdicts. Nothing is measured again, and what an order finds depends on nothing but what it runs. The choice knows
prices from the shipped table alone, without the example itself: a first run. A second table says how far predicted
times are off for systems that the table has not seen.

python -m benchmarks.bench_budget
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

from momus.assess import pricing, recall
from momus.assess.budgeting import budgeted
from momus.assess.plan import Job, Plan
from momus.assess.pricing import STARTING, Prices, Seen
from momus.assess.run import Settings, assess, plan_system
from momus.assess.telling import WEIGHT
from momus.card import load_card
from momus.core.cache import default_folder
from momus.core.records import Finding, Status
from momus.judge import coverage
from momus.store import Store, open_store
from momus.threats import threats

ROOT = Path(__file__).parents[1]
SYSTEMS = ("credit-default", "photo-classifier", "lava-world", "boat-race", "leike-lava", "vase")
SHARES = (0.10, 0.25, 0.50)
DRAWS = 200


@dataclass(frozen=True)
class Replay:
    """A full run: its plan, and of every job what it took and which findings it gave."""

    name: str
    plan: Plan
    inspections: Mapping[str, Any]
    threats: Any
    seconds: Mapping[str, float]
    findings: Mapping[str, tuple[Finding, ...]]
    weights: Mapping[str, float]
    truth: Mapping[str, str]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def within(self, order: Sequence[Job], budget: float) -> list[Job]:
        """The jobs of an order that end in time: one that would not is stopped, and the rest have no time either."""
        done, left = [], budget
        for job in order:
            left -= self.seconds[job.key]
            if left < 0:
                break
            done.append(job)
        return done

    def found(self, done: Sequence[Job]) -> dict[str, float]:
        """What those jobs find of the full run, rows weighted by the severity the bug bar gives them."""
        findings = [f for job in done for f in self.findings[job.key]]
        rows = {r.mode: r.status for r in coverage(self.threats.modes, findings, (), ())}
        decided = {m for m, status in self.truth.items() if status in ("fail", "pass", "inconclusive")}
        failing = {m for m in decided if self.truth[m] == "fail"}
        same = sum(self.weights[m] for m in decided if rows[m] == self.truth[m])
        fails = sum(self.weights[m] for m in failing if rows[m] == "fail")
        return {
            "rows": same / sum(self.weights[m] for m in decided),
            "fails": fails / sum(self.weights[m] for m in failing) if failing else math.nan,
            "early": sum(rows[m] == "pass" and self.truth[m] != "pass" for m in decided),
        }


def replay(name: str, store: Store) -> Replay:
    """A full run from the store, measured first where it is not there."""
    path = ROOT / "examples" / name / "momus.yaml"
    card = load_card(path)
    if not any(r.ended for r in store.runs() if r.system == card.system):
        assess(card, store=store, workers=1, fresh=True)
    run = next(r for r in store.runs() if r.system == card.system and r.ended)
    whole = recall(store, run.id)
    plan, inspections = plan_system(card, Settings())
    took = {(r.probe, r.target): STARTING + r.cost.seconds for r in (*whole.measurements, *whole.failures)}
    jobs = tuple(j for j in plan.jobs if (j.probe, j.target) in took)
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in whole.findings:
        found.setdefault((finding.probe, finding.target), []).append(finding)
    model = threats(card)
    return Replay(
        name,
        replace(plan, jobs=jobs, gaps=()),
        inspections,
        model,
        {j.key: took[j.probe, j.target] for j in jobs},
        {j.key: tuple(found.get((j.probe, j.target), ())) for j in jobs},
        {mode: WEIGHT[threat.severity] for mode, threat in model.modes.items()},
        {r.mode: r.status for r in whole.rows},
    )


@contextmanager
def table_without(system: str) -> Iterator[None]:
    """The shipped table as if the system had never been timed."""
    whole = pricing._read()
    kept = {
        probe: row if probe == "shared" else {
            kind: left for kind, timed in row.items() if (left := {s: t for s, t in timed.items() if s != system})
        }
        for probe, row in whole.items()
    }  # fmt: skip
    before = pricing._read
    pricing._read = lambda: {p: r for p, r in kept.items() if r}  # type: ignore[assignment]
    held = pricing._table, pricing._spread
    for kept_by_it in held:
        kept_by_it.cache_clear()
    try:
        yield
    finally:
        pricing._read = before
        for kept_by_it in held:
            kept_by_it.cache_clear()


def chosen(told: Replay, budget: float, seen: Sequence[Seen] = ()) -> list[Job]:
    """The order of our choice, and then the jobs that fill the time that is left over."""
    plan = budgeted(told.plan, told.inspections, told.threats, minutes=budget / 60, seconds=budget, seen=seen)
    assert plan.choice is not None
    predicted = {o.key: o.seconds for o in plan.choice.offers}
    done, left = [], budget
    for place, job in enumerate((*plan.jobs, *plan.choice.spare)):
        if place >= len(plan.jobs) and predicted[job.key] > left:
            continue
        left -= told.seconds[job.key]
        if left < 0:
            break
        done.append(job)
    return done


def earlier(told: Replay) -> tuple[Seen, ...]:
    """The full run as an earlier run that says what things cost, and nothing else."""
    return tuple(
        Seen(j.probe, j.target, told.seconds[j.key] - STARTING, Status.INCONCLUSIVE, "", True) for j in told.plan.jobs
    )


def orders(told: Replay) -> dict[str, Callable[[float], list[dict[str, float]]]]:
    """By name what an order finds in so many seconds: once, or for the random one in each of many draws."""
    jobs = list(told.plan.jobs)
    cheapest = sorted(jobs, key=lambda j: told.seconds[j.key])

    def ours(budget: float, seen: Sequence[Seen] = ()) -> list[dict[str, float]]:
        with table_without(told.name):
            return [told.found(chosen(told, budget, seen))]

    def drawn(budget: float) -> list[dict[str, float]]:
        rng = random.Random(0)
        return [told.found(told.within(rng.sample(jobs, len(jobs)), budget)) for _ in range(DRAWS)]

    return {
        "ours, first run": ours,
        "ours, times known": partial(ours, seen=earlier(told)),
        "cheapest first, times known": lambda budget: [told.found(told.within(cheapest, budget))],
        "order of the modes": lambda budget: [told.found(told.within(jobs, budget))],
        f"random, mean of {DRAWS}": drawn,
    }


def rows() -> list[dict[str, Any]]:
    """One row for each system, budget and order."""
    made = []
    with open_store(_place()) as store:
        replays = [replay(name, store) for name in SYSTEMS]
    for told in replays:
        for share in SHARES:
            for name, find in orders(told).items():
                found = find(share * told.total)
                made.append(
                    {
                        "system": told.name, "jobs": len(told.plan.jobs), "order": name,
                        "budget": f"{share:.0%} of {told.total:.0f} s", **_averaged(found),
                    }
                )  # fmt: skip
    return [*made, *_means(made)]


def _means(made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Over all systems, for each share and order."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in made:
        found.setdefault((str(row["budget"]).split(" ")[0], str(row["order"])), []).append(row)
    return [
        {"system": "all", "order": order, "budget": share, **_averaged(some)} for (share, order), some in found.items()
    ]


def _averaged(some: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    return {k: _mean([s[k] for s in some]) for k in ("rows", "fails", "early")}


def _mean(values: Sequence[Any]) -> float | None:
    known = [v for v in values if v is not None and not math.isnan(v)]
    return round(fmean(known), 3) if known else None


def prediction() -> list[dict[str, Any]]:
    """How far predicted seconds are off for a system that the table has not seen, as a factor; starting included."""
    whole = pricing._read()
    times: dict[str, dict[str, tuple[str, float]]] = {}
    for probe, row in whole.items():
        for kind, timed in row.items() if probe != "shared" else ():
            for system, (seconds, *_) in timed.items():
                times.setdefault(system, {})[probe] = (kind, seconds)
    factors: dict[str, list[float]] = {"nothing known of it": [], "half its other probes timed": []}
    for system, mine in times.items():
        with table_without(system):
            for probe, (kind, seconds) in mine.items():
                others = [
                    Seen(p, "t", s, Status.INCONCLUSIVE, "", True) for p, (_, s) in sorted(mine.items()) if p != probe
                ]
                for name, seen in zip(factors, ((), others[::2]), strict=True):
                    price = Prices(seen, {"t": kind}).of(probe, "t")
                    factors[name].append(abs(math.log(price.seconds / (STARTING + seconds))))
    return [
        {
            "the system": name, "predictions": len(off), "off by a factor of, median": round(math.exp(median(off)), 2),
            "four in five within": round(math.exp(sorted(off)[int(0.8 * len(off))]), 2),
        }
        for name, off in factors.items()
    ]  # fmt: skip


def _place() -> Path:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--store", type=Path, default=default_folder().parent / "bench-budget.sqlite")
    return Path(parser.parse_known_args()[0].store)


def _notes() -> str:
    from benchmarks.__main__ import table

    return (
        "`rows`: share of the rows that the full run judged which read as they do there, weighted by severity; "
        "`fails`: the same of failing rows; `early`: rows that read pass and do not in the full run.\n\n"
        + table(prediction())
    )


NOTES = _notes()

if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
    print(NOTES)
