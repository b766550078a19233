"""What a test set leaves out, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from momus.core.evidence import Evidence, Table
from momus.methods import coverage as method


def untested(found: method.Conditions, covered: method.Covered) -> list[Evidence]:
    if not covered.untested:
        return []
    rows = tuple((found.name(c.columns, c.codes), round(c.mass, 4), c.tested) for c in covered.untested[:25])
    return [
        Table(
            title="Conditions that training data have and the test set never exercises",
            columns=("condition", "share of training rows", "test rows"),
            rows=rows,
            note=f"{len(covered.untested)} in all, the heaviest first",
        )
    ]


def declared(domain: Sequence[method.Declared]) -> list[Evidence]:
    if not domain:
        return []
    rows = tuple(
        (d.name, d.tested, "yes" if d.covered else f"accepted by {d.accepted}" if d.accepted else "no") for d in domain
    )
    return [Table(title="The declared operating domain", columns=("condition", "test rows", "tested"), rows=rows)]


def holes(domain: Sequence[method.Declared]) -> float:
    """Share of what nobody accepted untested that is untested."""
    counted = [d for d in domain if not d.accepted]
    return sum(not d.covered for d in counted) / len(counted) if counted else 0.0


def together(together: Mapping[int, Sequence[method.Declared]]) -> list[Evidence]:
    bare = [d for cells in together.values() for d in cells if not d.covered]
    if not bare:
        return []
    rows = tuple((d.name, f"accepted by {d.accepted}" if d.accepted else "no") for d in bare[:40])
    note = f"{len(bare)} in all, pairs before triples; accept one by a condition of the same name"
    return [
        Table(
            title="Declared combinations that no test row meets", columns=("condition", "tested"), rows=rows, note=note
        )
    ]


def gaps_table(gaps: Sequence[Mapping[str, Any]]) -> list[Evidence]:
    if not gaps:
        return []
    keys = ("mode", "probe", "target", "why", "detail")
    rows = tuple(tuple(str(g.get(k, "")) for k in keys) for g in gaps[:40])
    return [Table(title="What the plan could not test", columns=keys, rows=rows)]
