"""`momus list`: modes, probes, runs."""

from __future__ import annotations

import json
from typing import Any

import click

from momus.cli import options


@click.command("list")
@click.argument("what", type=click.Choice(["probes", "modes", "runs", "adapters"]), default="probes")
@options.store
@options.as_json
def list_(what: str, store: str | None, as_json: bool) -> int:
    """List what there is: probes (default), the 17 modes, stored runs, or the adapters a target can use."""
    rows = {"probes": _probes, "modes": _modes, "runs": lambda: _runs(store), "adapters": _adapters}[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return 0
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else ():
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str(v)) for v in row.values()))
    Console(highlight=False).print(table if rows else f"no {what}")
    return 0


def _probes() -> list[dict[str, Any]]:
    from momus.core.capabilities import abilities
    from momus.core.registry import probes

    return [
        {
            "probe": p.id,
            "measures": p.metric,
            "needs": ", ".join(a for a in abilities(p.needs) if a not in ("encode", "decode")) or "-",
            "data": ", ".join(p.data) or "-",
            "knowledge": p.knowledge.value,
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
    from momus.store import open_store

    with open_store(store) as opened:
        runs = opened.runs()
    state = {True: "ended", False: "interrupted or running"}
    return [{"run": r.id, "system": r.system, "seed": r.seed, "state": state[r.ended is not None]} for r in runs]


def _adapters() -> list[dict[str, Any]]:
    return [
        {"adapter": "sklearn", "takes": "estimators and pipelines, XGBoost, LightGBM", "extra": "-"},
        {"adapter": "torch", "takes": "factory + state dict, exported program", "extra": "torch"},
        {"adapter": "onnx", "takes": "ONNX graphs; gradients with torch", "extra": "onnx"},
        {"adapter": "callable", "takes": "any Python function", "extra": "-"},
        {"adapter": "policy", "takes": "a policy in a Gymnasium environment", "extra": "rl"},
        {"adapter": "files", "takes": "artifact files, nothing is loaded", "extra": "-"},
    ]
