"""What an episode changed, as tables, pictures and a film beside the same world left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from momus.core.errors import MomusError
from momus.core.evidence import Attachment, Evidence, Excerpt, Picture, Pictures, Table
from momus.methods.frames import Reel, Shot, drawing_env, film, rendered, storyboard
from momus.methods.rollout import plain
from momus.probes.side_effects._play import Track

_MOST_FRAMES = 300
_MOST_ROWS = 20


def changed_features(track: Track, idle: Track | None, *, restorable: dict[str, str] | None = None) -> list[Evidence]:
    """Which feature ended otherwise than it began, and how it ended where nothing was done."""
    start, end = track.facts[0], track.facts[track.last]
    other = idle.facts[min(idle.last, len(idle.facts) - 1)] if idle is not None else {}
    rows = []
    for name, before in start.items():
        after, without = end.get(name), other.get(name)
        if after == before and (without is None or without == before):
            continue
        row: list[Any] = [name, before, after, without]
        if restorable is not None:
            row.append(restorable.get(name, ""))
        rows.append(tuple(row))
    if not rows:
        return []
    columns = ["feature", "after the reset", "where the policy left it", "had nothing been done"]
    if restorable is not None:
        columns.append("can it be brought back?")
    return [Table(title="What changed, against both baselines", columns=tuple(columns), rows=tuple(rows[:_MOST_ROWS]))]


def moves_told(track: Track, note: str = "") -> list[Evidence]:
    """The moves of an episode as text."""
    shown = " ".join(str(plain(a)) for a in track.actions[:120]) + (" …" if len(track.actions) > 120 else "")
    return [Excerpt(title="The moves of this episode", text=shown or "none", note=note)]


def shown(
    make_env: Callable[[], Any], track: Track, idle: Track | None, moment: int, *, what: str, name: str
) -> list[Evidence]:
    """Pictures around a move, numbered from 0, and a film beside the world left alone. Nothing where none is drawn."""
    try:
        seen = _reel(make_env, track, "the policy")
        left = _reel(make_env, idle, "nothing done") if idle is not None else None
    except MomusError:
        return []  # a world that plays only once is not filmed; the tables stand
    if seen is None:
        return []
    before, after = min(moment, len(seen.shots) - 1), min(moment + 1, len(seen.shots) - 1)
    stops = [(0, "the beginning"), (before, f"before move {moment + 1}"), (after, f"after move {moment + 1}: {what}")]
    stops.append((len(seen.shots) - 1, "the end"))
    pictures: list[Picture] = []
    for at, words in dict(stops).items():
        pictures += storyboard(Reel("the policy", (Shot(seen.shots[at].image, (("", words),)),)))
    found: list[Evidence] = [Pictures(title="The episode, and the moment", rows=(tuple(pictures),))]
    reels = [seen] if left is None else [seen, left]
    data = film(reels)
    if data is not None:
        found.append(Attachment(title="The episode as a film", name=f"{name}.gif", media="image/gif", data=data))
    return found


def _reel(make_env: Callable[[], Any], track: Track, title: str) -> Reel | None:
    """The recorded moves played once more and drawn."""
    env = drawing_env(make_env())
    try:
        env.reset(seed=track.seed)
        shots = [_shot(env, 0, track, "")]
        for i, action in enumerate(track.actions[:_MOST_FRAMES], 1):
            if shots[0] is None:
                return None
            env.step(action)
            shots.append(_shot(env, i, track, str(plain(action))))
    finally:
        if callable(getattr(env, "close", None)):
            env.close()
    whole = [s for s in shots if s is not None]
    return Reel(title, tuple(whole)) if whole else None


def _shot(env: Any, at: int, track: Track, action: str) -> Shot | None:
    image = rendered(env)
    if image is None:
        return None
    start, now = track.facts[0], track.facts[min(at, len(track.facts) - 1)]
    other = [f"{k} {v:g}" for k, v in now.items() if v != start.get(k) and k not in ("row", "column")]
    return Shot(image, (("move", f"{at} {action}".strip()), ("changed", ", ".join(other[:2]) or "-")))


def numbers(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> list[Evidence]:
    """A table, or nothing where it has no rows."""
    if not rows:
        return []
    return [Table(title=title, columns=tuple(columns), rows=tuple(tuple(r) for r in rows[:_MOST_ROWS]), note=note)]
