"""`momus lookup`: which failure mode does an unfamiliar word belong to?"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from momus.cli import options


@click.command("lookup")
@click.argument("term")
@click.option("-n", "--limit", default=8, show_default=True, type=click.IntRange(1, 100), help="Most hits to show.")
@options.as_json
def lookup(term: str, limit: int, as_json: bool) -> int:
    """Find the failure mode behind a word, an id (AML.T0020, CWE-502, NISTAML.013) or a paper (arXiv:1708.06733).
    Spelling mistakes are forgiven."""
    from momus.core.errors import NotFound
    from momus.taxonomy import load

    hits = load().lookup(term, limit)
    if not hits:
        raise NotFound(f"nothing comes near '{term}'", hint="Try one word of it, or: momus list modes")
    if as_json:
        click.echo(json.dumps([asdict(h) for h in hits], indent=2, ensure_ascii=False))
        return 0
    from momus.cli import lookup_view

    lookup_view.show(term, hits)
    return 0
