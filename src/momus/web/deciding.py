"""Waivers: what an approver accepts, why and until when; and taking it back. A waiver changes no verdict."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import Query

from momus.assess.listing import Listed
from momus.core.decisions import Waived, system_id
from momus.core.errors import NotFound
from momus.core.records import Record, Severity, Status
from momus.reports.text import clean
from momus.taxonomy import load
from momus.taxonomy.rules import slug_of
from momus.web.asking_store import opened
from momus.web.errors import Refused
from momus.web.pages import Ask, Router, action, page
from momus.web.paths import at
from momus.web.roles import Role

router = Router()
MOST_DAYS = 366  # nobody decides for longer than they can foresee
SOON_DAYS = 14
# The worst findings that the form offers by a link; others are typed.
MOST_FAILING = 100
USUAL_DAYS = 90
State = Literal["holds", "soon", "expired", "revoked"]
Short = Annotated[str, Query(max_length=200)]
Long = Annotated[str, Query(max_length=2000)]

PROBLEMS = {
    "mode": "Choose one of the 17 modes.",
    "reason": "Say why this is accepted, in at most 2,000 characters.",
    "until": "Give a day as in 2027-01-31.",
    "past": "This day is over.",
    "far": "At most a year ahead: decide again then.",
    "probe": "A probe is named mode.technique, as in membership.loss.",
}
_FIELD = {"past": "until", "far": "until"}


class Line(Record):
    """One waiver as it stands on the day."""

    id: str
    system: str
    name: str = ""
    mode: str
    mode_id: str
    probe: str = ""
    target: str = ""
    reason: str
    by: str
    until: date
    up_to: Severity | None = None  # the severity that was accepted; None: any
    made: date
    state: State
    days: int = 0  # how many more it holds
    revoked_by: str = ""
    source: Literal["page", "card"] = "page"


class Failing(Record):
    """A finding of the latest run that fails, and the waiver that covers it."""

    mode: str
    mode_id: str
    probe: str
    target: str
    severity: Severity | None = None
    reason: str
    waiver: str = ""


class Mode(Record):
    """One of the 17, to choose from."""

    id: str
    slug: str
    name: str


class WaiverForm(Record):
    """A waiver of a mode, or of a probe's finding, on a target or all. ``until`` is its last day."""

    mode: str
    probe: str = ""
    target: str = ""
    reason: str = ""
    until: str = ""


class Nothing(Record):
    """A form without fields."""


class WaiversPage(Record):
    """The waivers of one system: what holds, what ended, what fails and could be waived."""

    system: str
    name: str
    may_waive: bool
    waivers: tuple[Line, ...]
    failing: tuple[Failing, ...] = ()
    fails: int = 0  # how many fail; the worst of them are listed
    run: str = ""
    modes: tuple[Mode, ...]
    given: WaiverForm
    problem: str = ""
    field: str = ""
    done: Line | None = None
    today: date
    last: date


class AllWaiversPage(Record):
    """The waivers of all systems, those that end soonest first."""

    waivers: tuple[Line, ...]
    today: date


@page(router, "/waivers", template="deciding_list.html.j2", nav="Waivers")
def every(ask: Ask) -> AllWaiversPage:
    """What is accepted in all systems: those that hold, the next to end first, then those that have ended."""
    names = {system_id(run.system): run.system for run in ask.store.runs()}
    lines = _lines(ask.store.waivers(), ask.today, names)
    return AllWaiversPage(waivers=_ordered(lines), today=ask.today)


@page(router, "/systems/{system}/waivers", template="deciding.html.j2")
def waivers(
    ask: Ask,
    system: str,
    mode: Short = "",
    probe: Short = "",
    target: Short = "",
    reason: Long = "",
    until: Short = "",
    problem: Short = "",
    done: Short = "",
) -> WaiversPage:
    """The waivers of a system, and the form for another one. The parameters fill the form in.

    ``done`` names the waiver that was made or taken back last.
    """
    name, stated = _known(ask, system)
    failing, fails, run = _failing(ask, system)
    lines = [*_lines(ask.store.waivers(system), ask.today, {system: name}), *stated]
    usual = (ask.today + timedelta(days=USUAL_DAYS)).isoformat()
    return WaiversPage(
        system=system,
        name=name,
        may_waive=ask.who.may(Role.APPROVER),
        waivers=_ordered(lines),
        failing=failing,
        fails=fails,
        run=run,
        modes=tuple(Mode(id=m.id, slug=m.slug, name=m.name) for m in load().modes),
        given=WaiverForm(mode=slug_of(mode) or "", probe=probe, target=target, reason=reason, until=until or usual),
        problem=PROBLEMS.get(problem, ""),
        field=_FIELD.get(problem, problem) if problem in PROBLEMS else "",
        done=next((w for w in lines if done and w.id == done), None),
        today=ask.today,
        last=ask.today + timedelta(days=MOST_DAYS),
    )


@action(router, "/systems/{system}/waive", role=Role.APPROVER)
def waive(ask: Ask, form: WaiverForm, system: str) -> str:
    """Accept a finding, or a whole mode, until a day, under your name. What fails still reads fail.

    It holds up to the severity that the covered failures of the newest run have: what is worse was never decided on.
    """
    system = system_id(_known(ask, system)[0])  # it may have been called by its name
    wrong = _wrong(form, ask.today)
    if wrong:
        told = {"mode": form.mode, "probe": form.probe, "target": form.target, "until": form.until}
        told = {k: v[:200] for k, v in told.items()}
        return at("systems", system, "waivers", **told, reason=form.reason.strip()[:800], problem=wrong)
    # A field holds a name as a page shows it; what is waived is the target that is called so.
    failed = _failed(ask, system)[0]
    shown = {clean(i.finding.target): i.finding.target for i in failed}
    made = Waived(
        id=uuid4().hex[:12],
        system=system,
        mode=str(slug_of(form.mode)),
        probe=form.probe.strip(),
        target=shown.get(clean(form.target), form.target),
        reason=form.reason,
        by=ask.who.name,
        until=date.fromisoformat(form.until),
    )
    ask.store.append("", made.model_copy(update={"up_to": _seen(failed, made)}))
    return at("systems", system, "waivers", done=made.id)


def _seen(failed: Iterable[Listed], made: Waived) -> Severity | None:
    """The worst severity among the failures that a waiver is made for; None where nothing of it fails yet."""
    met = [i.severity for i in failed if made.covers(i.mode.slug, i.finding.probe, i.finding.target)]
    return max((s for s in met if s is not None), key=lambda s: s.rank, default=None)


@action(router, "/systems/{system}/waivers/{identity}/revoke", role=Role.APPROVER)
def revoke(ask: Ask, form: Nothing, system: str, identity: str) -> str:
    """Take a waiver back: what it covered counts again. It stays in the list."""
    latest = {w.id: w for w in ask.store.waivers(system)}.get(identity)
    if latest is None:
        raise NotFound("there is no such waiver", hint="The system's page of waivers lists all")
    if latest.revoked:
        raise Refused("this waiver was taken back already", status=409, code="web/revoked")
    ended = Waived(**{**latest.model_dump(exclude={"created"}), "by": ask.who.name, "revoked": True})
    ask.store.append("", ended)
    return at("systems", system, "waivers", done=identity)


def _wrong(form: WaiverForm, today: date) -> str:
    """The name of the first thing that is wrong with a form."""
    slug = slug_of(form.mode)
    if slug is None:
        return "mode"
    probe = form.probe.strip()
    if len(probe) > 120 or (probe and "." not in probe):
        return "probe"
    if not 1 <= len(form.reason.strip()) <= 2000:
        return "reason"
    try:
        until = date.fromisoformat(form.until)
    except ValueError:
        return "until"
    return "past" if until < today else "far" if until > today + timedelta(days=MOST_DAYS) else ""


def _known(ask: Ask, system: str) -> tuple[str, list[Line]]:
    """The name of a system and the waivers of its card. NotFound for a system that is not there."""
    try:
        session = opened(ask.site, system)
    except Refused:  # the card cannot be read: the system is there all the same
        return ask.shelf.system(system).name, []
    stated = [
        Line(
            id=f"card-{i}",
            system=system,
            name=session.card.system,
            mode=w.mode,
            mode_id=load().mode(w.mode).id,
            reason=w.reason,
            by=w.by,
            until=w.until,
            made=w.until,
            state=_state(w.until, False, ask.today),
            days=max(0, (w.until - ask.today).days),
            source="card",
        )
        for i, w in enumerate(session.card.waivers)
    ]
    return session.of or session.card.system, stated


def _failing(ask: Ask, system: str) -> tuple[tuple[Failing, ...], int, str]:
    """The worst of what fails in the newest run of a system that has ended, how much fails, and that run."""
    found, run = _failed(ask, system)
    shown = tuple(
        Failing(
            mode=i.mode.slug,
            mode_id=i.mode.id,
            probe=i.finding.probe,
            target=i.finding.target,
            severity=i.severity,
            reason=i.finding.reason,
            waiver=covering.id if (covering := i.mode.waiver(i.finding)) is not None else "",
        )
        for i in found[:MOST_FAILING]
    )
    return shown, len(found), run


def _failed(ask: Ask, system: str) -> tuple[list[Listed], str]:
    """All that fails in the newest run of a system that has ended, worst first, and that run."""
    try:
        run = ask.shelf.system(system).latest.id
    except NotFound:
        return [], ""
    return [i for i in ask.shelf.findings(run) if i.finding.status is Status.FAIL], run


def _lines(records: Iterable[Waived], today: date, names: dict[str, str]) -> list[Line]:
    """Each waiver once, by its first record and its last."""
    first: dict[str, Waived] = {}
    last: dict[str, Waived] = {}
    for w in records:
        first.setdefault(w.id, w)
        last[w.id] = w
    slugs = {m.slug: m.id for m in load().modes}
    return [
        Line(
            id=w.id,
            system=w.system,
            name=names.get(w.system, w.system),
            mode=w.mode,
            mode_id=slugs.get(w.mode, ""),
            probe=w.probe,
            target=w.target,
            reason=w.reason,
            by=w.by,
            until=last[w.id].until,
            up_to=w.up_to,
            made=w.created.date(),
            state=_state(last[w.id].until, last[w.id].revoked, today),
            days=max(0, (last[w.id].until - today).days),
            revoked_by=last[w.id].by if last[w.id].revoked else "",
        )
        for w in first.values()
    ]


def _state(until: date, revoked: bool, today: date) -> State:
    if revoked:
        return "revoked"
    if today > until:
        return "expired"
    return "soon" if (until - today).days <= SOON_DAYS else "holds"


def _ordered(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Those that hold, the next to end first, then the others, the last to end first."""
    held = sorted((w for w in lines if w.state in ("holds", "soon")), key=lambda w: (w.until, w.id))
    ended = sorted((w for w in lines if w.state not in ("holds", "soon")), key=lambda w: (w.until, w.id), reverse=True)
    return (*held, *ended)
