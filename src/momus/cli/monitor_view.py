"""What `momus monitor` prints: a line when something changes, a status line on a terminal, and the table at the end."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from momus.cli.screen import table
from momus.reports import wording
from momus.reports.text import clean

if TYPE_CHECKING:
    from momus.core.records import Measurement
    from momus.monitor.alarms import Standing
    from momus.monitor.messages import Message, Writer
    from momus.monitor.sinks import Closed
    from momus.monitor.start import Watching

_STYLE = {"fail": "red", "pass": "green", "inconclusive": "yellow", "error": "magenta"}


class Lines:
    """The sink behind the terminal: alarms, and what begins to be left out or cannot be read."""

    def __init__(self, writer: Writer, *, as_json: bool, quiet: bool) -> None:
        self.told: tuple[str, ...] = ()
        self._writer, self._json, self._quiet = writer, as_json, quiet
        self._status: Any = None
        self._spoke = self._last = 0
        self._events = self._alarms = 0
        self._shed = self._broken = False
        self._began = time.monotonic()
        if not quiet and not as_json and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status("watching: no window is full yet")
            self._status.start()

    def window(self, closed: Closed) -> None:
        if closed.number <= self._last:
            return
        self._last = closed.number
        self._events += closed.events
        if self._json:
            self._say(json.dumps(plain(closed), allow_nan=False))
            return
        for message in self._writer.of(closed):
            self._alarm(message)
        if not self._quiet:
            self._changes(closed)
            self._look(closed)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _alarm(self, message: Message) -> None:
        began = message["event"] == "alarm.began"
        when = f"{message['to'].replace('T', ' ')}  " if message["to"] else ""
        head = click.style("ALARM" if began else "over ", fg="red" if began else "green", bold=True)
        said = ""
        if began and message.get("value") is not None:
            rated = f"  {message['severity']}" if message.get("severity") else ""
            value = f"{message['value']:.4g} [{message['low']:.4g}, {message['high']:.4g}]"
            said = f"  {wording.metric(message['metric'])} {value}{rated}"
        self._say(f"{head} {when}window {message['window']}  {message['detector']}{said}")
        if began:
            self._say(f"      see: momus explain {message['probe']}")

    def _changes(self, closed: Closed) -> None:
        """What was not so in the window before."""
        shed, broken = bool(closed.shed or closed.dear), closed.broken > 0
        if shed and not self._shed:
            said = f"{closed.shed:,} events left out" if closed.shed else "the dear detectors are left out"
            self._say(f"load  window {closed.number}  {said}, {closed.waiting:,} wait")
        elif self._shed and not shed:
            self._say(f"load  window {closed.number}  everything is read again")
        if broken and not self._broken:
            shown = f": {_shape(closed.shown[0])}" if closed.shown else ""
            self._say(f"log   window {closed.number}  {wording.count(closed.broken, 'line')} no event{shown}")
        self._shed, self._broken = shed, broken

    def _say(self, line: str) -> None:
        """A line above the status line, at once: whoever reads the pipe waits for it."""
        if self._status is not None:
            self._status.stop()
        click.echo(line)
        sys.stdout.flush()
        if self._status is not None:
            self._status.start()

    def _look(self, closed: Closed) -> None:
        if self._status is None:
            return
        rate = self._events / max(1e-9, time.monotonic() - self._began)
        on = len(closed.alarms)
        self._status.update(
            f"window {closed.number:,} · {self._events:,} events · {rate:,.0f} a second · "
            f"{wording.count(on, 'alarm')} on · {closed.waiting:,} wait"
        )


def _shape(text: str) -> str:
    """What a line looks like that is no event. Its letters and digits may be a caller's name, and stay in the log."""
    kind, _, line = text.partition(": ")
    shape = re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "x", clean(line, 60)))
    return f"{kind}, like {shape}"


def plain(closed: Closed) -> dict[str, Any]:
    """A window as one JSON object. Callers are counted and not named."""
    from momus.monitor.findings import when

    told = {}
    for name in sorted({*closed.readings, *closed.standings}):
        reading, standing = closed.readings.get(name), closed.standings.get(name)
        said: dict[str, Any] = {}
        if reading is not None:
            said |= {"value": reading.value, "low": reading.ci.low, "high": reading.ci.high, "n": reading.n,
                     "p": reading.p, "callers": len(reading.who)}  # fmt: skip
        if standing is not None:
            said |= {"evidence": min(standing.wealth, 1e300), "alarm": standing.alarm, "news": standing.news or None}
        told[name] = said
    return {
        "kind": "window", "window": closed.number, "from": when(closed.start) or None, "to": when(closed.end) or None,
        "events": closed.events, "shed": closed.shed, "broken": closed.broken, "seconds": round(closed.seconds, 6),
        "waiting": closed.waiting, "alarms": list(closed.alarms), "detectors": told,
    }  # fmt: skip


def begin(watching: Watching, *, as_json: bool, quiet: bool) -> None:
    """What the watch goes by, before the first window."""
    if as_json or quiet:
        return
    reference, names = watching.built.reference, watching.kinds
    click.echo(
        f"{clean(reference.system)}, {clean(reference.target)}: {wording.count(len(names), 'detector')} over "
        f"{wording.count(len(reference), 'reference row')}, from window {watching.first:,}",
        err=True,
    )
    if watching.metrics is not None and watching.metrics.url:
        click.echo(f"metrics: {watching.metrics.url}", err=True)
    for line in watching.built.notes:
        click.echo(f"note: {clean(line, 200)}", err=True)
    if watching.built.unopened:
        click.echo(f"warning: {clean(watching.built.unopened, 300)}; only inputs can be compared", err=True)


def end(watching: Watching, *, as_json: bool, quiet: bool, code: int) -> None:
    """The table of detectors and what it came to."""
    rows = _rows(watching)
    if as_json:
        tally = watching.tally
        summary = {
            "kind": "summary", "run": watching.diary.run, "windows": tally.windows, "events": tally.events,
            "shed": tally.shed, "broken": tally.broken, "waiting": tally.waiting, "detectors": rows,
            "blind": {n: {"why": x.why, "remedy": x.remedy} for n, x in sorted(watching.watch.lacking.items())},
            "told": list(watching.told), "exit_code": code,
        }  # fmt: skip
        click.echo(json.dumps(summary, allow_nan=False))
        return
    if not quiet and rows:
        _table(rows)
    _blind(watching, quiet)
    _summary(watching, quiet)


def _rows(watching: Watching) -> list[dict[str, Any]]:
    """One row a detector that watches, alarms first."""
    from momus.judge import decide, limit_for

    done = watching.diary.assessment
    measured: dict[str, Measurement] = {} if done is None else {m.probe: m for m in done.measurements}
    rows = []
    for name, kind in watching.kinds.items():
        m = measured.get(kind.probe)
        standing = watching.watch.control.standing(name)
        row: dict[str, Any] = {
            "detector": name, "standing": _stands(name, standing, watching),
            "metric": kind.metric, "value": None, "low": None, "high": None, "limit": None,
            "status": "nothing to go by" if watching.tally.windows else "no window was full", "severity": None,
            "evidence": min(standing.wealth, 1e300), "evidence_needed": standing.needed,
            "alarms": 0 if m is None else int(m.scope.get("alarms", 0)),
        }  # fmt: skip
        if m is not None and done is not None:
            finding = decide(m, limit_for(m.probe, done.card.limits))
            rated = [r.severity.value for r in done.ratings if r.of(finding)]
            row |= {"value": m.value, "low": m.ci.low, "high": m.ci.high, "status": finding.status.value,
                    "reason": finding.reason, "severity": rated[0] if rated else None,
                    "limit": finding.limit.value if finding.limit is not None else None}  # fmt: skip
        rows.append(row)
    order = ("alarm", "failed", "calm", "unseen")
    return sorted(rows, key=lambda r: (order.index(r["standing"]), not r["alarms"], r["detector"]))


def _stands(name: str, standing: Standing, watching: Watching) -> str:
    """``unseen`` where no window brought any evidence at all: that is no calm."""
    if name in watching.watch.lacking:
        return "failed"
    if standing.alarm:
        return "alarm"
    return "calm" if standing.wealth or standing.times else "unseen"


def _table(rows: list[dict[str, Any]]) -> None:
    shown = []
    for r in rows:
        span = "" if r["value"] is None else f"{r['value']:.4g} [{r['low']:.3g}, {r['high']:.3g}]"
        had = f"{r['standing']}, {r['alarms']} before" if r["standing"] == "calm" and r["alarms"] else r["standing"]
        evidence = "" if r["evidence"] is None else _evidence(r["evidence"], r["evidence_needed"])
        shown.append({
            "detector": r["detector"], "stands": had, "measured": f"{wording.metric(r['metric'])} {span}".strip(),
            "limit": "" if r["limit"] is None else f"{r['limit']:g}", "evidence": evidence,
            "verdict": " ".join(filter(None, (r["status"], r["severity"]))),
        })  # fmt: skip
    click.echo()
    table(shown, whole=("detector", "stands", "evidence"))


def _evidence(wealth: float, needed: float) -> str:
    """``12 of 5,000``; beyond what is needed the number says nothing more."""
    return f"{wealth:,.2g} of {needed:,.0f}" if wealth < needed else f"over {needed:,.0f}"


def _blind(watching: Watching, quiet: bool) -> None:
    lacking = watching.watch.lacking
    if lacking and not quiet:
        click.echo(f"\nnot watched: {len(lacking)} of {len(lacking) + len(watching.kinds)} detectors")
        for name, why in sorted(lacking.items()):
            click.echo(f"  {name}: {clean(why.why, 200)}. {clean(why.remedy, 200)}")


def _summary(watching: Watching, quiet: bool) -> None:
    """Counts, the budget of false alarms, how far behind, and what went wrong outside."""
    tally = watching.tally
    if not quiet:
        rate = f", {tally.events / tally.seconds:,.0f} a second of work" if tally.seconds else ""
        click.echo(f"\n{wording.count(tally.events, 'event')} in {wording.count(tally.windows, 'window')}{rate}")
        needed = watching.watch.control.needed
        click.echo(f"false alarms: at most one in {needed:,.0f} windows on the average, over all detectors")
        if tally.shed or tally.broken:  # nothing is said of what did not happen
            share = tally.shed / max(1, tally.events + tally.shed)
            click.echo(f"left out: {tally.shed:,} events ({share:.1%}); no events: {tally.broken:,} lines")
        rest = watching.watch.window.events
        click.echo(f"behind: {tally.waiting:,} wait; {rest:,} are in the window that is open")
        if watching.diary.run:
            click.echo(f"run {watching.diary.run}: momus report {watching.diary.run}")
    if watching.alerts is not None and watching.alerts.waiting:
        click.echo(f"{watching.alerts.waiting} alerts wait for their receiver; the next start sends them", err=True)
    for line in watching.told:
        click.echo(f"warning: {clean(line, 300)}", err=True)


def exit_code(watching: Watching, bar: str) -> int:
    """An alarm counts from the bar on; one that could not be rated counts, for nobody knows that it is harmless."""
    from momus.core.records import Severity

    if not watching.tally.windows:
        return 5
    least = Severity(bar).rank
    return int(any(worst is None or worst.rank >= least for worst in watching.tally.worst.values()))
