"""A threat model for a terminal and for a notebook. Words carry the meaning, colour repeats it."""

from __future__ import annotations

from html import escape

from momus.core.records import Severity
from momus.threats.model import WORDS, ModeThreat, ThreatModel, Verdict

SIGNS = {"raised": "▲", "applies": "●", "undetermined": "?", "unlikely": "○", "not_applicable": "–"}
_STYLES = {
    "raised": "bold red",
    "applies": "yellow",
    "undetermined": "cyan",
    "unlikely": "dim",
    "not_applicable": "dim",
}


ROW_WIDTH = 2 + 4 + 19 + 15 + 12


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
    words = "declared n/a" if threat.declared else threat.words
    return (
        f"[{style}]{SIGNS[threat.verdict]}[/] {threat.id} {threat.mode:<18} [{style}]{words:<14}[/] "
        f"{severity_words(threat):<12}"
    )


def line_markup(threat: ModeThreat, width: int) -> str:
    """One mode in one line of at most ``width`` columns: :func:`row_markup`, rules, reason."""
    ids = [rule.id for rule in threat.rules]
    rules = " ".join(ids if len(ids) <= 3 else [*ids[:2], f"+{len(ids) - 2}"])
    rest = f"{rules:<12} {threat.reason}"
    room = max(20, width - ROW_WIDTH - 1)
    return row_markup(threat) + f"[dim]{plain(rest if len(rest) <= room else f'{rest[: room - 1]}…')}[/dim]"


def tail_markup(model: ThreatModel) -> list[str]:
    """What follows the 17 lines: how modes lead to or hide one another, and what to find out first."""
    lines = []
    for chain in model.chains:
        names = (" → " if chain.kind == "leads" else " hides ").join(chain.modes)
        ends = names if len(chain.modes) > 1 else f"{names} hides all"
        lines.append(f"[bold]{'chain' if chain.kind == 'leads' else 'mask '}[/bold]  {ends}: [dim]{chain.says}[/dim]")
    for question, modes in [(q, m) for q, m in model.questions if q.settles][:3]:
        lines.append(f"[bold]ask  [/bold]  {question.id}: {question.text} [dim]({', '.join(modes)})[/dim]")
    return lines


def detail_rows(threat: ModeThreat) -> list[tuple[str, str]]:
    """Everything about one mode as (label, markup): rules with their facts, attackers, flows, severity, what to do."""
    rows = []
    for rule in threat.rules:
        facts = ", ".join(f"{key}={value}" for key, value in rule.facts.items())
        rows.append((rule.id, f"{rule.premise} ({rule.effect}){f': [dim]{plain(facts)}[/dim]' if facts else ''}"))
        rows.append(("", rule.because))
    rows += [
        ("attacker", f"{who.place}, {who.knowledge}: {', '.join(who.capability)} ({who.rule})")
        for who in threat.attackers
    ]
    flows = [f"{f.text}{' ?' if f.present == 'unknown' else ''}{'' if f.primary else ' (helps)'}" for f in threat.flows]
    if flows and threat.verdict != "not_applicable":
        rows.append(("flows", ", ".join(flows)))
    if threat.severity is not None:
        rows.append(("severity", f"{severity_words(threat)}, row {threat.row} ({threat.source})"))
        rows += [("", plain(reason)) for reason in threat.severity_reasons]
    for question in threat.questions:
        numbers = f" ({', '.join(question.numbers)})" if question.numbers else ""
        role = "settles it" if question.settles else "could raise it"
        rows.append(("question", f"{question.id}: {question.text}{numbers} [dim]{role}[/dim]"))
    if threat.verdict != "not_applicable":
        rows += [("do", f"{m.text} [dim]({m.id})[/dim]") for m in threat.mitigations]
    return rows


def detail_head(threat: ModeThreat) -> str:
    """The title above the details of one mode; the reason only where no rule below tells it."""
    reason = "" if threat.rules else f": {plain(threat.reason)}"
    return f"[bold]{threat.id} {threat.name}[/bold]  {threat.words}{reason}"


def summary_markup(model: ThreatModel) -> str:
    """How many of the 17 have which verdict, and how much is known."""
    raised, here = model.count("raised"), model.count("raised") + model.count("applies")
    parts = [f"{here} of 17 apply{f' ({raised} raised)' if raised else ''}"]
    others: tuple[Verdict, ...] = ("undetermined", "unlikely", "not_applicable")
    parts += [f"{model.count(v)} {WORDS[v]}" for v in others if model.count(v)]
    return f"{', '.join(parts)}; {model.facts_known} facts known, {model.facts_unknown} unknown"


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
