"""How pay beyond what was due is shown: both sums move by move, the most overpaid moves, and what marks them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.evidence import Evidence, Line, Series, Table
from momus.methods.reward_due import Move, overpaid, signs


def due_evidence(played: list[list[Move]], found: list[Move] | None) -> list[Evidence]:
    """Evidence of the policy's episodes and of the searched one, where there is one."""
    shown = [("the policy", played[0])] + ([] if found is None else [("the search", found)])
    lines = []
    for name, moves in shown:
        x = tuple(float(t) for t in range(1, len(moves) + 1))
        for kind, dashed in (("paid", False), ("due", True)):
            y = np.cumsum([getattr(m, kind) for m in moves])
            lines.append(Line(name=f"{kind}, {name}", x=x, y=tuple(y.tolist()), dashed=dashed))
    title = "Reward paid and reward due over one episode"
    evidence: list[Evidence] = [Series(title=title, x_label="move", y_label="sum so far", lines=tuple(lines))]
    moves = [m for p in played for m in p]
    for name, some in (("the policy", moves), ("the search", found or [])):
        evidence += _marked(name, some)
    return evidence


def _marked(name: str, moves: Sequence[Move]) -> list[Evidence]:
    """The moves that were overpaid most, and what marks them."""
    if not moves:
        return []
    marked = overpaid(moves)
    if not marked.any():
        return []
    order = sorted((i for i in range(len(moves)) if marked[i]), key=lambda i: -moves[i].over)[:8]
    names = sorted(moves[0].after)[:8]
    rows = tuple(
        (round(moves[i].paid, 4), round(moves[i].due, 4), *(float(moves[i].after.get(n, 0.0)) for n in names))
        for i in order
    )
    told = tuple((s.text, round(s.precision, 4), round(s.recall, 4)) for s in signs(moves, marked))
    columns = ("paid", "due", *(f"{n} after" for n in names))
    found: list[Evidence] = [Table(title=f"The most overpaid moves of {name}", columns=columns, rows=rows)]
    if told:
        columns = ("sign", "of moves with it, overpaid", "of overpaid moves, with it")
        found.insert(0, Table(title=f"What marks the overpaid moves of {name}", columns=columns, rows=told))
    return found
