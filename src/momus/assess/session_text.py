"""A threat model as a Markdown document: what a session came to, who said what, what is open, what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from momus.assess.session import TOPICS, Asked, Session
from momus.core.decisions import Waived
from momus.reports.text import markdown
from momus.threats import ThreatModel
from momus.threats.show import severity_words


def document(session: Session, today: date) -> str:
    """The document. Every string of a person is escaped; the drawing is Mermaid text made of the vocabulary alone."""
    parts = [
        _head(session, today),
        _picture(session.model),
        _verdicts(session.model),
        "\n\n".join(_details(session.model)),
        _facts(session),
        _open(session),
        _decisions(session, today),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(session: Session, today: date) -> str:
    model = session.model
    card = f"the card of run {markdown(session.run, 60)}" if session.run else "the card on disk"
    lines = [f"# Threat model of {markdown(session.card.system, 160)}", ""]
    if session.card.description:
        lines += [markdown(session.card.description, 2000), ""]
    people = ", ".join(markdown(a, 80) for a in dict.fromkeys(a.author for a in session.holding.values()))
    here = model.count("applies") + model.count("raised")
    lines += [
        f"As of {today.isoformat()}, from {card}" + (f" and the answers of {people}." if people else "."),
        "",
        f"{here} of 17 failure modes apply, {model.count('raised')} of them raised; {model.count('undetermined')} are "
        f"undetermined; {model.facts_known} facts are known, {model.facts_unknown} are not. "
        "What is not known is never read as harmless.",
    ]
    return "\n".join(lines)


def _picture(model: ThreatModel) -> str:
    """The flows as Mermaid, which code hosts draw, and the same in words."""
    nodes = {name: f"n{i}" for i, name in enumerate(dict.fromkeys(n for f in model.flows for n in (f.start, f.end)))}
    lines = ["## Data flows", "", "```mermaid", "flowchart LR"]
    lines += [f'  {key}["{name}"]' for name, key in nodes.items()]
    for flow in model.flows:
        if flow.present == "no":
            continue
        ids = " ".join(_entering(flow.id, model))
        arrow = "-->" if flow.present == "yes" else "-.->"
        lines.append(
            f'  {nodes[flow.start]} {arrow}|"{flow.id} {flow.name}{f": {ids}" if ids else ""}"| {nodes[flow.end]}'
        )
    lines += ["```", "", "| | Flow | Here | Enters |", "|---|---|---|---|"]
    words = {"yes": "yes", "no": "no", "unknown": "not known"}
    for flow in model.flows:
        ids = ", ".join(_entering(flow.id, model)) if flow.present != "no" else ""
        lines.append(f"| {flow.id} | {flow.name}: {flow.start} to {flow.end} | {words[flow.present]} | {ids} |")
    return "\n".join(lines)


def _entering(flow: str, model: ThreatModel) -> list[str]:
    shown = ("raised", "applies", "undetermined")
    return [
        t.id for t in model.modes.values() if t.verdict in shown and any(f.id == flow and f.primary for f in t.flows)
    ]


def _verdicts(model: ThreatModel) -> str:
    lines = ["## The 17 failure modes", "", "| | Failure mode | Here | Severity if it fails | Rules | Why |"]
    lines.append("|---|---|---|---|---|---|")
    for t in model.modes.values():
        severity = severity_words(t) if t.severity is not None else ""
        rules = ", ".join(rule.id for rule in t.rules)
        lines.append(f"| {t.id} | {t.name} | {t.words} | {severity} | {rules} | {markdown(t.reason, 300)} |")
    return "\n".join(lines)


def _details(model: ThreatModel) -> Iterator[str]:
    for t in model.modes.values():
        if not t.here:
            continue
        lines = [f"### {t.id} {t.name}: {t.words}", ""]
        for rule in t.rules:
            facts = ", ".join(f"{k} is {v}" for k, v in rule.facts.items())
            lines.append(f"- **{rule.id}** {markdown(rule.premise)}{f' ({markdown(facts)})' if facts else ''}")
        lines += [f"- Attacker: {w.place}, {w.knowledge}: {', '.join(w.capability)} ({w.rule})" for w in t.attackers]
        lines += [f"- Do: {markdown(m.text)} ({m.id})" for m in t.mitigations[:3]]
        yield "\n".join(lines)


def _facts(session: Session) -> str:
    lines = ["## Facts", "", "| Fact | Value | Said by | On what evidence |", "|---|---|---|---|"]
    for room, title in TOPICS.items():
        rows = [_fact(a) for a in session.asked if a.room == room and (a.known or a.seen or a.by is not None)]
        lines += [f"| **{title}** | | | |", *rows] if rows else []
    return "\n".join(lines)


def _fact(asked: Asked) -> str:
    if asked.by is not None:
        who = f"{markdown(asked.by.author, 80)}, {asked.by.created:%Y-%m-%d}" + (", disputed" if asked.disputed else "")
    else:
        who = "the card" if asked.known else "seen in the card's targets"
    proof = markdown(asked.evidence, 300) if asked.evidence else "declared only" if asked.known else ""
    value = markdown(asked.said if not asked.seen else asked.seen, 120)
    return f"| {asked.key} | {value} | {who} | {proof} |"


def _open(session: Session) -> str:
    found = session.model.questions
    if not found:
        return "## Open questions\n\nNone that would change a verdict."
    lines = ["## Open questions", "", "| Fact | Question | Would settle or raise |", "|---|---|---|"]
    ids = {slug: t.id for slug, t in session.model.modes.items()}
    for question, modes in found:
        lines.append(f"| {question.id} | {question.text} | {', '.join(ids[m] for m in modes)} |")
    return "\n".join(lines)


def _decisions(session: Session, today: date) -> str:
    stated = [(w.mode, "", w.by, w.until, w.reason, "" if w.holds(today) else "expired") for w in session.card.waivers]
    latest = {w.id: w for w in session.waivers}
    stated += [(w.mode, _covered(w), w.by, w.until, w.reason, _state(w, today)) for w in latest.values()]
    if not stated:
        return "## Accepted risks\n\nNone was accepted by anybody."
    lines = ["## Accepted risks", "", "| Failure mode | What | By | Until | Why | |", "|---|---|---|---|---|---|"]
    for mode, what, by, until, reason, state in stated:
        lines.append(
            f"| {mode} | {what or 'all of it'} | {markdown(by, 80)} | {until.isoformat()} | {markdown(reason, 400)} "
            f"| {state} |"
        )
    return "\n".join(lines)


def _covered(w: Waived) -> str:
    return " on ".join(markdown(x, 80) for x in (w.probe, w.target) if x)


def _state(w: Waived, today: date) -> str:
    return "revoked" if w.revoked else "" if w.holds(today) else "expired"
