"""Messages: what receivers are told when an alarm begins and when it ends. The fields stand in docs/monitor.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from momus.card import SystemCard
from momus.core import digest
from momus.core.records import Finding, Severity
from momus.judge import decide, limit_for, rate
from momus.monitor.detector import Reading
from momus.monitor.findings import Kind, Spell, measured, when
from momus.monitor.sinks import Closed
from momus.monitor.trail import Trail, told
from momus.reports import wording
from momus.reports.text import clean
from momus.threats import threats

if TYPE_CHECKING:
    from momus.monitor.alarms import Standing

Message = Mapping[str, Any]
SCHEMA = "momus.alert/1"
_MOST_STEPS = 3


class Writer:
    """Makes the messages of one watch. ``watch`` is its name, another one after each fresh start."""

    def __init__(self, card: SystemCard, kinds: Mapping[str, Kind], *, target: str, watch: str, seed: int = 0) -> None:
        self._card, self._kinds, self._target, self._watch, self._seed = card, kinds, target, watch, seed
        self._modes = threats(card).modes

    def of(self, closed: Closed) -> Iterator[Message]:
        """The messages of a window: one for each alarm that began or ended in it, most often none."""
        for name, standing in closed.standings.items():
            if standing.news:
                yield self._message(closed, name, standing, closed.readings.get(name))

    def judged(
        self, closed: Closed, name: str, standing: Standing, reading: Reading
    ) -> tuple[Finding, Severity | None]:
        """What one window alone comes to under the card's limit, and how severe that is."""
        trail = Trail()
        trail.add(closed.number, told(reading, standing))
        spell = Spell(closed.number, closed.number, closed.events, closed.shed, closed.broken, closed.start, closed.end)
        kind = self._kinds[name]
        m = measured(kind, reading, standing, trail, spell, target=self._target, key="", seed=self._seed)
        finding = decide(m, limit_for(m.probe, self._card.limits))
        rating = rate(finding, self._card.facts, self._modes[kind.mode].moves)
        return finding, None if rating is None else rating.severity

    def _message(self, closed: Closed, name: str, standing: Standing, reading: Reading | None) -> Message:
        from momus.taxonomy import load

        kind, mode = self._kinds[name], load().mode(name.partition(".")[0])
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "id": digest.of_value([self._watch, self._target, name, standing.times, standing.news])[:32],
            "alarm": digest.of_value([self._watch, self._target, name, standing.times])[:32],
            "event": f"alarm.{standing.news}",
            "system": self._card.system,
            "target": self._target,
            "detector": name,
            "probe": kind.probe,
            "mode": mode.slug,
            "mode_id": mode.id,
            "mode_name": mode.name,
            "window": closed.number,
            "change_began_about": standing.start or None,
            "from": _iso(closed.start),
            "to": _iso(closed.end),
            "events": closed.events,
            "shed": closed.shed,
            "metric": kind.metric,
            "evidence": min(standing.wealth, 1e300),
            "evidence_needed": standing.needed,
        }
        line = "the alarm is over"
        if reading is not None:
            finding, severity = self.judged(closed, name, standing, reading)
            found |= {
                "value": reading.value, "low": reading.ci.low, "high": reading.ci.high, "n": reading.n,
                "worse": kind.worse, "limit": finding.limit.value if finding.limit is not None else None,
                "status": finding.status.value, "reason": finding.reason,
                "severity": severity.value if severity is not None else None, "callers": len(reading.who),
            }  # fmt: skip
            if standing.news == "began" and finding.measurement is not None and math.isfinite(reading.value):
                rated = f" ({severity.value})" if severity is not None else ""
                line = f"{wording.metric(kind.metric)} {wording.reading(finding.measurement)}{rated}"
        verb = "ALARM" if standing.news == "began" else "Over"
        where = f"{self._card.system}, {self._target}"
        found["text"] = _plain(f"{verb}: {where}: {name} ({mode.name}): {line}, window {closed.number}")
        if standing.news == "began":
            found["do"] = [step.text for step in mode.mitigations[:_MOST_STEPS]]
        found["explain"] = f"momus explain {kind.probe}"
        return found


def _iso(seconds: float) -> str | None:
    """A moment as ISO 8601 in UTC; None where it is not known."""
    return when(seconds).replace(" ", "T") + "Z" if when(seconds) else None


def _plain(text: str) -> str:
    """Text that means itself where a chat reads it: a name on a card cannot call a whole channel."""
    return clean(text, 500).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
