"""`momus list`: modes, probes, detectors, runs."""

from __future__ import annotations

import json
from typing import Any

import click

from momus.cli import options
from momus.cli.list_rows import adapters, detectors


@click.command("list")
@click.argument("what", type=click.Choice(["probes", "modes", "runs", "adapters", "detectors"]), default="probes")
@options.stored
@options.as_json
def list_(what: str, store: str | None, as_json: bool) -> int:
    """List what there is: probes (default), the 17 modes, stored runs, the adapters a target can use, or the
    detectors of momus monitor."""
    rows = {"probes": _probes, "modes": _modes, "runs": lambda: _runs(store), "adapters": adapters,
            "detectors": detectors}[what]()  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return 0
    from momus.cli.screen import table
    from momus.core.registry import probe_ids

    # The first columns are what one types elsewhere; what is only read is wrapped, and all of it is in --json.
    shown = {"probes": ("probe", "needs", "measures"), "modes": ("id", "mode", "name", "probes"),
             "detectors": ("detector", "sees", "limit")}.get(what)  # fmt: skip
    if rows:
        whole = ("probe", "id", "mode", "run", "adapter", "extra", "detector")
        chosen = [{k: v for k, v in r.items() if shown is None or k in shown} for r in rows]
        table(chosen, whole=whole, least={"probes": max(len(i) for i in probe_ids())})
    else:
        click.echo(f"no {what}")
    return 0


def _probes() -> list[dict[str, Any]]:
    from momus.assess.abilities import in_words
    from momus.core.capabilities import abilities
    from momus.core.registry import probes

    return [
        {
            "probe": p.id,
            "needs": in_words([a for a in abilities(p.needs) if a not in ("encode", "decode")], ", ") or "data alone",
            "measures": p.summary,
            "knowledge": p.knowledge.value,
            "metric": p.metric,
            "data": ", ".join(p.data) or "-",
            "source": p.source,
        }
        for p in probes()
    ]


def _modes() -> list[dict[str, Any]]:
    from momus.core.registry import probe_ids
    from momus.taxonomy import load

    return [
        {
            "id": m.id,
            "mode": m.slug,
            "name": m.name,
            "intentional": "yes" if m.intentional else "no",
            "probes": ", ".join(i for i in probe_ids() if i.startswith(m.slug + ".")) or "none yet",
        }
        for m in load().modes
    ]


def _runs(store: str | None) -> list[dict[str, Any]]:
    with options.existing_store(store) as opened:
        runs = opened.runs()
    return [
        {
            "run": r.id,
            "system": r.system,
            "began (UTC)": f"{r.created:%Y-%m-%d %H:%M}",
            "seed": r.seed,
            "state": "interrupted or running" if r.ended is None else f"ended after {(r.ended - r.created).seconds} s",
        }
        for r in runs
    ]
