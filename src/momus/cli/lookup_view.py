"""How `momus lookup` looks: the answer in one line, then where it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from momus.cli.explain_view import write
from momus.taxonomy import load
from momus.taxonomy.lookup import Hit

_RELATION = {
    "synonym": "another word for",
    "exact": "the same as",
    "broader": "wider than",
    "narrower": "a kind of",
    "related": "related to",
}


def show(term: str, hits: Sequence[Hit]) -> None:
    """Print the hits, best first, and the command that explains the best one."""
    tax, best = load(), hits[0]
    parts: list[RenderableType] = []
    if best.guessed:
        parts.append(Text.assemble(f"Nothing is called '{term}'. Did you mean ", (best.term, "bold"), "?"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(ratio=5)
    grid.add_column(ratio=5)
    grid.add_column(ratio=5)
    for hit in hits:
        names = ", ".join(f"{m} {tax.slugs[m]}" for m in hit.modes) if len(hit.modes) < 17 else "all 17"
        relation = _RELATION.get(hit.relation, hit.relation)
        grid.add_row(
            Text(hit.term, style="bold"),
            Text.assemble((f"{relation} ", "dim"), names) if names else Text("outside the 17 modes"),
            Text(hit.source if hit.kind in ("term", "framework id") else f"{hit.kind}, {hit.source}", style="dim"),
        )
    parts.append(Padding(grid, (0, 0, 0, 2)))
    if best.note:
        parts.append(Padding(Text(best.note), (1, 2, 0, 2)))
    slugs = dict.fromkeys(tax.slugs[m] for h in hits[:3] if h.kind != "outside" for m in h.modes[:3])
    follow = [*slugs][:3] or ["outside"]
    parts.append(Text("\nRead on: " + ", ".join(f"momus explain {slug}" for slug in follow), style="dim"))
    write(parts)
