"""Takes from the taxonomy and the threat model what a report says about a mode, as plain records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from momus.core.records import Severity
from momus.reports.view import Attacker, BarRow, Compromise, Mitigation, ModeFacts, Question


def sentence(value: Any) -> str:
    """One line of text from a string, a record with a text, or a mapping that holds one."""
    if isinstance(value, str):
        return value
    for name in ("text", "question", "quantity", "title", "name", "message", "what", "id"):
        found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if found:
            return str(found)
    return str(value)


def named(value: Any) -> str:
    """``name: text`` where a thing has both, else its line of text."""
    name = "" if isinstance(value, str) else str(_get(value, "name"))
    return f"{name}: {sentence(value)}" if name and name != sentence(value) else sentence(value)


def sentences(value: Any) -> tuple[str, ...]:
    """A tuple of lines from nothing, one string, or any iterable of things that hold a text."""
    if not value:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(sentence(v) for v in value)


def _get(thing: Any, *names: str, default: Any = "") -> Any:
    for name in names:
        found = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
        if found not in (None, "", (), []):
            return found
    return default


def _mitigations(items: Iterable[Any]) -> tuple[Mitigation, ...]:
    return tuple(
        Mitigation(text=m)
        if isinstance(m, str)
        else Mitigation(
            id=str(_get(m, "id")), source=str(_get(m, "source")), name=str(_get(m, "name")), text=sentence(m)
        )
        for m in items or ()
    )


def _violated(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value in ("yes", "no") else "n/a"


def _case(value: Any) -> str:
    """What was shown, and where it was published."""
    if isinstance(value, str):
        return value
    told, source = sentence(value), str(_get(value, "source", "arxiv", "reference"))
    return f"{told} ({source})" if source and source not in told else told


def of_mode(mode: Any) -> ModeFacts:
    """The words of the taxonomy about one mode."""
    lost = _get(mode, "cia", default={})
    pairs = lost.items() if isinstance(lost, Mapping) else [("Microsoft", lost)]
    return ModeFacts(
        summary=sentence(_get(mode, "summary")),
        definition=sentence(_get(mode, "definition")),
        example=sentence(_get(mode, "example")),
        intentional=bool(mode.intentional),
        compromised=tuple(Compromise(source=str(k), lost=sentences(v)) for k, v in pairs if v),
        knowledge="; ".join(sentences(_get(mode, "knowledge"))),
        access_violated=_violated(getattr(mode, "access_violated", None)),
        access_note=sentence(_get(mode, "access_note")),
        failure_mode=sentence(_get(mode, "failure_mode")),
        attack_mode=sentence(_get(mode, "attack_mode")),
        impacts=sentences(_get(mode, "impacts", default=())),
        cases=tuple(_case(c) for c in _get(mode, "cases", default=())),
        indicators=sentences(_get(mode, "indicators", default=())),
        mitigations=_mitigations(_get(mode, "mitigations", default=())),
        legal_questions=sentences(_get(mode, "legal_questions", default=())),
    )


def of_threat(threat: Any) -> dict[str, Any]:
    """What the threat model says about one mode of this system, as fields of a ModeView."""
    if threat is None:
        return {}
    severity = _get(threat, "severity", default=None)
    return {
        "verdict_reason": sentence(_get(threat, "reason")),
        "rules": tuple(str(_get(r, "id", default=r)) for r in _get(threat, "rules", "fired", default=())),
        "attackers": tuple(_attacker(a) for a in _get(threat, "attackers", default=())),
        "flows": sentences(_get(threat, "flows", default=())),
        "bar": BarRow(
            severity=None if severity is None else Severity(str(severity).lower()),
            row=sentence(_get(threat, "row")),
            source=sentence(_get(threat, "source")),
        ),
    }


def _attacker(a: Any) -> Attacker:
    if isinstance(a, str):
        return Attacker(place=a)
    capability = _get(a, "capability", "capabilities", default="")
    return Attacker(
        place=str(_get(a, "place", "who")),
        knowledge=str(_get(a, "knowledge")),
        capability=capability if isinstance(capability, str) else ", ".join(map(str, capability)),
        rule=str(_get(a, "rule")),
    )


def questions(threats: Mapping[str, Any], taxonomy: Any) -> tuple[Question, ...]:
    """The open questions of all modes, each once, with the modes that wait for the answer."""
    texts = {str(_get(q, "id")): sentence(q) for q in getattr(taxonomy, "questions", ())}
    found: dict[str, tuple[str, list[str]]] = {}
    for slug, threat in threats.items():
        for q in _get(threat, "questions", default=()):
            key = q if isinstance(q, str) else str(_get(q, "id", default=sentence(q)))
            text = texts.get(key, key) if isinstance(q, str) else sentence(q)
            found.setdefault(key, (text, []))[1].append(slug)
    return tuple(Question(id=k, text=t, modes=tuple(modes)) for k, (t, modes) in sorted(found.items()))
