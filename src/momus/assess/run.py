"""assess: inspect, plan, measure in confined workers, store each number as it comes, judge at the end."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from momus.assess.asking import Asking
from momus.assess.assessment import Assessment, review
from momus.assess.backends import place_of, run_all
from momus.assess.budgeting import Choice, Clock, budgeted, clock_for, ran_out
from momus.assess.dispatch import check, results
from momus.assess.heading import head_of
from momus.assess.keeping import Keeper
from momus.assess.measuring import probe_request, request_for, to_record
from momus.assess.plan import DEFAULT_MEMORY_MB, NO_FIT, Inspection, Job, Plan, make_plan
from momus.assess.planned_cost import FORECAST, Forecast, checked, forecast
from momus.assess.pricing import past
from momus.assess.pulse import Pulsing
from momus.assess.selection import selected
from momus.assess.summary import remember, summarise
from momus.assess.supervise import Bounds, run_confined
from momus.assess.watching import Silent, Watcher
from momus.card import SystemCard, load_card
from momus.core.cache import default_folder
from momus.core.errors import MomusError, StoreError
from momus.core.records import Failure, Gap, Measurement, Run
from momus.core.registry import probe_ids
from momus.judge import decide, decide_failure, limit_for
from momus.store import Store, open_store
from momus.threats import threats

INSPECT_SECONDS = 300.0


@dataclass(frozen=True)
class Settings:
    """How to run; none of it but ``seed``, ``only``, ``queries`` and ``seconds`` can change a number.

    ``patience`` is what a worker gets beyond its budget, in seconds, before it is stopped by force: loading the target
    and the data takes part of it. ``fresh`` measures again what the store already holds. ``reproduces`` is the
    example's folder where options come from its expectations, so that reports name the command that does it again.
    ``minutes`` is how long the whole run may take: jobs that tell most for their time are chosen, the others are gaps.
    """

    seed: int = 0
    only: tuple[str, ...] = ()
    queries: int | None = None
    seconds: float | None = None
    memory_mb: int | None = None
    backend: str = "threading"
    workers: int | None = None
    address: str = ""
    threads: int = 1
    patience: float = 120.0
    fresh: bool = False
    allow_unsafe: bool = False
    command: str = ""
    reproduces: str = ""
    minutes: float | None = None

    def __post_init__(self) -> None:
        only: Any = self.only  # a notebook says only="membership.loss"
        object.__setattr__(self, "only", (only,) if isinstance(only, str) else tuple(only))
        for name in ("queries", "seconds", "memory_mb", "workers", "threads", "minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                message = f"{name} is {value}, and must be more than 0"
                raise MomusError(message, code="assess/setting", hint=f"Leave {name} out for its default")


def assess(
    card: SystemCard | str | Path | Mapping[str, Any],
    *,
    store: Store | str | Path | None = None,
    watcher: Watcher | None = None,
    **settings: Any,
) -> Assessment:
    """Assess a system against the 17 failure modes.

    ``card``: a SystemCard, the path of a momus.yaml, or its content as a mapping. ``store``: an open store, a path or
    URL; by default ``.momus/runs.sqlite`` beside the card. Further keywords are those of :class:`Settings`.

    Measurements that the store already holds under the same job key are not made again, so an interrupted run is
    resumed by calling this once more. Raises CardError and StoreError before anything runs; what goes wrong in a job
    afterwards becomes an ``error`` row.
    """
    chosen = Settings(**settings)
    read = _card(card)
    check(read, chosen)
    selected(read, chosen.only)  # a name that asks for nothing is said at once, before a model is opened
    if chosen.queries or chosen.seconds or chosen.memory_mb:
        given = {"queries": chosen.queries, "seconds": chosen.seconds, "memory_mb": chosen.memory_mb}
        budget = read.budget.model_copy(update={k: v for k, v in given.items() if v is not None})
        read = read.model_copy(update={"budget": budget})
    opened = store if isinstance(store, Store) else open_store(store or read.base / ".momus" / "runs.sqlite")
    return _Session(read, opened, watcher or Silent(), chosen).run()


def inspect_targets(card: SystemCard, settings: Settings, ledger: str | None = None) -> dict[str, Inspection]:
    """Open every target once, in a confined worker, and learn what it can do; user code never runs in the caller.

    Never longer than the minutes of the whole run, whose ``ledger`` counts what is asked of served models.
    """
    asked = {"action": "inspect", "probes": list(probe_ids()), "ledger": ledger}
    requests = [request_for(card, t.name, settings, **asked) for t in card.targets]
    memory = card.budget.memory_mb or DEFAULT_MEMORY_MB
    bounds = Bounds(min(INSPECT_SECONDS, 60 * (settings.minutes or math.inf)), memory, settings.threads)
    work = partial(_inspect, bounds=bounds)
    return {i.target: i for i in run_all(work, requests, backend="threading", workers=settings.workers)}


def plan(
    card: SystemCard | str | Path | Mapping[str, Any], *, store: Store | str | Path | None = None, **settings: Any
) -> Plan:
    """What would be measured, what would not and why, and which jobs cannot pass with the rows there are.

    ``card`` and ``settings`` are those of :func:`assess`. Opens the targets in confined workers; measures nothing.
    With ``minutes`` the plan's ``choice`` says what was chosen for them; earlier runs are read from ``store``, by
    default the one beside the card.
    """
    read = _card(card)
    return plan_system(read, Settings(**settings), stored(read, store))[0]


def stored(card: SystemCard, store: Store | str | Path | None = None) -> Store | None:
    """The store that is named, or the one beside the card; None where there is none, for reading makes no empty one."""
    if isinstance(store, Store):
        return store
    place = store or card.base / ".momus" / "runs.sqlite"
    return open_store(place) if "://" in str(place) or Path(place).is_file() else None


def plan_system(card: SystemCard, settings: Settings, store: Store | None = None) -> tuple[Plan, dict[str, Inspection]]:
    """The plan of ``momus plan``, and what the workers found out about each target."""
    started = time.time()
    selected(card, settings.only)
    inspections = inspect_targets(card, settings)
    whole = _plan(card, inspections, settings)
    known = {} if store is None or settings.fresh else store.find(j.key for j in whole.jobs)
    return _cut(whole, card, inspections, settings, started, store, known), inspections


def _cut(
    plan: Plan,
    card: SystemCard,
    inspections: Mapping[str, Inspection],
    settings: Settings,
    started: float,
    store: Store | None,
    known: Mapping[str, Measurement],
) -> Plan:
    """The plan within the minutes that were given, of which opening the targets has taken some."""
    if settings.minutes is None:
        return plan
    return budgeted(
        plan, inspections, threats(card), minutes=settings.minutes,
        seconds=clock_for(settings.minutes, started).left(),
        workers=1 if settings.backend == "sequential" else settings.workers or os.cpu_count() or 1,
        seen=() if store is None else past(store, card), known=tuple(known),
    )  # fmt: skip


def _plan(card: SystemCard, inspections: Mapping[str, Inspection], settings: Settings) -> Plan:
    model = threats(card)
    ruled_out = [slug for slug, threat in model.modes.items() if threat.verdict == "not_applicable"]
    # The coverage probe hears of the modes that the whole plan leaves untested, so that it does not depend on a
    # selection. Modes without a probe have rows of their own that say so, and no card could ever close them.
    whole = make_plan(card, inspections, seed=settings.seed, not_applicable=ruled_out)
    tested = {mode for job in whole.jobs for mode in job.modes}
    holes = [
        {"mode": g.mode, "probe": g.probe, "target": g.target, "why": g.why, "detail": g.detail}
        for g in whole.gaps
        if g.mode not in tested and g.why not in ("not-selected", "no-probe") and g.how_to_close != NO_FIT
    ]
    return make_plan(card, inspections, seed=settings.seed, only=settings.only, not_applicable=ruled_out, holes=holes)


class _Session:
    """One assessment under way."""

    def __init__(self, card: SystemCard, store: Store, watcher: Watcher, settings: Settings) -> None:
        self.card, self.store, self.watcher, self.settings = card, store, watcher, settings
        self.warnings: list[str] = []
        self.gaps: list[Gap] = []
        self.forecast: Forecast | None = None
        self.took: dict[str, tuple[float, float]] = {}
        self.started = time.time()

    def run(self) -> Assessment:
        head = head_of(self.card, self.settings)
        self.asking = Asking.of(self.card, self.store, head.id)
        head = self.asking.in_head(head)
        self.kept = Keeper(self.store, head)
        with Pulsing(self.store, head.id, self.watcher) as self.watcher:
            return self._run(head)

    def _run(self, head: Run) -> Assessment:
        inspections = inspect_targets(self.card, self.settings, self.asking.folder)
        plan = _plan(self.card, inspections, self.settings)
        known = {} if self.settings.fresh else self.store.find(j.key for j in plan.jobs)
        plan = _cut(plan, self.card, inspections, self.settings, self.started, self.store, known)
        self.gaps = list(plan.gaps)
        self.forecast = self._foretold(plan, inspections)
        head = self._with_gaps(head)
        self.kept.keep(head)
        for line in plan.warnings:
            self.watcher.warn(line)
        self.warnings += [_unopened(i) for i in inspections.values() if i.failure is not None]
        self._measure(plan, known)
        head = self._with_gaps(self.asking.in_head(head)).model_copy(update={"ended": datetime.now(UTC)})
        head = self._with_costs(head)
        self.kept.keep(head)
        self.kept.go_home()
        waived = self.kept.waivers()
        warnings = [*self.warnings, *self.kept.warnings]
        judged = review(head, self.card, self.kept.results, self.gaps, warnings=warnings, waivers=waived)
        remember(self.kept.store, summarise(judged))
        return judged

    def _foretold(self, plan: Plan, inspections: Mapping[str, Inspection]) -> Forecast | None:
        """What the jobs will cost; a store that does not answer now costs the forecast alone."""
        try:
            return forecast(plan, inspections, self.card, self.store, self.settings)
        except StoreError:
            return None

    def _with_costs(self, head: Run) -> Run:
        """The head with what was foretold beside what it took, so that later forecasts say how far off they are."""
        if self.forecast is None:
            return head
        kept = checked(self.forecast, self.took)
        return head.model_copy(update={"settings": {**head.settings, FORECAST: kept}})

    def _with_gaps(self, head: Run) -> Run:
        return head.model_copy(update={"settings": {**head.settings, "gaps": [g.model_dump() for g in self.gaps]}})

    def _measure(self, plan: Plan, known: Mapping[str, Measurement]) -> None:
        self.watcher.start([(j.key, j.probe, j.target) for j in plan.jobs])
        for job in plan.jobs:
            if job.key in known:
                # The name may differ between runs of one model; the number cannot, since the key holds it all.
                self.kept.keep(known[job.key])
                self._tell(job, known[job.key], "kept from an earlier run")
        spare = plan.choice.spare if plan.choice else ()  # done where time is left over
        todo = [
            (job, probe_request(self.card, job, self.settings, self._slots(), self.asking.folder))
            for job in (*plan.jobs, *spare)
            if job.key not in known
        ]
        for job, result in results(
            todo, card=self.card, settings=self.settings, run=self.kept.head.id, clock=self._clock(plan.choice),
            watcher=self.watcher,
        ):  # fmt: skip
            if result is None:
                if job not in spare and plan.choice is not None:
                    self.gaps.insert(0, ran_out(job, plan.choice.minutes, plan.choice.prices[job.key]))
                continue
            self.gaps = [
                g
                for g in self.gaps
                if job not in spare or (g.why, g.probe, g.target) != ("budget", job.probe, job.target)
            ]
            if isinstance(result, Measurement):
                self.took[job.key] = result.cost.seconds, result.cost.queries
            self.kept.keep(result)
            self._tell(job, result, "")

    def _clock(self, choice: Choice | None) -> Clock | None:
        return None if choice is None else clock_for(choice.minutes, self.started, choice)

    def _slots(self) -> dict[str, Any] | None:
        """Where costly work may find free cores: none where jobs are to run one after another."""
        count = self.settings.workers or os.cpu_count() or 1
        place = place_of(self.settings.backend, self.settings.address)
        if place.name == "sequential" or place.remote or count < 2:
            return None  # on a cluster the scheduler counts the cores, and idle nodes help
        return {"folder": str(default_folder().parent / "slots"), "count": count}

    def _tell(self, job: Job, result: Measurement | Failure, note: str) -> None:
        if isinstance(result, Failure):
            finding = decide_failure(result)
        else:
            finding = decide(result, limit_for(result.probe, self.card.limits))
        self.watcher.done(job.key, finding, note)


def _unopened(seen: Inspection) -> str:
    failure = seen.failure or {}
    hint = f". {failure['hint']}" if failure.get("hint") else ""
    return f"{failure.get('place', '')} {failure.get('code', '')}: {failure.get('message', '')}{hint}".strip()


def _inspect(request: Mapping[str, Any], bounds: Bounds) -> Inspection:
    outcome = run_confined(request, bounds)
    name = str(request["target"]["name"])
    if outcome.failure is not None:
        late = outcome.failure["code"] == "worker/timeout" and bounds.seconds < INSPECT_SECONDS
        hint = {"hint": "Give the run more minutes, or see whether the model hangs"} if late else {}
        return Inspection(name, failure={**outcome.failure, **hint})
    return Inspection(name, **outcome.body)


def _card(card: SystemCard | str | Path | Mapping[str, Any]) -> SystemCard:
    if isinstance(card, SystemCard):
        return card
    if isinstance(card, str | Path):
        return load_card(card)
    return SystemCard.from_dict(dict(card), base=Path.cwd())


__all__ = ["Settings", "Silent", "Watcher", "assess", "inspect_targets", "plan", "plan_system", "to_record"]
