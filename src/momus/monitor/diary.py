"""Diary: the watch's runs in the store, one a day or week, so that report, serve and compare show what was seen.

A run holds one measurement a detector. It is written anew when an alarm begins or ends, every hour, and at the end: the
store only grows, and of a detector the last one counts. What happened in between is in a journal beside the state.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from momus.assess.assessment import Assessment, review, waivers_of
from momus.assess.heading import head_of
from momus.assess.run import Settings
from momus.assess.summary import remember, summarise
from momus.card import SystemCard
from momus.core import digest
from momus.core.errors import StoreError
from momus.core.records import Measurement, Run
from momus.monitor.alarms import Standing
from momus.monitor.detector import Reading
from momus.monitor.findings import PREFIX, Kind, Spell, blind, measured, reading_of, stopped
from momus.monitor.journal import Journal
from momus.monitor.sinks import Closed
from momus.monitor.trail import Trail, told
from momus.store import Store

HOUR = 3600.0
Every = Literal["day", "week"]


@dataclass
class Page:
    """One run under way: what its measurements are made from."""

    run: str
    day: str
    created: str
    first: int
    last: int = 0
    events: int = 0
    shed: int = 0
    broken: int = 0
    start: float = math.nan
    end: float = math.nan
    dear: bool = False
    trails: dict[str, Trail] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> bool:
        """Take in a window; True where an alarm began or ended."""
        self.last = int(line["number"])
        self.events += int(line["events"])
        self.shed += int(line["shed"])
        self.broken += int(line["broken"])
        self.dear |= bool(line["dear"])
        self.start = line["start"] if line["start"] is not None and math.isnan(self.start) else self.start
        self.end = line["end"] if line["end"] is not None else self.end
        news = [self.trails.setdefault(name, Trail()).add(self.last, said) for name, said in line["said"].items()]
        return any(news)

    def spell(self) -> Spell:
        names = ("first", "last", "events", "shed", "broken", "start", "end", "dear")
        return Spell(**{name: getattr(self, name) for name in names})

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "trails": {name: trail.plain() for name, trail in self.trails.items()}}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Page:
        return cls(**{**plain, "trails": {k: Trail.of(v) for k, v in plain["trails"].items()}})


class Diary:
    """The sink that keeps runs. A store that does not answer costs nothing: the same is written an hour later again."""

    def __init__(
        self,
        card: SystemCard,
        store: Store,
        folder: Path,
        *,
        target: str,
        kinds: Mapping[str, Kind],
        seed: int = 0,
        command: str = "",
        every: Every = "day",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.told: tuple[str, ...] = ()
        self.card, self.store, self.target, self.kinds = card, store, target, kinds
        self._seed, self._command, self._every, self._clock = seed, command, every, clock
        self._journal = Journal(folder / "diary.json", folder / "diary.jsonl")
        self._page, self._seen = self._restored()
        self._shown: dict[str, tuple[Reading, Standing]] = self._recalled()
        self._lacking: dict[str, Any] = {}
        self._written = -math.inf
        self._stale = False
        self.assessment: Assessment | None = None

    @property
    def run(self) -> str:
        """The id of the run that is being written; empty before the first window."""
        return self._page.run if self._page is not None else ""

    def window(self, closed: Closed) -> None:
        if closed.number <= self._seen:
            return
        now = self._clock()
        day = _label(now, self._every)
        if self._page is None or (self._page.day != day and self._over(now)):
            self._page, self._shown = self._new(now, day, closed.number), {}
        day = self._page.day
        line = {**_line(closed), "run": self._page.run, "day": day, "created": self._page.created}
        news = self._page.add(line)
        self._seen = closed.number
        self._journal.add(line, lambda: self._plain())
        self._remember(closed)
        lacking = dict(closed.lacking)
        if news or lacking != self._lacking or now - self._written >= HOUR:
            self._lacking = lacking
            self._write(now)

    def close(self) -> None:
        if self._page is not None and self._stale:
            self._write(self._clock())

    def _over(self, now: float) -> bool:
        """Finish the run of a day that is over. While the store does not answer it goes on: no alarm gets lost."""
        if self._stale and not (self.told and now - self._written < HOUR):
            self._write(now)
        return not self._stale

    def _remember(self, closed: Closed) -> None:
        """Which reading speaks for each detector: the last one at alarm if there was an alarm, else the last."""
        assert self._page is not None
        for name, reading in closed.readings.items():
            standing = closed.standings[name]
            if standing.alarm or not self._page.trails[name].alarmed or name not in self._shown:
                self._shown[name] = reading, standing
        self._stale = True

    def _write(self, now: float) -> None:
        assert self._page is not None
        page, spell = self._page, self._page.spell()
        made = [
            measured(
                self.kinds[name], reading, standing, page.trails[name], spell, target=self.target, seed=self._seed,
                key=digest.of_value([page.run, name]),
            )
            for name, (reading, standing) in sorted(self._shown.items())
        ]  # fmt: skip
        made = [m if m.probe.removeprefix(PREFIX) not in self._lacking else stopped(m) for m in made]
        head = self._head(now)
        try:
            self.store.extend(page.run, (head, *made))
            results = {m.probe: m for m in (*self._stored(), *made)}
            gaps = blind(self._lacking, _slugs(), self.kinds, self.target, self._shown)
            waivers = waivers_of(self.store, head.system)
            self.assessment = review(head, self.card, results.values(), gaps, waivers=waivers)
            remember(self.store, summarise(self.assessment))
        except StoreError as error:
            self.told = (str(error),)
            self._written = now - HOUR + 60.0  # again in a minute
            return
        self.told, self._written, self._stale = (), now, False

    def _head(self, now: float) -> Run:
        assert self._page is not None
        page = self._page
        head = head_of(self.card, Settings(seed=self._seed, command=self._command))
        gaps = blind(self._lacking, _slugs(), self.kinds, self.target, self._shown)
        watch = {"first": page.first, "last": page.last, "events": page.events, "shed": page.shed,
                 "broken": page.broken, "every": self._every}  # fmt: skip
        return head.model_copy(update={
            "id": page.run, "created": datetime.fromisoformat(page.created), "ended": datetime.fromtimestamp(now, UTC),
            "settings": {"watch": watch, "gaps": [g.model_dump() for g in gaps]},
        })  # fmt: skip

    def _new(self, now: float, day: str, first: int) -> Page:
        created = datetime.fromtimestamp(now, UTC)
        identity = digest.of_value([self.card.digest, self.target, created.isoformat(), first])
        return Page(f"{created:%Y%m%d-%H%M%S}-{identity[:6]}", day, created.isoformat(), first)

    def _plain(self) -> dict[str, Any]:
        return {"seen": self._seen, "page": self._page.plain() if self._page is not None else None}

    def _restored(self) -> tuple[Page | None, int]:
        """What the journal tells of the run that was under way, and the last window in it."""
        kept, lines = self._journal.read()
        page = Page.of(kept["page"]) if kept.get("page") else None
        seen = int(kept.get("seen", 0))
        for line in lines:
            if page is None or line["run"] != page.run:
                page = Page(line["run"], line["day"], line["created"], int(line["number"]))
            if line["number"] > seen:
                page.add(line)
                seen = int(line["number"])
        return page, seen

    def _recalled(self) -> dict[str, tuple[Reading, Standing]]:
        """After a restart: what the store holds of the run under way."""
        if self._page is None:
            return {}
        needed = float(self.card.monitor.one_false_alarm_in) if self.card.monitor is not None else 0.0
        found: dict[str, tuple[Reading, Standing]] = {}
        with contextlib.suppress(StoreError):
            for m in self._stored():
                name = m.probe.removeprefix(PREFIX)
                if name in self.kinds and name in self._page.trails:
                    wealth = next((f.value for f in m.figures if f.name == "evidence"), 0.0)
                    found[name] = reading_of(m), Standing(wealth, needed, self._page.trails[name].standing)
        return found

    def _stored(self) -> tuple[Measurement, ...]:
        return tuple(r for r in self.store.records(self.run) if isinstance(r, Measurement))


def _label(now: float, every: Every) -> str:
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%G-W%V}" if every == "week" else f"{moment:%Y-%m-%d}"


def _line(closed: Closed) -> dict[str, Any]:
    """A window as the journal holds it: numbers alone."""
    names = sorted({*closed.readings, *closed.standings})
    said = {name: told(closed.readings.get(name), closed.standings.get(name)) for name in names}
    ends = {k: v if math.isfinite(v) else None for k, v in (("start", closed.start), ("end", closed.end))}
    counts = {k: getattr(closed, k) for k in ("number", "events", "shed", "broken", "dear")}
    return {**counts, **ends, "said": said}


def _slugs() -> tuple[str, ...]:
    from momus.taxonomy import load

    return tuple(m.slug for m in load().modes)
