"""How a thief chooses his questions: near the boundary of his copy, along its gradients, or from a pool of his own.

Each way takes ``ask(rows) -> answers``, which hands back fewer answers than rows when the budget is spent, and gives a
:class:`Theft`. Rows are as read; ``view`` brings them to the arrays that copies learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import copying_network
from momus.methods.copying import Choice, Copy, Learner
from momus.methods.copying_rows import Space, near_the_boundary, stages_of, unsure

Ask = Callable[[NumpyArray], NumpyArray]
View = Callable[[NumpyArray], NumpyArray]
Told = Callable[[float, str], None]
Move = Callable[[NumpyArray, NumpyArray], NumpyArray]
RESERVOIR = 400  # rows that Jacobian augmentation steps from in one round, once there are that many


@dataclass
class Theft:
    """Questions and answers in the order they were asked. ``drawn`` marks rows that no copy had a say in.

    ``stages`` holds the copy that stood after so many queries, the last one first trained on everything.
    """

    x: NumpyArray
    answers: NumpyArray
    drawn: NumpyArray
    complete: bool = True
    stages: list[tuple[int, Copy]] = field(default_factory=list)
    choice: Choice | None = None

    def __len__(self) -> int:
        return len(self.answers)

    def add(self, x: NumpyArray, answers: NumpyArray, drawn: bool) -> None:
        """Keeps the answered part; a shorter answer means that the budget has ended."""
        n = len(answers)
        self.complete = self.complete and n == len(x)
        self.x = np.concatenate([self.x, x[:n]]) if len(self.x) else x[:n]
        self.answers = np.concatenate([self.answers, answers]) if len(self.answers) else answers
        self.drawn = np.concatenate([self.drawn, np.full(n, drawn)])


def nothing(like: NumpyArray, classes: int) -> Theft:
    """A theft before its first question."""
    return Theft(like[:0], np.zeros((0, classes)), np.zeros(0, dtype=bool))


@dataclass
class Thief:
    """What all ways share: whom to ask, how to learn, how much."""

    ask: Ask
    view: View
    learner: Learner
    queries: int
    rng: np.random.Generator
    told: Told
    features: View

    def learn(self, theft: Theft, kind: str) -> Copy:
        """A copy of everything asked so far, kept as a stage."""
        copy = self.learner.fit(kind, self.view(theft.x), theft.answers, int(self.rng.integers(2**31)))
        theft.stages.append((len(theft), copy))
        self.told(min(0.95, len(theft) / max(1, self.queries)), f"{len(theft):,} answers, a {kind} copy")
        return copy

    def kind(self, theft: Theft, kinds: Sequence[str] = ()) -> str:
        """The kind of copy that does best on held-out answers."""
        seed = int(self.rng.integers(2**31))
        theft.choice = self.learner.choose(self.view(theft.x), theft.answers, theft.drawn, seed, kinds)
        return theft.choice.kind

    def finish(self, theft: Theft) -> Theft:
        """The last copy is of the kind that is best on all answers."""
        if len(theft) and theft.answers.shape[1]:
            kind = self.kind(theft)
            if theft.stages and theft.stages[-1][0] == len(theft):
                theft.stages.pop()
            self.learn(theft, kind)
        return theft


def at_random(thief: Thief, space: Space) -> Theft:
    """Draws and nothing else: what active questions have to beat."""
    theft = nothing(space.draw(1, np.random.default_rng(0)), thief.learner.classes)
    for due in stages_of(thief.queries):
        _ask(thief, theft, space.draw(due - len(theft), thief.rng), drawn=True)
        if not theft.complete or due == thief.queries:
            break
        thief.learn(
            theft, thief.kind(theft) if theft.choice is None or len(theft) > 4 * theft.choice.n else theft.choice.kind
        )
    return thief.finish(theft)


def active(thief: Thief, space: Space, *, explore: float = 0.4, wide: int = 12) -> Theft:
    """Draws first, then rounds near the boundary of the copy so far (adaptive retraining, arXiv:1609.02943).

    A round looks at ``wide`` times as many candidates as it asks: fresh draws, changes of rows asked before, and rows
    between two that were answered differently. The copy's least certain ones that lie far apart are asked, with a
    share ``explore`` of fresh draws, which alone are used to choose the kind of copy.
    """
    theft = nothing(space.draw(1, np.random.default_rng(0)), thief.learner.classes)
    kind, chosen_at = "", 0
    for due in stages_of(thief.queries, points=8):
        fresh = due - len(theft)
        if not theft.stages:
            _ask(thief, theft, space.draw(fresh, thief.rng), drawn=True)
        else:
            plain = int(np.ceil(explore * fresh))
            candidates = _candidates(theft, space, wide * fresh, thief.rng)
            scores = theft.stages[-1][1].scores(thief.view(candidates))
            taken = near_the_boundary(scores, thief.features(candidates), fresh - plain, thief.rng)
            _ask(thief, theft, space.draw(plain, thief.rng), drawn=True)
            if theft.complete:
                _ask(thief, theft, candidates[taken], drawn=False)
        if not theft.complete or due == thief.queries:
            break
        if not kind or len(theft) > 4 * chosen_at:
            kind, chosen_at = thief.kind(theft), len(theft)
        thief.learn(theft, kind)
    return thief.finish(theft)


def _candidates(theft: Theft, space: Space, n: int, rng: np.random.Generator) -> NumpyArray:
    """A third each: fresh draws, changes of rows asked before, and rows between two answered differently."""
    third = max(1, n // 3)
    says = theft.answers.argmax(1)
    parts = [space.draw(third, rng), space.change(theft.x[rng.integers(0, len(theft), third)], rng)]
    one, other = rng.integers(0, len(theft), (2, 4 * third))
    apart = np.flatnonzero(says[one] != says[other])[:third]
    if len(apart):
        parts.append(space.between(theft.x[one[apart]], theft.x[other[apart]], rng))
    return np.concatenate(parts)


def along_gradients(thief: Thief, seeds: NumpyArray, step: Move, *, turn: int = 3) -> Theft:
    """Jacobian augmentation (Papernot et al. 2017, arXiv:1602.02697) from a few seed rows.

    In each round a network is trained on all answers, and every row (or RESERVOIR of them, once there are more) is
    moved by ``step(rows, direction)`` along the sign of the slope of its own label's score; every ``turn`` rounds the
    direction is reversed. ``step`` keeps rows permitted. The moved rows are asked.
    """
    theft = nothing(seeds, thief.learner.classes)
    _ask(thief, theft, seeds[: thief.queries], drawn=True)
    turns = 0
    while theft.complete and 0 < len(theft) < thief.queries and turns < 60:
        copy = thief.learn(theft, "network")
        assert isinstance(copy, copying_network.Network)
        many = min(len(theft), RESERVOIR, thief.queries - len(theft))
        rows = np.sort(thief.rng.choice(len(theft), many, replace=False))
        view, says = thief.view(theft.x[rows]), theft.answers[rows].argmax(1)
        slope = copy.pullback(view, np.eye(thief.learner.classes)[says])
        sign = -1.0 if turns // turn % 2 else 1.0
        _ask(thief, theft, step(theft.x[rows], sign * np.sign(slope)), drawn=False)
        turns += 1
    return thief.finish(theft)


def from_a_pool(thief: Thief, pool: NumpyArray, parts: NumpyArray, selection: str) -> Theft:
    """Knock-off nets (Orekondy et al. 2019, arXiv:1812.02766): rows of somebody else's kind of data.

    ``selection``: random; reward, a gradient bandit over the ``parts`` (n,) of the pool with rewards for certain
    answers, for evenly used classes and for answers the copy gets wrong; margin, rows that the copy is unsure of.
    """
    theft = nothing(pool, thief.learner.classes)
    left = thief.rng.permutation(len(pool))
    bandit = _Bandit(parts, thief.rng)
    kind, chosen_at = "", 0
    for due in stages_of(min(thief.queries, len(pool))):
        fresh = due - len(theft)
        if selection == "random" or not theft.stages:
            taken = left[:fresh]
        elif selection == "margin":
            some = left[: 8 * fresh]
            copy = theft.stages[-1][1]
            taken = some[
                near_the_boundary(copy.scores(thief.view(pool[some])), thief.features(pool[some]), fresh, thief.rng)
            ]
        else:
            taken = bandit.draw(left, fresh)
        known = len(theft)
        _ask(thief, theft, pool[taken], drawn=selection != "margin" or not theft.stages)
        left = left[~np.isin(left, taken)]
        if selection == "reward":
            copied = theft.stages[-1][1].scores(thief.view(theft.x[known:])) if theft.stages else None
            bandit.learn(taken[: len(theft) - known], theft.answers, known, copied)
        if not theft.complete or due == min(thief.queries, len(pool)):
            break
        if not kind or len(theft) > 4 * chosen_at:
            kind, chosen_at = thief.kind(theft), len(theft)
        thief.learn(theft, kind)
    return thief.finish(theft)


class _Bandit:
    """A preference for each part of the pool, raised by what its rows paid above the average (gradient bandit)."""

    def __init__(self, parts: NumpyArray, rng: np.random.Generator, rate: float = 2.0) -> None:
        self.parts, self.rng, self.rate = parts, rng, rate
        self.liking = np.zeros(int(parts.max()) + 1 if len(parts) else 1)
        self.average = 0.0

    def draw(self, left: NumpyArray, n: int) -> NumpyArray:
        p = np.exp(self.liking - self.liking.max())
        share = p / p.sum()
        count = np.bincount(self.parts[left], minlength=len(share))
        weight = (share / np.maximum(count, 1))[self.parts[left]]
        return np.asarray(self.rng.choice(left, min(n, len(left)), replace=False, p=weight / weight.sum()))

    def learn(self, taken: NumpyArray, answers: NumpyArray, known: int, copied: NumpyArray | None) -> None:
        """Rewards in [0, 1], each: certainty, distance from the mean answer so far, and how wrong the copy was."""
        new = answers[known:]
        if not len(new):
            return
        certain = unsure(np.log(np.clip(new, 1e-9, None)))
        before = answers[:known].mean(0) if known else np.full(new.shape[1], 1 / new.shape[1])
        varied = np.maximum(new - before, 0).sum(1)
        wrong = np.zeros(len(new)) if copied is None else -(new * np.log(copying_network.softmax(copied) + 1e-9)).sum(1)
        worth = (certain + varied + np.minimum(wrong / np.log(max(2, new.shape[1])), 1)) / 3
        p = np.exp(self.liking - self.liking.max())
        p /= p.sum()
        gain = worth - (self.average if known else worth.mean())
        for part in range(len(self.liking)):
            rows = self.parts[taken] == part
            if rows.any():
                self.liking[part] += self.rate * float(gain[rows].mean()) * (1 - p[part])
        self.average = float(worth.mean()) if not known else 0.5 * self.average + 0.5 * float(worth.mean())


def _ask(thief: Thief, theft: Theft, rows: NumpyArray, *, drawn: bool) -> None:
    if len(rows):
        theft.add(rows, thief.ask(rows), drawn)
