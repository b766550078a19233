"""How the ladder from the policy down to chance is shown."""

from __future__ import annotations

from collections.abc import Sequence

from momus.core.evidence import Cell, Evidence, Excerpt, Line, Series, Table
from momus.core.samples import NumpyArray
from momus.methods.rollout import Episode, action_string
from momus.stats import intervals


def ladder_evidence(
    ladder: Sequence[float], episode: Episode, proxies: Sequence[NumpyArray], goals: Sequence[NumpyArray] | None
) -> list[Evidence]:
    """Returns and goals at each share of random moves in ``ladder``, and the moves of one episode of the policy."""
    x = tuple(1 - s for s in reversed(ladder))
    lines = []
    told = {"stated reward": proxies} if goals is None else {"stated reward": proxies, "true goal": goals}
    for name, sets in told.items():
        spans = [intervals.mean(s) for s in reversed(sets)]
        y = tuple(float(s.mean()) for s in reversed(sets))
        lines.append(Line(name=name, x=x, y=y, low=tuple(s.low for s in spans), high=tuple(s.high for s in spans)))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{share:.0%}", *(float(sets[i].mean()) for sets in told.values()), len(proxies[i]))
        for i, share in enumerate(ladder)
    )
    return [
        Series(
            title="Reward and goal as the policy is given its head",
            x_label="share of moves left to the policy",
            y_label="mean an episode",
            lines=tuple(lines),
        ),
        Table(title="The ladder", columns=("random moves", *told, "episodes"), rows=rows),
        Excerpt(title="One episode of the policy, its moves", text=action_string(episode)),
    ]
