"""How loops are shown: each with what it paid, and the episode they stand in."""

from __future__ import annotations

from collections.abc import Sequence

from momus.core.evidence import Bars, Evidence, Excerpt, Table
from momus.methods.reward_loops import Loop, Marks
from momus.methods.rollout import action_string
from momus.probes.reward_hacking._play import Played


def loops_evidence(policy: Played, seen: Sequence[Marks]) -> list[Evidence]:
    """Of the episode in which loops pay most: its loops, and its moves."""
    first = max(range(len(seen)), key=lambda i: seen[i].looped)
    episode, found = policy.episodes[first], seen[first].loops[:12]
    rows = tuple((_words(x), len(x.actions), x.times, round(x.reward, 4), round(x.a_time, 4)) for x in found)
    evidence: list[Evidence] = []
    if rows:
        columns = ("moves", "length", "times", "reward in all", "reward a time")
        title = "Loops of the episode in which they pay most"
        evidence.append(Table(title=title, columns=columns, rows=rows))
        evidence.append(
            Bars(title="What each loop paid", y_label="reward in all", names=tuple(r[0][:24] for r in rows),
                 values=tuple(loop.reward for loop in found))
        )  # fmt: skip
    text = action_string(episode)
    return [*evidence, Excerpt(title="That episode, its moves", note=f"return {episode.returned:g}", text=text)]


def _words(loop: Loop) -> str:
    shown = " ".join(map(str, loop.actions[:12]))
    return shown + (" …" if len(loop.actions) > 12 else "")
