"""A world at one value of one parameter, the losses over all of them, and where the fall lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.core.evidence import Bars, Evidence, Excerpt, Line, Series, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.curve_shape import CurveShape, shape
from momus.methods.rollout import Episode, action_string
from momus.probes.shift._returns import drop, drop_interval
from momus.stats import intervals, multiple


@dataclass
class World:
    """One parameter at one value, and what was played there. The first of all is the world of training, which knows the
    training value of every parameter."""

    name: str
    value: Any
    training: Mapping[str, Any] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)
    scores: NumpyArray = field(default_factory=lambda: np.zeros(0))
    complete: bool = True
    failed: bool = False
    spaces: tuple[str, str] | None = None

    def look(self, env: Any) -> None:
        self.spaces = str(getattr(env, "observation_space", "")), str(getattr(env, "action_space", ""))
        if callable(getattr(env, "close", None)):
            env.close()


@dataclass(frozen=True)
class Loss:
    """The share of the training score that is lost at one value."""

    world: World
    value: float
    ci: Interval


def unlike(train: World, env: Any) -> str:
    """In what an environment's spaces differ from those of training; nothing where they are the same."""
    here = World("", None)
    here.look(env)
    assert train.spaces is not None and here.spaces is not None
    kinds = [f"{k} {b[:60]}" for k, a, b in zip(("shows", "takes"), train.spaces, here.spaces, strict=True) if a != b]
    return " and ".join(kinds)


def losses(played: Sequence[World], looks: int, rng: np.random.Generator) -> list[Loss]:
    """The loss in each world but the first, with intervals that hold for all ``looks`` at once."""
    train, level = played[0], multiple.simultaneous_level(0.95, looks)
    return [
        Loss(w, drop(train.scores, w.scores),
             drop_interval(train.scores, w.scores, w.episodes, rng, level=level, paired=True))
        for w in played[1:]
    ]  # fmt: skip


def figures(played: Sequence[World], found: Sequence[Loss]) -> list[Figure]:
    train = played[0]
    made = [Figure(name="train_score", value=train.scores.mean(), ci=intervals.mean(train.scores), n=len(train.scores))]
    for name in dict.fromkeys(x.world.name for x in found):
        worst = max((x for x in found if x.world.name == name), key=lambda x: x.value)
        how = "; ".join(_words(name, side, fall) for side, fall in sides(played, name))
        note = f"at {name} = {worst.world.value}" + (f"; {how}" if how else "")
        made.append(Figure(name=f"worst_loss[{name}]", value=worst.value, ci=worst.ci, n=len(worst.world.scores),
                           note=note))  # fmt: skip
    return made


def sides(played: Sequence[World], name: str) -> list[tuple[list[World], CurveShape]]:
    """How the score falls on the way up and on the way down from the training value, where values are numbers.

    Scores are put on a scale from the lowest to the highest episode seen, so that the method for shares applies; its
    intervals are those of a yes or no, and no score between two bounds varies more.
    """
    worlds = _of(played, name)
    if len(worlds) < 2 or not all(_number(w.value) for w in worlds):
        return []
    train = worlds[0]
    made = []
    for sign in (1, -1):
        away = sorted((w for w in worlds[1:] if sign * (w.value - train.value) > 0), key=lambda w: sign * w.value)
        side = [train, *away]
        every = np.concatenate([w.scores for w in side])
        if len(side) < 2:
            continue
        span = max(float(np.ptp(every)), 1e-12)
        shares = [float((w.scores.mean() - every.min()) / span) for w in side]
        distances = [abs(float(w.value) - float(train.value)) for w in side]
        made.append((side, shape(distances, np.clip(shares, 0, 1), [len(w.scores) for w in side])))
    return made


def _words(name: str, side: Sequence[World], fall: CurveShape) -> str:
    if fall.kind == "flat" or fall.fall <= 0:
        return f"holds as far as {name} = {side[-1].value}"
    values = {abs(float(w.value) - float(side[0].value)): w.value for w in side}
    between = f"between {values[fall.at[0]]} and {values[fall.at[1]]}"
    share = f"{fall.share:.0%} of the fall"
    if fall.kind == "unclear":
        return f"largest step {between} ({share}), too few values or episodes to say cliff or slope"
    return (
        f"a cliff {between} ({share})" if fall.kind == "cliff" else f"a smooth fall, largest step {between} ({share})"
    )


def evidence(played: Sequence[World], found: Sequence[Loss], goal: bool) -> list[Evidence]:
    what = "true performance" if goal else "return"
    level = found[0].ci.level
    names = dict.fromkeys(x.world.name for x in found)
    made = [_curve(_of(played, name), name, what, level) for name in names]
    rows = tuple(
        (x.world.name, str(x.world.value), float(x.world.scores.mean()), x.value, x.ci.low, x.ci.high,
         len(x.world.scores), sum(not e.finished for e in x.world.episodes))
        for x in found
    )  # fmt: skip
    columns = ("parameter", "value", f"mean {what}", "share lost", "low", "high", "episodes", "cut off")
    worst = max(found, key=lambda x: x.value).world
    episode = worst.episodes[int(worst.scores.argmin())]
    return [
        *made,
        Table(title="Every value of every parameter", columns=columns, rows=rows,
              note=f"training: {float(played[0].scores.mean()):g}; intervals hold for all rows at once"),
        Excerpt(title=f"The worst episode at {worst.name} = {worst.value}, its moves",
                note=f"seed {episode.seed}, return {episode.returned:g}", text=action_string(episode)),
    ]  # fmt: skip


def _curve(worlds: Sequence[World], name: str, what: str, level: float) -> Evidence:
    """The score against the parameter's values: a line for numbers, bars for names."""
    title = f"The policy's {what} as {name} moves"
    if all(_number(w.value) for w in worlds):
        ordered = sorted(worlds, key=lambda w: float(w.value))
        x = tuple(float(w.value) for w in ordered)
        spans = [intervals.mean(w.scores, level) for w in ordered]
        base = float(worlds[0].scores.mean())
        lines = (
            Line(name=f"mean {what}", x=x, y=tuple(float(w.scores.mean()) for w in ordered),
                 low=tuple(s.low for s in spans), high=tuple(s.high for s in spans)),
            Line(name=f"in training ({name} = {worlds[0].value})", x=(x[0], x[-1]), y=(base, base), dashed=True),
        )  # fmt: skip
        return Series(title=title, x_label=name, y_label=f"mean {what} of an episode", lines=lines)
    spans = [intervals.mean(w.scores, level) for w in worlds]
    return Bars(
        title=title, y_label=f"mean {what} of an episode", names=tuple(str(w.value) for w in worlds),
        values=tuple(float(w.scores.mean()) for w in worlds), low=tuple(s.low for s in spans),
        high=tuple(s.high for s in spans), reference=float(worlds[0].scores.mean()),
    )  # fmt: skip


def _of(played: Sequence[World], name: str) -> list[World]:
    """The worlds of one parameter, that of training first. Its value is the first that was declared."""
    return [World(name, played[0].training[name], episodes=played[0].episodes, scores=played[0].scores),
            *(w for w in played[1:] if w.name == name)]  # fmt: skip


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
