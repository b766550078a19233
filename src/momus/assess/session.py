"""A threat-modelling session: a card, what people answered to its questions, and what follows from both.

Nothing is loaded or run. The answers of a system lie over its card: of each fact the latest holds, a withdrawn one
gives way to what the card says. Everything here is derived from the card and the answers, so a session needs no state
of its own and two people may work on it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

from momus.card.edit import Stated, edit_card
from momus.card.facts import Facts
from momus.card.read import card_of_text
from momus.card.schema import SystemCard, Waiver
from momus.core.decisions import Answer, Waived, in_force, latest_answers, system_id
from momus.core.errors import NotFound
from momus.core.records import Record, Run, Severity
from momus.taxonomy.facts import Fact, FactValue, load_facts
from momus.taxonomy.rules import SLUGS
from momus.threats import ThreatModel, picture, threats

TOPICS = {
    "model": "The model",
    "api": "Who can reach it",
    "artifact": "Who holds the file",
    "data": "Training data",
    "loop": "Feedback",
    "train": "Training",
    "provider": "Providers",
    "import": "Imported parts",
    "deps": "Software beneath",
    "env": "The world around it",
    "rl": "Agents and rewards",
    "use": "What it is used for",
    "test": "What was tested",
    "ops": "Operation",
}


class Asked(Record):
    """One fact of the vocabulary as the session stands: what holds, who says so, what was said before."""

    key: str
    kind: str
    ask: str
    values: tuple[str, ...] = ()
    ordered: bool = False
    value: bool | int | float | str | tuple[str, ...] | None = None
    said: str = ""
    evidence: str = ""
    source: str = ""  # "card", "answer", "targets", or empty where nobody knows
    seen: str = ""  # where a fact was seen that nobody stated
    by: Answer | None = None
    history: tuple[Answer, ...] = ()
    modes: tuple[str, ...] = ()  # slugs of the modes it would settle or raise now
    settles: tuple[str, ...] = ()  # those of them whose verdict waits for it
    numbers: tuple[str, ...] = ()  # the review questions that ask it

    @property
    def known(self) -> bool:
        return self.value is not None

    @property
    def room(self) -> str:
        return self.key.partition(".")[0]

    @property
    def standing(self) -> tuple[Answer, ...]:
        """Of each person the last word, since the answers were last taken back."""
        return _standing(self.history)

    @property
    def disputed(self) -> bool:
        """Whether people disagree. The latest holds."""
        return len({a.value for a in self.standing}) > 1

    def words(self, answer: Answer) -> str:
        """An answer as a person would say it."""
        return said(answer.value)


class Change(Record):
    """One mode whose verdict or severity is not what it was."""

    mode: str
    id: str
    name: str
    before: str
    after: str
    severity_before: Severity | None = None
    severity_after: Severity | None = None
    rules: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        severity = ""
        if self.severity_before != self.severity_after:
            marks = [s.value if s is not None else "none" for s in (self.severity_before, self.severity_after)]
            severity = f", severity {marks[0]} to {marks[1]}"
        verdict = f"{self.before} to {self.after}" if self.before != self.after else self.after
        return f"{self.id} {self.mode.replace('_', ' ')}: {verdict}{severity}"


@dataclass(frozen=True)
class Session:
    """A card and the answers over it. Made by :func:`session_of_run`, :func:`session_of_text` or from a card."""

    card: SystemCard
    answers: tuple[Answer, ...] = ()
    waivers: tuple[Waived, ...] = ()
    run: str = ""  # the run whose card it is; empty for one read at start
    of: str = ""  # the system's name in its runs, where the card's own has ${VARIABLES} that were filled in there

    @property
    def system(self) -> str:
        """The address of the system."""
        return system_id(self.of or self.card.system)

    @cached_property
    def holding(self) -> dict[str, Answer]:
        """Of each fact the answer that holds. One that the vocabulary does not know any more is left out."""
        return {key: answer for key, answer in latest_answers(self.answers).items() if _fits(answer)}

    @cached_property
    def effective(self) -> SystemCard:
        """The card with the answers in the place of its facts."""
        facts = self.card.facts
        values = {**facts, **{key: _value(answer) for key, answer in self.holding.items()}}
        proof = {key: facts.evidence(key) for key in facts}
        proof |= {key: answer.evidence for key, answer in self.holding.items()}
        return self.card.model_copy(update={"facts": Facts(values, {k: p for k, p in proof.items() if p})})

    @cached_property
    def model(self) -> ThreatModel:
        """What follows from card and answers."""
        return threats(self.effective)

    @cached_property
    def alone(self) -> ThreatModel:
        """What follows from the card as it is written."""
        return threats(self.card)

    @property
    def picture(self) -> str:
        """The data-flow picture as SVG."""
        return picture(self.effective, self.model)

    def with_(self, *answers: Answer) -> Session:
        """The session with further answers: what would be if they were given."""
        return replace(self, answers=(*self.answers, *answers))

    def before(self, fact: str) -> Session:
        """The session as it stood before the last word on a fact."""
        said = [i for i, answer in enumerate(self.answers) if answer.fact == fact]
        kept = [a for i, a in enumerate(self.answers) if i != said[-1]] if said else self.answers
        return replace(self, answers=tuple(kept))

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """Every fact, in the order of the vocabulary."""
        history: dict[str, list[Answer]] = {}
        for answer in self.answers:
            history.setdefault(answer.fact, []).append(answer)
        waiting: dict[str, tuple[list[str], list[str], tuple[str, ...]]] = {}
        for slug, threat in self.model.modes.items():
            for question in threat.questions:
                modes, settles, _ = waiting.setdefault(question.id, ([], [], question.numbers))
                modes.append(slug)
                settles += [slug] if question.settles else []
        return tuple(
            self._asked(key, fact, tuple(history.get(key, ())), waiting.get(key, ([], [], ())))
            for key, fact in load_facts().items()
        )

    def fact(self, key: str) -> Asked:
        """One fact; NotFound for a key that is none."""
        found = next((a for a in self.asked if a.key == key), None)
        if found is None:
            raise NotFound(f"there is no fact '{key[:60]}'", hint="The vocabulary is in docs/card.md")
        return found

    @property
    def next(self) -> Asked | None:
        """The question that settles most; one that somebody has left open comes after all others."""
        facts = {asked.key: asked for asked in self.asked}
        order = [facts[question.id] for question, _ in self.model.questions if question.id in facts]
        return min(order, key=lambda asked: asked.by is not None, default=None)

    @property
    def undetermined(self) -> int:
        """How many of the 17 verdicts wait for an answer."""
        return self.model.count("undetermined")

    def changes(self, since: ThreatModel) -> tuple[Change, ...]:
        """The modes whose verdict, severity or rules differ from those of another model of the system."""
        found = []
        for slug in SLUGS:
            old, new = since.modes[slug], self.model.modes[slug]
            if (old.words, old.severity) != (new.words, new.severity):
                found.append(
                    Change(
                        mode=slug,
                        id=new.id,
                        name=new.name,
                        before=old.words,
                        after=new.words,
                        severity_before=old.severity,
                        severity_after=new.severity,
                        rules=tuple(rule.id for rule in new.rules),
                        reason=new.reason,
                    )
                )
        return tuple(found)

    def waiving(self, today: date) -> tuple[Waived, ...]:
        """The waivers that hold on a day."""
        return in_force(self.waivers, today)

    def accepted(self, today: date) -> tuple[Waived, ...]:
        """Those of whole modes, which is what a card can state."""
        return tuple(w for w in self.waiving(today) if not w.probe and not w.target)

    def text(self, waivers: Iterable[Waived] = ()) -> str:
        """The card's text with the answers written into its facts and these waivers beside its own.

        Raises CardError where the text cannot be changed without touching something else.
        """
        return edit_card(
            self.card.text,
            facts={key: Stated(_value(answer), _proof(answer)) for key, answer in self.holding.items()},
            waivers=[Waiver(mode=w.mode, reason=w.reason, by=w.by, until=w.until) for w in waivers],
            name=self.card.path.name if self.card.path is not None else "momus.yaml",
        )

    def _asked(
        self, key: str, fact: Fact, history: tuple[Answer, ...], waits: tuple[list[str], list[str], tuple[str, ...]]
    ) -> Asked:
        facts, holding, seen = self.effective.facts, self.holding.get(key), self.model.observed.get(key, "")
        value = facts.get(key)
        return Asked(
            key=key,
            kind=fact.kind,
            ask=fact.ask,
            values=fact.values,
            ordered=fact.ordered,
            value=value,
            said=said(value),
            evidence=facts.evidence(key) if value is not None else "",
            source="answer" if holding else "card" if value is not None else "targets" if seen else "",
            seen=seen if holding is None and value is None else "",
            by=holding,
            history=history,
            modes=tuple(waits[0]),
            settles=tuple(waits[1]),
            numbers=waits[2],
        )


def session_of_run(run: Run, answers: Sequence[Answer] = (), waivers: Sequence[Waived] = ()) -> Session:
    """A session over the card that was stored with a run."""
    made = session_of_text(run.card_text, answers, waivers, path=run.card_path, of=run.system)
    return replace(made, run=run.id)


def session_of_text(
    text: str, answers: Sequence[Answer] = (), waivers: Sequence[Waived] = (), path: str = "", of: str = ""
) -> Session:
    """A session over the text of a card. Variables stay names: this process's environment is none of the card's.

    ``of``: the name of the system whose card it is, where that is known from elsewhere.
    """
    card = card_of_text(text, path=Path(path) if path else None, keep_variables=True, environment={})
    mine = system_id(of or card.system)
    kept = tuple(a for a in answers if a.system == mine), tuple(w for w in waivers if w.system == mine)
    return Session(card, *kept, of=of)


def said(value: object) -> str:
    """A value as a person would say it."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(v.replace("_", " ") for v in value)
    return (
        value.replace("_", " ") if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _standing(history: Sequence[Answer]) -> tuple[Answer, ...]:
    kept: dict[str, Answer] = {}
    for answer in history:
        if answer.withdrawn:
            kept.clear()
        elif _fits(answer):
            kept.pop(answer.author, None)
            kept[answer.author] = answer
    return tuple(kept.values())


def _fits(answer: Answer) -> bool:
    fact = load_facts().get(answer.fact)
    try:
        return fact is not None and (fact.read(answer.value) is not None or answer.value is None)
    except (ValueError, OverflowError):
        return False


def _value(answer: Answer) -> FactValue | None:
    return load_facts()[answer.fact].read(answer.value)


def _proof(answer: Answer) -> str:
    """What the card keeps as proof: the evidence, and whose answer it was. An answer without any stays a claim."""
    return f"{answer.evidence} ({answer.author}, {answer.created:%Y-%m-%d})" if answer.evidence else ""
