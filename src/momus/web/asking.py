"""Threat-modelling sessions: a card's questions, people's answers, and what follows, with the way back to the card.

Whatever a page shows is derived from the stored card and the answers over it. An answer is appended, never changed; a
form leads back to the page, so that everything works without script, and with it only the changed part is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from momus.assess.session_text import document
from momus.core.decisions import Answer
from momus.core.errors import CardError
from momus.core.records import Record, Severity
from momus.reports.text import clean
from momus.taxonomy.facts import load_facts
from momus.web.asking_store import listed, opened
from momus.web.asking_view import SessionPage, look
from momus.web.errors import Refused
from momus.web.pages import Ask, Download, Router, action, download, page
from momus.web.paths import at
from momus.web.roles import Role

router = Router()
Key = Annotated[str, Query(max_length=80)]
Given = Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Query(max_length=12)]
MOST_EVIDENCE = 4000


class SystemLine(Record):
    """One system in the list of sessions."""

    id: str
    name: str
    known: int
    unknown: int
    undetermined: int
    answers: int
    people: tuple[str, ...] = ()
    worst: Severity | None = None
    problem: str = ""


class SessionsPage(Record):
    """The systems whose cards can be worked on."""

    systems: tuple[SystemLine, ...]


class Line(Record):
    """One line of the card: as it was, added or taken out."""

    mark: Literal["same", "added", "removed"]
    text: str


class CardPage(Record):
    """The card with the answers written into it, and the threat model as a document."""

    system: str
    name: str
    text: str = ""
    problem: str = ""
    answers: int = 0
    unevidenced: int = 0
    singles: int = 0
    waived: int = 0
    lines: tuple[Line, ...] = ()
    document: str = ""


class AnswerForm(Record):
    """An answer to one question. ``value``: what was chosen, several where several may be true, or ``unknown``."""

    fact: str
    value: tuple[str, ...] = ()
    evidence: str = ""


class FactForm(Record):
    """The question that is meant."""

    fact: str


@page(router, "/sessions", template="asking_list.html.j2", nav="Threat models")
def sessions(ask: Ask) -> SessionsPage:
    """The systems whose cards can be worked on: those with runs, and those whose card was read at start."""
    lines = []
    for name, session, problem in listed(ask.site):
        if session is None:
            lines.append(
                SystemLine(id=name[0], name=name[1], known=0, unknown=0, undetermined=0, answers=0, problem=problem)
            )
            continue
        levels = [t.severity for t in session.model.modes.values() if t.here and t.severity is not None]
        lines.append(
            SystemLine(
                id=session.system,
                name=session.card.system,
                known=session.model.facts_known,
                unknown=session.model.facts_unknown,
                undetermined=session.undetermined,
                answers=len(session.holding),
                people=tuple(dict.fromkeys(a.author for a in session.answers))[-6:],
                worst=max(levels, key=lambda s: s.rank, default=None),
            )
        )
    return SessionsPage(systems=tuple(sorted(lines, key=lambda s: (-s.undetermined, s.name.casefold(), s.id))))


@page(router, "/systems/{system}/session", template="asking.html.j2")
def session(
    ask: Ask, system: str, fact: Key = "", given: Key = "", suppose: Given = (), problem: Key = ""
) -> SessionPage:
    """The threat-modelling session of a system.

    ``fact`` is the question to put; without it the one that settles most. ``given`` names the fact that was answered
    last, so that what changed is marked. ``suppose`` tries values for ``fact`` without recording them.
    """
    return look(opened(ask.site, system), ask, fact=fact, given=given, suppose=suppose, problem=problem)


@action(router, "/systems/{system}/session/answer", role=Role.ASSESSOR)
def answer(ask: Ask, form: AnswerForm, system: str) -> str:
    """Record an answer under your name. The latest of a fact holds; all are kept."""
    found = opened(ask.site, system)
    asked = found.fact(form.fact)
    value, wrong = read(form)
    wrong = wrong or ("evidence" if len(form.evidence.strip()) > MOST_EVIDENCE else "")
    if wrong:
        return at("systems", system, "session", fact=form.fact, problem=wrong)
    made = Answer(system=found.system, fact=asked.key, value=value, evidence=form.evidence.strip(), author=ask.who.name)
    ask.store.append("", made)
    return at("systems", system, "session", given=asked.key)


@action(router, "/systems/{system}/session/try", role=Role.VIEWER)
def attempt(ask: Ask, form: AnswerForm, system: str) -> str:
    """See what would follow from an answer. Nothing is recorded."""
    asked = opened(ask.site, system).fact(form.fact)
    _, wrong = read(form)
    if wrong:
        return at("systems", system, "session", fact=asked.key, problem=wrong)
    path = at("systems", system, "session", fact=asked.key)
    return path + "".join(f"&suppose={v}" for v in form.value)


@action(router, "/systems/{system}/session/withdraw", role=Role.ASSESSOR)
def withdraw(ask: Ask, form: FactForm, system: str) -> str:
    """Take the answers to a fact back: what the card says holds again. They stay in the history."""
    found = opened(ask.site, system)
    asked = found.fact(form.fact)
    if asked.by is None:
        raise Refused("there is no answer to take back", status=409, code="web/no-answer")
    ask.store.append("", Answer(system=found.system, fact=asked.key, author=ask.who.name, withdrawn=True))
    return at("systems", system, "session", fact=asked.key, given=asked.key)


@page(router, "/systems/{system}/session/card", template="asking_card.html.j2")
def card(ask: Ask, system: str) -> CardPage:
    """The card with the answers and the waivers of whole modes written into it, and the threat model in words."""
    found = opened(ask.site, system)
    kept = found.accepted(ask.today)
    told: dict[str, Any] = {
        "system": found.system,
        "name": found.card.system,
        "answers": len(found.holding),
        "unevidenced": sum(not a.evidence for a in found.holding.values()),
        "singles": sum(bool(w.probe or w.target) for w in found.waiving(ask.today)),
        "waived": len(kept),
        "document": document(found, ask.today),
    }
    try:
        text = found.text(kept)
    except CardError as error:
        return CardPage(**told, problem=clean(str(error)))
    return CardPage(**told, text=text, lines=tuple(_lines(found.card.text, text)))


@download(router, "/systems/{system}/session/momus.yaml", media="application/yaml")
def card_file(ask: Ask, system: str) -> Download:
    """The card with the answers written into it, as a file."""
    found = opened(ask.site, system)
    try:
        return Download(found.text(found.accepted(ask.today)), "momus.yaml")
    except CardError as error:
        raise Refused(clean(error.message), status=409, code=error.code, hint=error.hint) from None


@download(router, "/systems/{system}/session/threat-model.md", media="text/markdown; charset=utf-8")
def document_file(ask: Ask, system: str) -> Download:
    """The threat model as a Markdown document."""
    found = opened(ask.site, system)
    return Download(document(found, ask.today), f"threat-model-{found.system}.md")


def _lines(before: str, after: str) -> Iterator[Line]:
    """The lines of the new text, with those it no longer has at their places."""
    old, new = before.splitlines(), after.splitlines()
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Line(mark="same", text=line) for line in new[c:d])
        else:
            yield from (Line(mark="removed", text=line) for line in old[a:b])
            yield from (Line(mark="added", text=line) for line in new[c:d])


def read(form: AnswerForm) -> tuple[Any, str]:
    """The typed value of a form, and the name of what is wrong with it."""
    fact = load_facts()[form.fact]
    given = [v for v in form.value if v != ""]
    if not given:
        return None, "empty"
    if "unknown" in given:
        return (None, "") if len(given) == 1 else (None, "both")
    if len(given) > 1 and fact.kind != "some_of":
        return None, "several"
    try:
        return fact.read(given if fact.kind == "some_of" else given[0]), ""
    except (ValueError, OverflowError):
        return None, "number" if fact.kind in ("count", "number") else "value"
