"""From what a detector said and where it stands to a Measurement, which is judged like any other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Gap, Measurement, Scalar
from momus.monitor.detector import Reading
from momus.monitor.trail import ALARMS, CHART, Trail
from momus.reports.text import clean

if TYPE_CHECKING:
    from momus.monitor.alarms import Standing
    from momus.monitor.detector import Lacking

PREFIX = "monitor/"
FEW = 100  # events: fewer than these settle nothing good
SHED = 0.10  # a larger share left out settles nothing good
BROKEN = 0.01  # and so does a larger share of lines that were no events
_MOST_WHO = 10
WHO = "Who is behind it, worst first"
_OWN_FIGURES = ("evidence", "p", "shed_share")
_OWN_CAVEATS = ("sequential", "alarm", "few-events", "shed", "broken-lines", "stopped")
_OWN_SCOPE = ("windows", "events", "from", "to", "alarms")


@dataclass(frozen=True)
class Kind:
    """What is fixed of a detector: its name, what it measures, in which direction harm lies."""

    name: str
    metric: str
    worse: Literal["lower", "higher"]

    @property
    def probe(self) -> str:
        return PREFIX + self.name

    @property
    def mode(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Spell:
    """The traffic that a run covers: windows, events looked at, left out and broken, and when (NaN: not known)."""

    first: int
    last: int
    events: int
    shed: int = 0
    broken: int = 0
    start: float = math.nan
    end: float = math.nan
    dear: bool = False


def measured(
    kind: Kind, reading: Reading, standing: Standing, trail: Trail, spell: Spell, *, target: str, key: str, seed: int
) -> Measurement:
    """What a detector found over a spell. ``reading`` is that of its last window, or of the last at alarm where there
    was one; ``trail`` is its course."""
    return Measurement(
        probe=kind.probe,
        target=target,
        metric=kind.metric,
        value=reading.value,
        ci=reading.ci,
        n=reading.n,
        worse=kind.worse,
        scope=_scope(reading, trail, spell),
        figures=(*_figures(reading, standing, spell), *reading.figures),
        evidence=(*trail.evidence(kind.metric), *_who(reading), *reading.evidence),
        caveats=(*_caveats(reading, standing, trail, spell), *reading.caveats),
        seed=seed,
        key=key,
        modes=(kind.mode,),
    )


def stopped(m: Measurement) -> Measurement:
    """The measurement of a detector that watched a part of the traffic and then failed: no good news of the rest."""
    said = Caveat(code="stopped", message="it failed on the way and saw a part of the traffic alone", blocks="pass")
    return m.model_copy(update={"caveats": (*m.caveats, said)})


def reading_of(m: Measurement) -> Reading:
    """The reading behind a stored measurement, as far as it was kept: after a restart a trail goes on with it."""
    p = next((f.value for f in m.figures if f.name == "p"), None)
    who = next((e.rows for e in m.evidence if isinstance(e, Table) and e.title == WHO), ())
    own = (CHART, ALARMS, WHO)
    return Reading(
        value=m.value,
        ci=m.ci,
        n=m.n,
        p=p,
        figures=tuple(f for f in m.figures if f.name not in _OWN_FIGURES),
        evidence=tuple(e for e in m.evidence if e.title not in own),
        caveats=tuple(c for c in m.caveats if c.code not in _OWN_CAVEATS),
        scope={k: v for k, v in m.scope.items() if k not in _OWN_SCOPE},
        who=tuple(str(name) for _place, name in who),
    )


def blind(
    names: Mapping[str, Lacking], modes: Iterable[str], watched: Iterable[str], target: str, heard: Collection[str] = ()
) -> list[Gap]:
    """What is not watched: detectors that cannot, with their remedy, those that found nothing to go by (all that are
    not ``heard``), and modes that no detector is made for."""
    kinds = sorted(set(watched))
    gaps = [_gap(name, target, lacking.why, lacking.remedy) for name, lacking in sorted(names.items())]
    gaps += [
        _gap(
            name,
            target,
            "no window held anything that it goes by",
            "See which fields it needs (momus explain monitor/" + name + ") and name them in monitor.fields",
        )
        for name in kinds
        if name not in heard and name not in names
    ]
    known = {name.partition(".")[0] for name in (*kinds, *names)}
    gaps += [
        Gap(mode=mode, probe="", target=target, why="no-probe", detail="no detector watches this mode in traffic",
            how_to_close="Measure it instead: momus assess")
        for mode in modes if mode not in known
    ]  # fmt: skip
    return gaps


def _gap(name: str, target: str, detail: str, remedy: str) -> Gap:
    mode = name.partition(".")[0]
    return Gap(mode=mode, probe=PREFIX + name, target=target, why="data", detail=detail, how_to_close=remedy)


def when(seconds: float) -> str:
    """A moment in UTC, empty where it is not known."""
    if not math.isfinite(seconds):
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return ""  # a clock that says the year 90,000


def _scope(reading: Reading, trail: Trail, spell: Spell) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {"windows": trail.windows, "events": spell.events, "alarms": _count(trail)}
    if when(spell.start):
        found |= {"from": when(spell.start), "to": when(spell.end)}
    return {**found, **reading.scope}


def _count(trail: Trail) -> int:
    return len(trail.alarms) + trail.forgotten


def _figures(reading: Reading, standing: Standing, spell: Spell) -> tuple[Figure, ...]:
    seen = spell.events + spell.shed
    share = spell.shed / seen if seen else 0.0
    chance = "of the window: the chance of as much while nothing is wrong"
    return (
        Figure(name="evidence", value=min(standing.wealth, 1e300), note=f"an alarm needs {standing.needed:,.0f}"),
        *(() if reading.p is None else (Figure(name="p", value=reading.p, note=chance),)),
        Figure(name="shed_share", value=share, n=seen, note="events left out because more came than could be read"),
    )


def _caveats(reading: Reading, standing: Standing, trail: Trail, spell: Spell) -> list[Caveat]:
    found: list[Caveat] = []
    if not trail.alarmed:
        said = f"no alarm: the evidence over all windows is {standing.wealth:,.3g} of the {standing.needed:,.0f} needed"
        found.append(Caveat(code="sequential", message=said, blocks="fail"))
    else:
        first, _, last, *_ = trail.alarms[-1]
        said = f"an alarm is on since window {first:.0f}" if trail.standing else (
            f"there was an alarm from window {first:.0f} to {last:.0f}"
        )  # fmt: skip
        found.append(Caveat(code="alarm", message=said, blocks="pass"))
    if reading.n < FEW:
        said = f"only {reading.n} events say something here, and {FEW} are the least for good news"
        found.append(Caveat(code="few-events", message=said, blocks="pass"))
    seen = spell.events + spell.shed
    if spell.shed or spell.dear:
        share = spell.shed / max(1, seen)
        said = (
            f"{share:.1%} of {seen:,} events were left out under load" if spell.shed else "it was left out under load"
        )
        found.append(Caveat(code="shed", message=said, blocks="pass" if share > SHED else "none"))
    if spell.broken:
        share = spell.broken / max(1, seen + spell.broken)
        said = f"{spell.broken:,} lines of the log ({share:.1%}) are no events"
        found.append(Caveat(code="broken-lines", message=said, blocks="pass" if share > BROKEN else "none"))
    return found


def _who(reading: Reading) -> tuple[Table, ...]:
    """Callers or contributors behind it. They stay in the store and on pages; metrics and alerts do not name them."""
    if not reading.who:
        return ()
    rows = tuple((place, clean(name, 120)) for place, name in enumerate(reading.who[:_MOST_WHO], 1))
    return (Table(title=WHO, columns=("", "name"), rows=rows),)
