"""A threat model for a terminal and for a notebook. Words carry the meaning, colour repeats it."""

from __future__ import annotations

from html import escape

from momus.core.records import Severity
from momus.threats.model import WORDS, ModeThreat, ThreatModel

SIGNS = {"raised": "▲", "applies": "●", "undetermined": "?", "unlikely": "○", "not_applicable": "–"}
_STYLES = {
    "raised": "bold red",
    "applies": "yellow",
    "undetermined": "cyan",
    "unlikely": "dim",
    "not_applicable": "dim",
}


ROW_WIDTH = 2 + 4 + 19 + 23 + 12


def plain(text: str) -> str:
    """User text made harmless for console markup and control sequences."""
    shown = "".join(c if c.isprintable() else "�" for c in text)
    return shown.replace("[", r"\[")


def severity_words(threat: ModeThreat) -> str:
    """``important``; ``≤ critical`` while the verdict is open, since the bar then gives only what it could be."""
    if threat.severity is None or threat.severity is Severity.NONE:
        return "–"
    return f"≤ {threat.severity.value}" if threat.verdict == "undetermined" else threat.severity.value


def rules_words(threat: ModeThreat) -> str:
    """The ids of the rules that fired."""
    return " ".join(rule.id for rule in threat.rules)


def row_markup(threat: ModeThreat) -> str:
    """One mode in one line: sign, id, name, verdict, severity, rules."""
    style = _STYLES[threat.verdict]
    return (
        f"[{style}]{SIGNS[threat.verdict]}[/] {threat.id} {threat.mode:<18} [{style}]{threat.words:<22}[/] "
        f"{severity_words(threat):<12}"
    )


def detail_markup(threat: ModeThreat) -> str:
    """Everything about one mode: rules with their facts, attackers, flows, severity, questions, mitigations."""
    lines = [f"[bold]{threat.id} {threat.name}[/bold]: {threat.words}"]
    for rule in threat.rules:
        facts = ", ".join(f"{key}={value}" for key, value in rule.facts.items())
        lines.append(f"  {rule.id}  {rule.premise} ({rule.effect}){f'  · {plain(facts)}' if facts else ''}")
        lines.append(f"       {rule.because}")
    lines += [
        f"  attacker    {who.place}, {who.knowledge}: {', '.join(who.capability)} ({who.rule})"
        for who in threat.attackers
    ]
    flows = [f"{f.text}{' ?' if f.present == 'unknown' else ''}{'' if f.primary else ' (helps)'}" for f in threat.flows]
    if flows:
        lines.append(f"  flows       {', '.join(flows)}")
    if threat.severity is not None:
        lines.append(f"  severity    {severity_words(threat)}, row {threat.row} ({threat.source})")
        lines += [f"              {plain(reason)}" for reason in threat.severity_reasons]
    for question in threat.questions:
        numbers = f" ({', '.join(question.numbers)})" if question.numbers else ""
        role = "settles it" if question.settles else "could raise it"
        lines.append(f"  question    {question.id}: {question.text}{numbers} \\[{role}]")
    if threat.verdict != "not_applicable":
        lines += [f"  do          {m.text} ({m.id})" for m in threat.mitigations]
    return "\n".join(lines)


def summary_markup(model: ThreatModel) -> str:
    """How many of the 17 have which verdict, and how much is known."""
    counts = ", ".join(f"{model.count(v)} {WORDS[v]}" for v in WORDS if model.count(v))  # type: ignore[arg-type]
    return f"{counts}. {model.facts_known} facts known, {model.facts_unknown} unknown."


def as_markup(model: ThreatModel) -> str:
    """The whole model, one line a mode, as console markup."""
    head = f"[bold]Threat model of {plain(model.system)}[/bold]"
    return "\n".join([head, *(row_markup(t) + plain(t.reason) for t in model.modes.values()), summary_markup(model)])


def as_html(model: ThreatModel) -> str:
    """A table with one row a mode, every string escaped."""
    rows = "".join(
        f"<tr><td>{SIGNS[t.verdict]} {escape(t.id)}</td><td>{escape(t.name)}</td><td>{escape(t.words)}</td>"
        f"<td>{escape(severity_words(t))}</td><td>{escape(rules_words(t))}</td><td>{escape(t.reason)}</td></tr>"
        for t in model.modes.values()
    )
    head = "".join(f"<th>{c}</th>" for c in ("", "failure mode", "here", "severity", "rules", "why"))
    return f"<table><caption>Threat model of {escape(model.system)}</caption><tr>{head}</tr>{rows}</table>"
