"""How far off predicted seconds and queries are: runs of the examples, foretold as if they had not been made yet.

First run: the shipped table without the system itself says what its jobs will take. Second run: an earlier run of the
same system says it. What was taken is what the stores beside the examples hold. Nothing is measured again; the examples
are opened, so that the prediction sees the rows and options that `momus plan` sees.

python -m benchmarks.bench_costs
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench_budget import table_without
from momus.assess.planned_cost import Forecast, foretold
from momus.assess.pricing import STARTING, Seen
from momus.assess.run import Settings, plan_system
from momus.card import load_card
from momus.core.errors import MomusError
from momus.core.records import Measurement, Status
from momus.store import open_store

ROOT = Path(__file__).parents[1]
# Systems with a store of their own and so many measurements or more that open within seconds.
SYSTEMS = (
    "boat-race", "credit-default", "decoder-bug", "face-inversion", "hospital-records", "lava-world", "leike-lava",
    "photo-classifier", "stop-sign", "survey-tree", "vase",
)  # fmt: skip
Took = Mapping[tuple[str, str], Sequence[Measurement]]


def systems() -> Iterator[tuple[str, Took]]:
    """Each example with a store: what its runs measured, oldest first, once for each time it was measured."""
    for name in SYSTEMS:
        place = ROOT / "examples" / name / ".momus" / "runs.sqlite"
        if not place.is_file():
            continue
        found: dict[tuple[str, str], list[Measurement]] = {}
        with open_store(place) as store:
            for run in reversed(store.runs(name)):
                for m in store.records(run.id):
                    if isinstance(m, Measurement):
                        took = found.setdefault((m.probe, m.target), [])
                        if not any((m.key, m.cost.seconds) == (t.key, t.cost.seconds) for t in took):
                            took.append(m)
        yield name, found


def foretell(name: str, took: Took) -> tuple[Forecast, Forecast] | None:
    """The jobs that ran: as a first run, and as one after the run before the last."""
    card = load_card(ROOT / "examples" / name / "momus.yaml")
    try:
        plan, inspections = plan_system(card, Settings(only=tuple(sorted({probe for probe, _ in took}))))
    except MomusError:
        return None
    jobs = [j for j in plan.jobs if (j.probe, j.target) in took]
    with table_without(name):
        first = foretold(jobs, inspections, card.targets)
    again = [j for j in jobs if len(took[j.probe, j.target]) > 1]
    earlier = [
        Seen(m.probe, m.target, m.cost.seconds, Status.PASS, m.key, True, m.cost.queries, m.n)
        for j in again
        for m in took[j.probe, j.target][:-1]
    ]
    return first, foretold(again, inspections, card.targets, earlier)


def errors(made: Forecast, took: Took) -> dict[str, list[float]]:
    """By which factor each job's prediction is off, and whether the interval holds what it took; last: of the sum."""
    kinds = ("seconds", "queries", "held", "asked held", "sum", "sum held", "asked sum held")
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    total, asked = 0.0, 0
    for cost in made.jobs:
        last = took[cost.probe, cost.target][-1].cost
        seconds = last.seconds + STARTING
        total, asked = total + seconds, asked + last.queries
        found["seconds"].append(_off(cost.seconds.value, seconds))
        found["queries"].append(_off(cost.queries.value + 1, last.queries + 1))
        found["held"].append(cost.seconds.low <= seconds <= cost.seconds.high)
        found["asked held"].append(cost.queries.low <= last.queries <= cost.queries.high)
    if made.jobs:
        found["sum"].append(_off(made.seconds.value, total))
        found["sum held"].append(made.seconds.low <= total <= made.seconds.high)
        found["asked sum held"].append(made.queries.low <= asked <= made.queries.high)
    return found


def _off(meant: float, was: float) -> float:
    return math.exp(abs(math.log(meant / was)))


def rows() -> list[dict[str, Any]]:
    """First and second run over all systems."""
    whole: list[dict[str, list[float]]] = [{}, {}]
    counted = [0, 0]
    for name, took in systems():
        made = foretell(name, took)
        for which, forecast in enumerate(made or ()):
            counted[which] += bool(forecast.jobs)
            for kind, values in errors(forecast, took).items():
                whole[which].setdefault(kind, []).extend(values)
    return [
        {
            "run": run, "systems": counted[which], "jobs": len(found["seconds"]),
            "seconds off, median": _at(found["seconds"], 0.5), "90 %": _at(found["seconds"], 0.9),
            "within the interval": _mean(found["held"]),
            "queries off, median": _at(found["queries"], 0.5), "90 % ": _at(found["queries"], 0.9),
            "within the interval ": _mean(found["asked held"]),
            "sum of seconds off, median": round(median(found["sum"]), 2), "sum within": _mean(found["sum held"]),
            "sum of queries within": _mean(found["asked sum held"]),
        }
        for which, (run, found) in enumerate(zip(("first", "second"), whole, strict=True))
    ]  # fmt: skip


def _at(off: Sequence[float], share: float) -> float:
    return round(sorted(off)[min(int(share * len(off)), len(off) - 1)], 2)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 2)


NOTES = (
    "Factors: 2 is twice too much or half of it; one second is added to both, as every job starts a worker. `within`: "
    "share of jobs (of systems) whose interval held what was taken; four in five are meant. The part of an error "
    "common to the jobs of a run, and the factors of a second run and of queries, were set on these same systems; the "
    "factors of seconds in a first run leave each system out."
)

if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
    print(NOTES)
