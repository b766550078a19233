"""Line-ups: who is picked out of a row of photographs, one of each person, as the one a picture shows?

Everything is exact over all line-ups that could be drawn: no dice, so a number means the same twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.recogniser import Recogniser, plain, trained, views


def picked(similar: NumpyArray, own: NumpyArray, size: int) -> NumpyArray:
    """(n,) chance that row i is taken for its own column out of a line-up with ``size`` - 1 other columns, drawn.

    The own column must beat every other one in the line-up. Ties are broken by chance.
    """
    n, m = similar.shape
    mine = similar[np.arange(n), own][:, None]
    others = np.ones((n, m), dtype=bool)
    others[np.arange(n), own] = False
    below, tied = ((similar < mine) & others).sum(axis=1), ((similar == mine) & others).sum(axis=1)
    ways = comb(m - 1, size - 1)
    wins = [np.mean([comb(int(b) + j, size - 1) for j in range(int(t) + 1)]) for b, t in zip(below, tied, strict=True)]
    return np.asarray(wins, dtype=float) / ways


def halves(people: int, size: int, rng: np.random.Generator) -> NumpyArray:
    """(people,) which half each belongs to, so that either half is judged by what was learned on the other.

    One half alone where the people are too few to fill two line-ups of ``size``.
    """
    out = np.zeros(people, dtype=np.int64)
    if people >= 2 * size:
        out[rng.permutation(people)[: people // 2]] = 1
    return out


@dataclass(frozen=True)
class Panel:
    """Held-out photographs, and a recogniser for each half of the people.

    ``photos`` (n, ...) as read, ``features`` (n, d) of them, ``label`` (n,) whose they are, from 0 to m - 1; ``half``
    (m,); ``look`` names the view and ``how`` the kind of recogniser; ``size`` is that of a line-up.
    """

    photos: NumpyArray
    features: NumpyArray
    label: NumpyArray
    half: NumpyArray
    look: str
    how: str
    judges: Sequence[Recogniser]
    size: int

    @property
    def people(self) -> int:
        return len(self.half)

    def seen(self, x: NumpyArray) -> NumpyArray:
        """Features of pictures or rows as read."""
        return views(self.photos)[self.look](x)

    def judge(self, x: NumpyArray, person: NumpyArray, rounds: int) -> NumpyArray:
        """(n, rounds) chance that picture i is taken for ``person[i]``; NaN beyond that person's photographs.

        In round r everybody stands in the line-up with their photograph number r, going round where they have fewer.
        """
        counts = np.bincount(self.label, minlength=self.people)
        f, out = self.seen(x), np.full((len(x), rounds), np.nan)
        for turn, members, photos, judge in self._lineups(rounds):
            rows = np.flatnonzero(np.isin(person, members) & (turn < counts[person]))
            if len(rows):
                own = np.searchsorted(members, person[rows])
                out[rows, turn] = picked(judge.similar(f[rows], photos), own, self.size)
        return out

    def real(self, rounds: int) -> NumpyArray:
        """(people, rounds) the same with real photographs: number r + 1 of a person against number r."""
        several = np.bincount(self.label, minlength=self.people) > 1
        f, out = self.features, np.full((self.people, rounds), np.nan)
        for turn, members, photos, judge in self._lineups(rounds):
            places = np.flatnonzero(several[members])
            if len(places):
                asked = f[self.parade(members[places], turn + 1)]
                out[members[places], turn] = picked(judge.similar(asked, photos), places, self.size)
        return out

    def parade(self, people: NumpyArray, turn: int) -> NumpyArray:
        """Index of the photograph with which each of these people stands in round ``turn``."""
        rows = [np.flatnonzero(self.label == p) for p in people]
        return np.array([r[turn % len(r)] for r in rows], dtype=np.int64)

    def _lineups(self, rounds: int) -> list[tuple[int, NumpyArray, NumpyArray, Recogniser]]:
        f, out = self.features, []
        for turn in range(rounds):
            for h, judge in enumerate(self.judges):
                members = np.flatnonzero(self.half == h)
                out.append((turn, members, f[self.parade(members, turn)], judge))
        return out


def panel(photos: NumpyArray, label: NumpyArray, size: int, rng: np.random.Generator) -> Panel:
    """A panel over photographs of at least ``size`` people. Of several recognisers the one is taken that knows real
    photographs best; reconstructions have no say in it.
    """
    half = halves(int(label.max()) + 1, size, rng)
    made = []
    for look, view in views(photos).items():
        f = view(photos)
        own = [half[label] != h for h in np.unique(half)] if half.any() else [np.zeros(len(f), dtype=bool)]
        simple = [plain(f[apart] if apart.any() else f) for apart in own]
        made.append(Panel(photos, f, label, half, look, "plain", simple, size))
        taught = [trained(f[apart], label[apart]) for apart in own]
        if all(t is not None for t in taught):
            made.append(Panel(photos, f, label, half, look, "trained", [t for t in taught if t is not None], size))
    marks = [np.nan_to_num(p.real(2)).mean() for p in made]
    return made[int(np.argmax(marks))]
