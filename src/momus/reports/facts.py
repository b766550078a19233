"""Takes from the taxonomy and the threat model what a report says about a mode, as records of the report's own."""

from __future__ import annotations

from typing import Any

from momus.reports.view import (
    Attacker,
    BarRow,
    Compromise,
    FlowUse,
    Mitigation,
    ModeFacts,
    Question,
    Rule,
)
from momus.taxonomy import Taxonomy
from momus.taxonomy.schema import FailureMode, Outside
from momus.threats import ModeThreat, ThreatModel

_SOURCES = {"microsoft": "Microsoft", "kan": "Kan", "ours": "our reading"}


def of_mode(mode: FailureMode) -> ModeFacts:
    """The words of the taxonomy about one mode."""
    return ModeFacts(
        summary=mode.summary,
        definition=mode.definition,
        example=mode.example,
        intentional=mode.intentional,
        compromised=_compromised(mode),
        knowledge=", ".join(mode.knowledge),
        access_violated="n/a" if mode.access_violated is None else "yes" if mode.access_violated else "no",
        access_note=mode.access_note,
        failure_mode=mode.failure_mode,
        attack_mode=mode.attack_mode,
        impacts=mode.impacts,
        cases=tuple(f"{c.text} ({c.source})" if c.source else c.text for c in mode.cases),
        indicators=mode.indicators,
        mitigations=tuple(
            Mitigation(id=m.id, source=m.source, name=m.name, text=m.text, against=m.against) for m in mode.mitigations
        ),
        legal_questions=mode.legal_questions,
    )


def _compromised(mode: FailureMode) -> tuple[Compromise, ...]:
    """What is lost, with all the sources that say so; where they disagree each has its line."""
    found: dict[tuple[str, ...], list[str]] = {}
    for source, lost in mode.cia.items():
        if lost:
            found.setdefault(tuple(lost), []).append(_SOURCES.get(source, source))
    return tuple(Compromise(source=", ".join(sources), lost=lost) for lost, sources in found.items())


def of_threat(threat: ModeThreat | None) -> dict[str, Any]:
    """What the threat model says about one mode of this system, as fields of a ModeView."""
    if threat is None:
        return {}
    return {
        "verdict_words": threat.words,
        "verdict_reason": threat.reason,
        "rules": tuple(Rule(id=r.id, because=r.because) for r in threat.rules),
        "attackers": tuple(
            Attacker(place=a.place, knowledge=a.knowledge, capability=", ".join(a.capability), rule=a.rule)
            for a in threat.attackers
        ),
        "flows": tuple(FlowUse(id=f.id, text=f.text, primary=f.primary, present=f.present) for f in threat.flows),
        "bar": BarRow(severity=threat.severity, row=threat.row, source=threat.source),
    }


def questions(model: ThreatModel | None, taxonomy: Taxonomy) -> tuple[Question, ...]:
    """The open questions, those that settle most first, each with the modes that wait for the answer."""
    if model is None:
        return ()
    slugs = {m.slug for m in taxonomy.modes}
    return tuple(
        Question(id=q.id, text=q.text, modes=tuple(s for s in modes if s in slugs)) for q, modes in model.questions
    )


def outside_line(item: Outside | str) -> str:
    """``name: text`` of something that the 17 do not cover."""
    return item if isinstance(item, str) else f"{item.name}: {item.text}"
