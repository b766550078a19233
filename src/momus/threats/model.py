"""The threat model as frozen records: 17 modes, each with its verdict, rules, attackers, flows, severity, questions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from momus.core.records import Record, Severity
from momus.taxonomy.bugbar import Move

Verdict = Literal["applies", "raised", "unlikely", "not_applicable", "undetermined"]
Presence = Literal["yes", "no", "unknown"]

WORDS: dict[str, str] = {
    "applies": "applies",
    "raised": "raised",
    "unlikely": "unlikely",
    "not_applicable": "not applicable",
    "undetermined": "undetermined",
}


class Fired(Record):
    """A rule whose premise holds here, what it says about the mode, and the facts it rests on."""

    id: str
    effect: str
    premise: str
    because: str
    facts: dict[str, str] = Field(default_factory=dict)


class Attacker(Record):
    """Who could do it: where they stand, what they know, what they can do (NIST AI 100-2 words)."""

    place: str
    knowledge: str
    capability: tuple[str, ...]
    rule: str


class FlowUse(Record):
    """A flow through which the mode enters (``primary``) or which makes it easier."""

    id: str
    text: str
    primary: bool
    present: Presence


class Question(Record):
    """An unknown fact: what to find out, and whether the answer settles the verdict or could only raise it."""

    id: str
    text: str
    numbers: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    settles: bool = True


class Mitigation(Record):
    id: str
    source: str
    text: str


class ModeThreat(Record):
    """What one failure mode means for one system.

    ``raised`` counts the rules that make it worse. ``declared`` marks a *not applicable* that rests on facts without
    evidence. ``severity`` is what the bug bar gives before anything is measured, None where the mode does not apply.
    """

    mode: str
    id: str
    name: str
    verdict: Verdict
    reason: str
    raised: int = 0
    declared: bool = False
    rules: tuple[Fired, ...] = ()
    attackers: tuple[Attacker, ...] = ()
    flows: tuple[FlowUse, ...] = ()
    severity: Severity | None = None
    row: str = ""
    source: str = ""
    severity_reasons: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    questions: tuple[Question, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()

    @property
    def here(self) -> bool:
        """True where the mode applies."""
        return self.verdict in ("applies", "raised")

    @property
    def words(self) -> str:
        """The verdict as a person would write it."""
        if self.declared:
            return "declared not applicable"
        return "raised twice" if self.verdict == "raised" and self.raised == 2 else WORDS[self.verdict]

    def __rich__(self) -> str:
        from momus.threats.show import detail_head, detail_rows

        return "\n".join([detail_head(self), *(f"  {label:<9} {text}" for label, text in detail_rows(self))])


class FlowState(Record):
    """One of the ten information flows and whether this system has it."""

    id: str
    name: str
    text: str
    start: str
    end: str
    present: Presence


class ChainUse(Record):
    """Modes of this system of which one opens the way to the next (leads) or hides the other (masks)."""

    modes: tuple[str, ...]
    kind: Literal["leads", "masks"]
    says: str
    source: str


class ThreatModel(Record):
    """All 17 modes of one system, by slug and in Microsoft's order. Made by :func:`momus.threats.threats`."""

    kind: Literal["threats"] = "threats"
    schema_version: int = 1
    system: str
    card_digest: str
    modes: dict[str, ModeThreat]
    flows: tuple[FlowState, ...]
    chains: tuple[ChainUse, ...]
    observed: dict[str, str] = Field(default_factory=dict, description="facts read off the card's targets")
    facts_known: int = 0
    facts_unknown: int = 0

    @property
    def questions(self) -> tuple[tuple[Question, tuple[str, ...]], ...]:
        """Open questions, each once with the slugs of the modes it touches; those that settle most verdicts first."""
        found: dict[str, tuple[Question, list[str]]] = {}
        for slug, threat in self.modes.items():
            for question in threat.questions:
                kept, slugs = found.setdefault(question.id, (question, []))
                slugs.append(slug)
                if question.settles and not kept.settles:
                    found[question.id] = (question, slugs)
        every = [q for threat in self.modes.values() for q in threat.questions]
        settled = {key: sum(q.id == key and q.settles for q in every) for key in found}
        order = sorted(found, key=lambda key: (-settled[key], -len(found[key][1]), key))
        return tuple((found[key][0], tuple(found[key][1])) for key in order)

    def count(self, verdict: Verdict) -> int:
        """How many of the 17 have that verdict."""
        return sum(threat.verdict == verdict for threat in self.modes.values())

    def __rich__(self) -> str:
        from momus.threats.show import as_markup

        return as_markup(self)

    def _repr_html_(self) -> str:
        from momus.threats.show import as_html

        return as_html(self)
