"""`momus explain`: a mode, a probe, a rule, a question, a bug bar row or a flow, in plain words."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from momus.cli import options


@click.command("explain")
@click.argument("name", metavar="MODE|PROBE|RULE|QUESTION|ROW|FLOW")
@options.as_json
def explain(name: str, as_json: bool) -> int:
    """Explain a mode (M04, membership, "Model stealing"), a probe (perturbation.pgd), a detector (monitor/shift.harm),
    a rule (R07), a question (Q01), a bug bar row (TM-1a), an information flow (flow C), or what lies outside the 17
    (outside)."""
    kind, thing = find(name)
    if as_json:
        from momus.cli.plain import plain

        click.echo(json.dumps({"kind": kind, **plain(kind, thing)}, indent=2, ensure_ascii=False))
        return 0
    from momus.cli import explain_view

    explain_view.show(kind, thing)
    return 0


def find(name: str) -> tuple[str, Any]:
    """What the name means: its kind and the object. NotFound names the nearest of all kinds."""
    from momus.core.errors import NotFound
    from momus.taxonomy import load

    tax, word = load(), name.strip()
    upper = word.upper()
    tables: tuple[tuple[str, str, Any], ...] = (
        ("question", r"[QU]\d+", lambda: tax.questions),
        ("rule", r"R\d+", lambda: tax.rules),
        ("row", r"(TM|BB|MSRC|OURS)-.+", lambda: tax.bugbar.rows),
        ("flow", r"(FLOW )?[A-HRS]", lambda: tax.flows),
    )
    for kind, pattern, things in tables:
        if re.fullmatch(pattern, upper):
            wanted = upper.removeprefix("FLOW ")
            for thing in things():
                if thing.id.upper() == wanted:
                    return kind, thing
            raise NotFound(f"no {kind} '{name}'", hint=f"They are {', '.join(t.id for t in things())}")
    if word.lower() == "outside":
        return "outside", tax.outside
    if word.lower().startswith("monitor/"):
        from momus.monitor.catalogue import entry

        return "detector", entry(word.lower())
    if "." in word or "/" in word:
        from momus.core.registry import get_probe

        return "probe", get_probe(word)
    try:
        return "mode", tax.mode(word)
    except NotFound as unknown:
        hits = [h for h in tax.lookup(word, 20) if h.kind in ("term", "mode", "outside") and h.modes]
        if not hits:
            raise NotFound(f"nothing is called '{name}'", hint=unknown.hint) from None
        near = ", ".join(dict.fromkeys(tax.mode(m).slug for h in hits[:3] for m in h.modes))
        raise NotFound(
            f"no mode, probe or rule '{name}'", hint=f'It speaks of {near}; see: momus lookup "{word}"'
        ) from None
