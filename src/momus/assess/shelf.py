"""Shelf: what the pages read. Runs are judged once, kept while nothing was added to them, and judged again after.

A page never waits for the model: judging needs the stored numbers only. Trends read summaries, so that a system of a
thousand runs costs one query and not a thousand judgements.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from momus.assess.assessment import Assessment, recall
from momus.assess.listing import Facets, Listed, facets, listed
from momus.assess.summary import judge_digest, remember, summarise
from momus.core.decisions import Pulse, RowSummary, Summary, Waived, in_force, system_id
from momus.core.errors import NotFound
from momus.core.garbage import put_aside
from momus.core.records import Record, Run, Severity
from momus.reports import ReportView
from momus.reports.compare import CompareView, compare_view
from momus.store import Store
from momus.taxonomy import load

# A run that was not heard from for so long is said to be silent: its process may be gone.
SILENT_AFTER = 60.0
# Assessments kept at once; one of 10,000 findings with pictures may take 100 MB.
KEPT = 8
# The newest runs that a trend shows. Older ones are listed, not drawn: a line of 60 points is full.
MOST_POINTS = 60

# A run under way is judged anew for pages only after so many times the seconds that judging it took.
REST = 5.0

Stamp = tuple[int, int]
State = Literal["running", "silent", "ended"]
T = TypeVar("T")


class Tile(Record):
    """One of the 17 rows as small as it gets."""

    id: str
    mode: str
    name: str
    status: str
    severity: Severity | None = None
    accepted: bool = False  # it fails, and everything that fails is waived


class RunLine(Record):
    """One run in a list."""

    id: str
    system: str
    name: str
    created: datetime
    ended: datetime | None = None
    seed: int = 0
    state: State = "ended"
    pulse: Pulse | None = None
    summary: Summary | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it has not ended."""
        return (self.ended - self.created).total_seconds() if self.ended else None

    @property
    def heard(self) -> datetime:
        """When it was last heard from."""
        return self.pulse.seen if self.pulse is not None else self.ended or self.created


class SystemLine(Record):
    """One system in the list: where it stands by its latest run that ended, and what is under way."""

    id: str
    name: str
    runs: int
    latest: RunLine
    tiles: tuple[Tile, ...]
    worst: Severity | None = None
    running: tuple[RunLine, ...] = ()

    @property
    def statuses(self) -> dict[str, str]:
        """Mode -> status in the latest run."""
        return {t.mode: t.status for t in self.tiles}


class ModeTrend(Record):
    """One row over the runs of a system; a point for each run, oldest first."""

    id: str
    mode: str
    name: str
    points: tuple[RowSummary, ...]


class Trend(Record):
    """The 17 rows over the newest runs that ended, oldest first."""

    system: str
    runs: tuple[RunLine, ...]
    modes: tuple[ModeTrend, ...]


class Shelf:
    """Reads a store for pages. Safe for several threads; no two of them judge the same run at once."""

    def __init__(
        self, store: Store, *, keep: int = KEPT, today: Callable[[], date] | None = None, rest: float = REST
    ) -> None:
        self.store = store
        self.today = today or (lambda: datetime.now(UTC).date())
        self._looks: _Kept[Judged] = _Kept(keep)
        self._summaries: _Kept[Summary] = _Kept(2000)
        self._counted: _Kept[dict[str, Counted]] = _Kept(2000)
        self._heads: _Kept[Run] = _Kept(2000)
        self._compared: _Kept[CompareView] = _Kept(2 * keep)
        self._paces = _Paces(rest)

    def run(self, identity: str = "latest") -> Run:
        """The head of a run by id or an unambiguous beginning of it; NotFound otherwise."""
        stamp = self.store.stamp(identity)
        if not stamp[0]:
            return self.store.run(identity)
        return self._heads.get(identity, stamp, lambda: self.store.run(identity))

    def runs(self, system: str | None = None) -> tuple[RunLine, ...]:
        """All runs, or those of one system, newest first."""
        pulses = self.store.pulses()
        return tuple(_line(r, pulses.get(r.id)) for r in self.store.runs(system))

    def line(self, run: str) -> RunLine:
        """One run with what it last said of itself."""
        head = self.run(run)
        return _line(head, self.store.pulses().get(head.id))

    def systems(self) -> tuple[SystemLine, ...]:
        """Every system: what runs now first, then the worst, then by name."""
        by_system: dict[str, list[RunLine]] = {}
        for line in self.runs():
            by_system.setdefault(line.system, []).append(line)
        known = self.store.summaries(judged_by=judge_digest())
        waived: dict[str, list[Waived]] = {}
        for waiver in in_force(self.store.waivers(), self.today()):
            waived.setdefault(waiver.system, []).append(waiver)
        lines = [self._system(lines, known, tuple(waived.get(system, ()))) for system, lines in by_system.items()]
        return tuple(sorted(lines, key=lambda s: (not s.running, -_rank(s.worst), s.name.casefold(), s.id)))

    def system(self, identity: str) -> SystemLine:
        """One system by its id or name; NotFound names some that there are."""
        lines = self.runs(identity)
        if not lines:
            there = ", ".join(dict.fromkeys(system_id(r.system) for r in self.store.runs()[:5])) or "none yet"
            raise NotFound(f"no system called '{identity}'", place=self.store.name, hint=f"There are: {there}")
        known = self.store.summaries(system=lines[0].system, judged_by=judge_digest())
        return self._system(list(lines), known, self._waivers(lines[0].system))

    def judged(self, run: str) -> Judged:
        """A run judged under its card and today's waivers, with all that pages make of it: one look at the store."""
        head = self.run(run)
        # The day is in it because a card has waivers, too: they end at midnight and nothing is added to the store.
        key = (self._paces.stamp(head, self.store.stamp(head.id)), self._waivers(system_id(head.system)), self.today())
        with self._paces.timed(head):
            return self._looks.get(head.id, key, lambda: self._judged_now(head.id))

    def _judged_now(self, run: str) -> Judged:
        with put_aside():
            made = Judged(recall(self.store, run, today=self.today()))
            _ = made.view, made.findings  # nearly every page asks for them
        return made

    def assessment(self, run: str) -> Assessment:
        """A run judged under its card, the waivers of the store applied as of today."""
        return self.judged(run).assessment

    def view(self, run: str) -> ReportView:
        """What pages and reports of a run are made from."""
        return self.judged(run).view

    def findings(self, run: str) -> tuple[Listed, ...]:
        """All findings of a run, what matters most first."""
        return self.judged(run).findings

    def compared(self, before: str, after: str) -> CompareView:
        """What changed from one run to another; kept while neither has changed."""
        early, late = self.judged(before), self.judged(after)
        key = (early.made, late.made)
        return self._compared.get(f"{before} {after}", key, lambda: compare_view(early.view, late.view))

    def summary(self, run: str) -> Summary:
        """The rows of a run as this release judges them: the stored ones, else judged now and stored."""
        head = self.run(run)
        known = self.store.summaries(system=system_id(head.system), judged_by=judge_digest())
        return known.get(head.id) or self._summarised(head)

    def trend(self, system: str, most: int = MOST_POINTS) -> Trend:
        """How the 17 rows of a system went over its newest runs; what is under way is left out."""
        ended = [line for line in self.runs(system) if line.ended is not None][:most][::-1]
        known = self.store.summaries(system=system, judged_by=judge_digest())
        seen = [(line, known.get(line.id) or self._summarised(self.run(line.id))) for line in ended]
        rows = [{r.mode: r for r in summary.rows} for _, summary in seen]
        return Trend(
            system=system,
            runs=tuple(line.model_copy(update={"summary": summary}) for line, summary in seen),
            modes=tuple(
                ModeTrend(
                    id=m.id,
                    mode=m.slug,
                    name=m.name,
                    points=tuple(r.get(m.slug) or RowSummary(mode=m.slug, status="not_tested") for r in rows),
                )
                for m in load().modes
            ),
        )

    def _system(self, lines: list[RunLine], known: dict[str, Summary], waivers: tuple[Waived, ...]) -> SystemLine:
        latest = next((line for line in lines if line.ended is not None), lines[0])
        head = self.run(latest.id)
        summary = known.get(latest.id) or self._summarised(head)
        counted = self._counting(head, waivers) if waivers or "waivers" in head.card_text else {}
        rows = {r.mode: r for r in summary.rows}
        tiles = tuple(
            Tile(
                id=m.id,
                mode=m.slug,
                name=m.name,
                status=rows[m.slug].status if m.slug in rows else "not_tested",
                severity=rows[m.slug].severity if m.slug in rows else None,
                accepted=counted[m.slug].accepted if m.slug in counted else False,
            )
            for m in load().modes
        )
        left = [counted[t.mode].severity if t.mode in counted else t.severity for t in tiles if t.status == "fail"]
        failing = [s for s in left if s is not None]
        return SystemLine(
            id=latest.system,
            name=latest.name,
            runs=len(lines),
            latest=latest.model_copy(update={"summary": summary}),
            tiles=tiles,
            worst=max(failing, key=lambda s: s.rank) if failing else None,
            running=tuple(line for line in lines if line.state == "running"),
        )

    def _counting(self, head: Run, waivers: tuple[Waived, ...]) -> dict[str, Counted]:
        """What waivers leave of the failing rows: remembered for many runs, of which few are kept whole."""
        key = (self._paces.stamp(head, self.store.stamp(head.id)), waivers, self.today())
        return self._counted.get(
            head.id,
            key,
            lambda: {m.slug: Counted(m.accepted, m.counted) for m in self.view(head.id).modes if m.status == "fail"},
        )

    def _waivers(self, system: str) -> tuple[Waived, ...]:
        return in_force(self.store.waivers(system), self.today())

    def _summarised(self, head: Run) -> Summary:
        """Judged now, and stored where the run has ended: more may come to one that has not."""
        if head.ended is None:
            stamp = self._paces.stamp(head, self.store.stamp(head.id))
            return self._summaries.get(head.id, stamp, lambda: summarise(self.assessment(head.id)))

        def judge() -> Summary:
            made = summarise(recall(self.store, head.id))
            remember(self.store, made)
            return made

        return self._summaries.get(head.id, (), judge)


class Counted(NamedTuple):
    """What waivers leave of a failing row: whether all of it is accepted, and the worst severity that counts."""

    accepted: bool
    severity: Severity | None


class Judged:
    """One run judged, and what pages make of it, each made when first asked for."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment
        self.made = object()  # what tells this reading of the run from every other

    @cached_property
    def view(self) -> ReportView:
        return self.assessment.view()

    @cached_property
    def rows(self) -> tuple[RowSummary, ...]:
        return summarise(self.assessment).rows

    @cached_property
    def findings(self) -> tuple[Listed, ...]:
        return listed(self.view)

    @cached_property
    def facets(self) -> Facets:
        return facets(self.findings)


class _Paces:
    """Stamps of runs under way, each held for a while: a run that grows is not judged anew for every page.

    Judging takes at most a sixth of the time, however long it takes.
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._held: dict[str, tuple[float, Stamp]] = {}
        self._lock = threading.Lock()

    def stamp(self, head: Run, newest: Stamp) -> Stamp:
        """The stamp to read a run by: an older one where that was given out a moment ago."""
        if head.ended is not None:
            return newest
        now = time.monotonic()
        with self._lock:
            until, held = self._held.get(head.id, (0.0, newest))
            if now < until:
                return held
            self._held = {run: entry for run, entry in self._held.items() if now < entry[0] + 60}
            self._held[head.id] = (now, newest)
            return newest

    @contextmanager
    def timed(self, head: Run) -> Iterator[None]:
        """Longer work makes the next wait longer."""
        begun = time.monotonic()
        yield
        now = time.monotonic()
        with self._lock:
            until, held = self._held.get(head.id, (0.0, (0, 0)))
            if until:
                self._held[head.id] = (max(until, now + self._rest * (now - begun)), held)


class _Kept(Generic[T]):
    """The last few things made, each under a name and what it was made from. One maker a name at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[str, tuple[Any, T]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, key: Any, make: Callable[[], T]) -> T:
        with self._lock:
            found = self._things.get(name)
            if found is not None and found[0] == key:
                self._things.move_to_end(name)
                return found[1]
            making = self._making.setdefault(name, threading.Lock())
        with making:
            with self._lock:
                found = self._things.get(name)
                if found is not None and found[0] == key:
                    return found[1]
            made = make()
            with self._lock:
                self._things[name] = (key, made)
                self._things.move_to_end(name)
                while len(self._things) > self._most:
                    self._things.popitem(last=False)
                self._making = {n: lock for n, lock in self._making.items() if lock.locked()}
            return made


def _line(run: Run, pulse: Pulse | None) -> RunLine:
    return RunLine(
        id=run.id,
        system=system_id(run.system),
        name=run.system,
        created=run.created,
        ended=run.ended,
        seed=run.seed,
        state=_state(run, pulse),
        pulse=None if run.ended else pulse,
    )


def _state(run: Run, pulse: Pulse | None) -> State:
    if run.ended is not None:
        return "ended"
    heard = pulse.seen if pulse is not None else run.created
    return "running" if abs((datetime.now(UTC) - heard).total_seconds()) <= SILENT_AFTER else "silent"


def _rank(severity: Severity | None) -> int:
    return severity.rank if severity is not None else -1
