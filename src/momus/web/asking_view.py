"""What the page of a session shows, as one record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from momus.assess.session import TOPICS, Asked, Change, Session, said
from momus.core.decisions import Answer
from momus.core.records import Record, Severity
from momus.reports import svg
from momus.taxonomy import load
from momus.taxonomy.facts import load_facts
from momus.threats import ThreatModel
from momus.threats.show import SIGNS, severity_words
from momus.web.pages import Ask
from momus.web.roles import Role

PROBLEMS = {
    "empty": "Choose an answer, or say that it is not known.",
    "both": "Not known cannot stand beside another answer.",
    "several": "Give one answer.",
    "value": "This is not one of the answers.",
    "number": "Write a number, 0 or more, without a unit; a whole one where things are counted.",
    "evidence": "The evidence is longer than 4,000 characters. Say where it is written instead.",
}
MOST_TERMS = 5


class Option(Record):
    """One possible answer: its value in a form, its words, whether it holds, and what it would change."""

    value: str
    words: str
    chosen: bool = False
    changes: int | None = None
    settles: int | None = None


class Put(Record):
    """The question that is put now."""

    asked: Asked
    options: tuple[Option, ...]
    typed: str = ""
    evidence: str = ""
    reviews: tuple[tuple[str, str], ...] = ()
    terms: tuple[str, ...] = ()
    problem: str = ""


class Verdict(Record):
    """One of the 17 as the session stands, and what it was before where that changed."""

    id: str
    mode: str
    name: str
    verdict: str
    words: str
    sign: str
    severity: Severity | None = None
    severity_words: str = ""
    rules: tuple[str, ...] = ()
    reason: str = ""
    because: str = ""
    waits: int = 0
    change: Change | None = None


class Topic(Record):
    """The facts of one room of the vocabulary."""

    key: str
    name: str
    facts: tuple[Asked, ...]

    @property
    def known(self) -> int:
        return sum(f.known or bool(f.seen) for f in self.facts)


class SessionPage(Record):
    """A session: how far it is, the question that is put, all answers, the 17 verdicts and the picture."""

    system: str
    name: str
    description: str = ""
    run: str = ""
    card: str = ""
    may_answer: bool = False
    known: int
    facts: int
    settled: int
    put: Put | None = None
    next: str = ""
    topics: tuple[Topic, ...] = ()
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...] = ()
    against_card: tuple[Change, ...] = ()
    suppose: str = ""
    given: str = ""
    announced: str = ""
    picture: str = ""

    @property
    def drawn(self) -> Markup:
        """The picture, element by element from a list of what is allowed."""
        return Markup(svg.inline(self.picture, "flows", title=f"Data flows and failure modes of {self.name}"))  # noqa: S704

    @property
    def topic(self) -> str:
        """The room of the question that is put."""
        return self.put.asked.room if self.put is not None else ""


def look(
    session: Session, ask: Ask, *, fact: str = "", given: str = "", suppose: Sequence[str] = (), problem: str = ""
) -> SessionPage:
    """The page of a session. NotFound for a fact that is none."""
    put = session.fact(fact) if fact else session.next
    shown, tried = session, ""
    if put is not None and fact and suppose:
        tried_value = _tried(put, suppose)
        if tried_value is not _NOTHING:
            tried = said(tried_value)
            shown = session.with_(Answer(system=session.system, fact=put.key, value=tried_value, author=ask.who.name))
    since = session.model if tried else session.before(session.fact(given).key).model if given else session.model
    changes = shown.changes(since)
    waiting = session.next
    return SessionPage(
        system=session.system,
        name=session.card.system,
        description=session.card.description,
        run=session.run,
        card=session.card.path.name if session.card.path is not None else "",
        may_answer=ask.who.may(Role.ASSESSOR),
        known=shown.model.facts_known,
        facts=len(load_facts()),
        settled=len(shown.model.modes) - shown.undetermined,
        put=_put(session, put, suppose, problem, ask) if put is not None else None,
        next=waiting.key if waiting is not None else "",
        topics=_topics(shown),
        verdicts=_verdicts(shown.model, changes),
        changes=changes,
        against_card=shown.changes(session.alone),
        suppose=tried,
        given=given,
        announced=_announced(session, put, given, tried, changes, problem),
        picture=shown.picture,
    )


_NOTHING = object()


def _tried(asked: Asked, suppose: Sequence[str]) -> Any:
    """The value that is tried; _NOTHING for what the vocabulary does not have."""
    fact = load_facts()[asked.key]
    try:
        return fact.read(list(suppose) if fact.kind == "some_of" and "unknown" not in suppose else suppose[0])
    except (ValueError, OverflowError):
        return _NOTHING


def _put(session: Session, asked: Asked, suppose: Sequence[str], problem: str, ask: Ask) -> Put:
    chosen = set(suppose) or _chosen(asked)
    rows = {"yes_no": ("yes", "no"), "one_of": asked.values, "some_of": asked.values}.get(asked.kind, ())
    preview = asked.kind in ("yes_no", "one_of")
    options = [_option(session, asked, v, v in chosen, preview, ask) for v in rows]
    options.append(Option(value="unknown", words="not known", chosen="unknown" in chosen))
    numeric = asked.kind in ("count", "number")
    return Put(
        asked=asked,
        options=tuple(options),
        typed=next((c for c in chosen if numeric and c != "unknown"), ""),
        evidence=asked.by.evidence if asked.by is not None else asked.evidence,
        reviews=tuple((q.id, q.text) for q in load().questions if asked.key in q.facts),
        terms=_terms(asked),
        problem=PROBLEMS.get(problem, ""),
    )


def _chosen(asked: Asked) -> set[str]:
    """The form's values for what holds now; nothing where nobody has said anything."""
    if asked.value is None:
        return {"unknown"} if asked.by is not None else set()
    if isinstance(asked.value, bool):
        return {"yes" if asked.value else "no"}
    return set(asked.value) if isinstance(asked.value, tuple) else {str(asked.value)}


def _option(session: Session, asked: Asked, value: str, chosen: bool, preview: bool, ask: Ask) -> Option:
    if not preview:
        return Option(value=value, words=value.replace("_", " "), chosen=chosen)
    typed = load_facts()[asked.key].read(value)
    then = session.with_(Answer(system=session.system, fact=asked.key, value=typed, author=ask.who.name))
    return Option(
        value=value,
        words=value.replace("_", " "),
        chosen=chosen,
        changes=len(then.changes(session.model)),
        settles=max(0, session.undetermined - then.undetermined),
    )


def _terms(asked: Asked) -> tuple[str, ...]:
    """Words of the glossary that the question uses, longest first."""
    text = f" {' '.join([asked.ask, *asked.values]).lower().replace('_', ' ')} "
    text = "".join(c if c.isalnum() or c in "- " else " " for c in text)
    found = {t.term for t in load().glossary if len(t.term) > 4 and f" {t.term.lower()} " in text}
    return tuple(sorted(found, key=lambda t: (-len(t), t))[:MOST_TERMS])


def _topics(session: Session) -> tuple[Topic, ...]:
    rooms: dict[str, list[Asked]] = {}
    for asked in session.asked:
        rooms.setdefault(asked.room, []).append(asked)
    return tuple(Topic(key=key, name=TOPICS.get(key, key), facts=tuple(facts)) for key, facts in rooms.items())


def _verdicts(model: ThreatModel, changes: Sequence[Change]) -> tuple[Verdict, ...]:
    changed = {c.mode: c for c in changes}
    return tuple(
        Verdict(
            id=t.id,
            mode=slug,
            name=t.name,
            verdict=t.verdict,
            words=t.words,
            sign=SIGNS[t.verdict],
            severity=t.severity,
            severity_words=severity_words(t) if t.severity is not None else "",
            rules=tuple(rule.id for rule in t.rules),
            reason=t.reason,
            because="; ".join(rule.because for rule in t.rules[:2]),
            waits=sum(q.settles for q in t.questions),
            change=changed.get(slug),
        )
        for slug, t in model.modes.items()
    )


def _announced(
    session: Session, put: Asked | None, given: str, tried: str, changes: Sequence[Change], problem: str
) -> str:
    """What somebody who does not see the page must hear."""
    if problem in PROBLEMS:
        return PROBLEMS[problem]
    if not given and not tried:
        return ""
    asked = session.fact(given) if given and not tried else put
    told = "; ".join(str(c) for c in changes) or "no verdict changes"
    if tried and asked is not None:
        return f"If {asked.key} were {tried}: {told}. Nothing is recorded."
    by = f", says {asked.by.author}" if asked is not None and asked.by is not None else ""
    held = asked.said if asked is not None else ""
    return f"{given} is now {held}{by}: {told}."
