"""A run whose jobs are measured one by one, on demand and from several processes: each job once, whoever asks first.

For callers that decide themselves what is measured and when, such as a test runner.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from pydantic import TypeAdapter

from momus.assess.asking import KEPT, Asking
from momus.assess.assessment import Assessment, review, waivers_of
from momus.assess.budgeting import clock_for, in_time, ran_out
from momus.assess.heading import head_of
from momus.assess.measuring import measure_one, probe_request
from momus.assess.plan import Job
from momus.assess.run import Settings, plan_system, stored
from momus.assess.summary import remember, summarise
from momus.card import SystemCard, load_card
from momus.core.decisions import Waived
from momus.core.records import Failure, Gap, Measurement, Run
from momus.store import Store, open_store

_RECORD: TypeAdapter[Measurement | Failure | Gap] = TypeAdapter(Measurement | Failure | Gap)


@dataclass(frozen=True)
class Prepared:
    """A plan that was made once, to be handed to other processes as text.

    It holds no secret: each process reads the card itself. ``prices`` are the predicted seconds by job key where
    the jobs were chosen for so many minutes.
    """

    card: str
    store: str
    settings: Settings
    head: Run
    jobs: tuple[Job, ...]
    gaps: tuple[Gap, ...]
    prices: Mapping[str, float]
    started: float
    folder: str

    def text(self) -> str:
        return _PREPARED.dump_json(self).decode()

    @classmethod
    def of_text(cls, text: str) -> Prepared:
        return _PREPARED.validate_json(text)


_PREPARED: TypeAdapter[Prepared] = TypeAdapter(Prepared)


def prepare(card: str | Path, settings: Settings, store: str | None = None) -> Prepared:
    """Read the card, open its targets in confined workers and plan. CardError and others before anything is stored."""
    started = time.time()
    system = load_card(card)
    place = store or str(system.base.resolve() / ".momus" / "runs.sqlite")
    plan, _ = plan_system(system, settings, stored(system, place))
    folder = tempfile.mkdtemp(prefix="momus-pieces-")
    prices = {} if plan.choice is None else plan.choice.prices
    head = head_of(system, settings)
    head = Asking.of(system, stored(system, place), head.id).in_head(head)
    return Prepared(str(card), place, settings, head, plan.jobs, plan.gaps, prices, started, folder)


class Pieces:
    """The jobs of a prepared run, in this process."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.card: SystemCard = load_card(prepared.card)
        self._begun = False

    @cached_property
    def store(self) -> Store:
        """Opened when something is measured: what is only planned makes no store."""
        return open_store(self.prepared.store)

    @property
    def head(self) -> Run:
        return self.prepared.head

    @property
    def _asking(self) -> Asking:
        return Asking(self.card, str(self.head.settings.get(KEPT, "")))

    def waivers(self) -> tuple[Waived, ...]:
        """Decisions of the store about this system."""
        return waivers_of(self.store, self.head.system) if self._there() else ()

    def _there(self) -> bool:
        """Whether there is a store to read: reading never makes an empty one."""
        return "store" in self.__dict__ or "://" in self.prepared.store or Path(self.prepared.store).is_file()

    def measure(self, job: Job) -> Measurement | Failure | Gap:
        """The result of a job: what some process of this run made, what the store holds, or what is measured now.

        A Gap where the minutes were over.
        """
        with self._turn(job.key) as place:
            if place.stat().st_size:
                return _RECORD.validate_json(place.read_bytes())
            found = self._result(job)
            if not isinstance(found, Gap):
                self._begin()
                self.store.append(self.head.id, found)
            place.write_text(found.model_dump_json(), "utf-8")
            return found

    def judged(self, *results: Measurement | Failure) -> Assessment:
        """These results under the card's limits, with the waivers that hold."""
        return review(self.head, self.card, results, (), waivers=self.waivers())

    def finish(self) -> Assessment:
        """Everything that was measured, judged; what was not is a gap. Stores the run's end where there was a run."""
        results = self.store.records(self.head.id) if self._there() else ()
        done = {r.key for r in results}
        gaps = [*self.prepared.gaps, *(self._left(j) for j in self.prepared.jobs if j.key not in done)]
        told = {**self._asking.in_head(self.head).settings, "gaps": [g.model_dump() for g in gaps]}
        head = self.head.model_copy(update={"settings": told, "ended": datetime.now(UTC)})
        judged = review(head, self.card, results, gaps, waivers=self.waivers())
        if results:
            self.store.append(head.id, head)
            remember(self.store, summarise(judged))
        shutil.rmtree(self.prepared.folder, ignore_errors=True)
        return judged

    def _result(self, job: Job) -> Measurement | Failure | Gap:
        settings = self.prepared.settings
        known = {} if settings.fresh else self.store.find([job.key])
        if job.key in known:
            return known[job.key]
        minutes = settings.minutes
        clock = None if minutes is None else clock_for(minutes, self.prepared.started)
        work = partial(measure_one, patience=settings.patience, threads=settings.threads, listener=None)
        request = probe_request(self.card, job, settings, None, self._asking.folder)
        found: Measurement | Failure | None = in_time((job, request), clock=clock, work=work)[1]
        return ran_out(job, minutes or 0.0, self.prepared.prices.get(job.key, 0.0)) if found is None else found

    def _left(self, job: Job) -> Gap:
        place = Path(self.prepared.folder) / job.key
        if place.is_file() and place.stat().st_size:
            found = _RECORD.validate_json(place.read_bytes())
            if isinstance(found, Gap):
                return found
        return Gap(
            mode=job.modes[0], probe=job.probe, target=job.target, why="not-selected", detail="not run",
            how_to_close=f"momus assess --only {job.probe}",
        )  # fmt: skip

    def _begin(self) -> None:
        """The run's head goes before its first result."""
        if not self._begun:
            with self._turn("head") as place:
                if not place.stat().st_size:
                    self.store.append(self.head.id, self.head)
                    place.write_text("stored", "utf-8")
            self._begun = True

    @contextmanager
    def _turn(self, name: str) -> Iterator[Path]:
        """One process at a time; a file that is empty until one has been there."""
        place = Path(self.prepared.folder) / name
        with place.open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield place
