"""Targeted transcription by gradient (Carlini & Wagner, arXiv 1801.01944): a recogniser hears words nobody said.

The change of each clip is held inside an amplitude bound. Whenever the recogniser answers with the wanted text the
bound is drawn in, so that what remains at the end is the quietest change that the steps found. The recogniser comes in
as two callables, and arrays stay in its library and on its device.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods import sound

Array = Any
# (clips (b, t), which rows of the whole they are) -> losses (b,), gradient of their sum
Pull = Callable[[Array, NumpyArray], tuple[Array, Array]]
Hear = Callable[[Array], NumpyArray]


def plain(text: str) -> str:
    """A text as a person would compare it: small letters, no punctuation, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]", "" if "'" in text else " ", text.replace("'", "")).replace("_", " ").split())


def word_errors(said: str, wanted: str) -> float:
    """Insertions, deletions and replacements of words that turn ``wanted`` into ``said``, over the words of wanted."""
    a, b = plain(said).split(), plain(wanted).split()
    row = np.arange(len(a) + 1)
    for i, word in enumerate(b, 1):
        before, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(a, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
    return float(row[-1]) / max(len(b), 1)


@dataclass(frozen=True)
class Schedule:
    """How the search goes.

    ``bound``: largest change to begin with, as a share of each clip's loudest sample. ``shrink``: what the bound is
    multiplied with after each success. ``steps`` in all; ``size`` of a step as a share of the bound. ``every`` so many
    steps the recogniser is asked what it hears, a clip whose loss is above ``hopeless`` is not.
    """

    bound: float
    shrink: float = 0.8
    steps: int = 300
    size: float = 0.1
    every: int = 10
    hopeless: float = 1.0


@dataclass
class Heard:
    """What the search came back with; ``x`` (n, t) are clips as 16-bit files hold them.

    ``won`` (n,) who was heard as wanted, ``x`` then being the quietest such clip, else the one of the least loss.
    ``first`` (n,) the step of the first success, -1 without. ``loss`` (steps, n) and ``bounds`` (steps, n, in shares of
    the peak) tell the course. ``flat`` is the share of gradients that were zero or not finite.
    """

    x: Array
    won: NumpyArray
    first: NumpyArray
    loss: list[NumpyArray] = field(default_factory=list)
    bounds: list[NumpyArray] = field(default_factory=list)
    complete: bool = True
    flat: float = float("nan")


class Adam:
    """Steps of Adam on rows whose gradients are first scaled to a largest entry of 1, so that no loss is too small."""

    def __init__(self, x: Array, fast: float = 0.9, slow: float = 0.99) -> None:
        xp = array_namespace(x)
        self.mean, self.square = xp.zeros_like(x), xp.zeros_like(x)
        self.fast, self.slow, self.count = fast, slow, 0

    def step(self, gradient: Array) -> Array:
        """The direction to go down, entries of about 1."""
        xp = array_namespace(gradient)
        top = sound.peaks(gradient)[:, None]
        g = gradient / xp.where(top > 0, top, xp.ones_like(top))
        self.count += 1
        self.mean = self.fast * self.mean + (1 - self.fast) * g
        self.square = self.slow * self.square + (1 - self.slow) * g * g
        mean = self.mean / (1 - self.fast**self.count)
        square = self.square / (1 - self.slow**self.count)
        return -mean / (xp.sqrt(square) + 1e-6)


def transcribe_as(
    pull: Pull,
    hear: Hear,
    x: Array,
    wanted: Sequence[str],
    schedule: Schedule,
    *,
    allowed: Array,
    progress: Callable[[float], None] = lambda _done: None,
) -> Heard:
    """Searches changes of the clips ``x`` (n, t) in [-1, 1] that make ``hear`` answer with ``wanted``, one text a clip.

    ``allowed`` (n, t) booleans: where a clip may change. What is judged is the clip rounded to 16 bits. Every step asks
    for one gradient a clip; a spent budget returns the best so far, ``complete`` False.
    """
    search = _Search(pull, hear, x, [plain(w) for w in wanted], schedule, allowed)
    try:
        for k in range(schedule.steps):
            if not search.audible:
                break
            search.step(k)
            progress((k + 1) / schedule.steps)
        search.listen(schedule.steps - 1, np.ones(len(search.best.won), dtype=bool))
    except BudgetSpent:
        search.best.complete = False
    search.best.flat = search.dead / search.asked if search.asked else float("nan")
    return search.best


class _Search:
    """The changes under way, and the best clips so far."""

    def __init__(self, pull: Pull, hear: Hear, x: Array, wanted: list[str], schedule: Schedule, allowed: Array) -> None:
        self.xp = array_namespace(x)
        self.pull, self.hear, self.x0, self.wanted, self.schedule = pull, hear, x, wanted, schedule
        self.allowed = self.xp.astype(allowed, x.dtype)
        self.peak = sound.peaks(x)
        self.bound = schedule.bound * self.peak
        self.change = self.xp.zeros_like(x)
        self.adam = Adam(x)
        n = x.shape[0]
        self.best = Heard(self.xp.asarray(x, copy=True), np.zeros(n, dtype=bool), np.full(n, -1))
        self.least = np.full(n, np.inf)
        self.asked = self.dead = 0

    @property
    def audible(self) -> bool:
        """Whether any change is still allowed to be as large as one step of a 16-bit file."""
        return bool((_host(self.bound) >= 1 / sound.STEPS).any())

    def point(self) -> Array:
        """The changed clips as they would be saved."""
        xp = self.xp
        x = sound.quantised(self.x0 + self.change)
        # Rounding must not carry a change past its bound, nor touch what was not to change: one step back where it did.
        beyond = xp.abs(x - self.x0) > self.bound[:, None]
        x = xp.where(beyond, x - xp.sign(x - self.x0) / sound.STEPS, x)
        return xp.where(self.change == 0, self.x0, x)

    def step(self, k: int) -> None:
        """One gradient, one look where it is due, one move."""
        xp, n = self.xp, self.x0.shape[0]
        losses, gradient = self.pull(self.x0 + self.change, np.arange(n))
        loss = _host(losses).astype(np.float64)
        self.best.loss.append(loss)
        self.best.bounds.append(_host(self.bound / xp.where(self.peak > 0, self.peak, xp.ones_like(self.peak))))
        top = sound.peaks(gradient)
        dead = _host(~(top > 0) | ~xp.isfinite(top))
        self.asked, self.dead = self.asked + n, self.dead + int(dead.sum())
        self._keep_least(loss)
        if k and k % self.schedule.every == 0:
            self.listen(k, loss < self.schedule.hopeless)
        gradient = xp.where(xp.isfinite(gradient), gradient, xp.zeros_like(gradient))
        move = self.schedule.size * self.bound[:, None] * self.adam.step(gradient) * self.allowed
        self.change = self._inside(self.change + move)

    def _inside(self, change: Array) -> Array:
        """Inside the bound, and together with the clip inside [-1, 1]."""
        xp, edge = self.xp, self.bound[:, None]
        change = xp.minimum(xp.maximum(change, -edge), edge)
        return xp.where(self.allowed > 0, xp.clip(self.x0 + change, -1.0, 1.0) - self.x0, xp.zeros_like(change))

    def _keep_least(self, loss: NumpyArray) -> None:
        """For clips that never succeed: the change of the least loss."""
        better = ~self.best.won & (loss < self.least)
        self.least = np.where(better, loss, self.least)
        self._put(better, self.point())

    def _put(self, rows: NumpyArray, x: Array) -> None:
        if rows.any():
            index = self.xp.asarray(np.flatnonzero(rows), device=device(x))
            self.best.x[index] = x[index]

    def listen(self, k: int, worth: NumpyArray) -> None:
        """Asks what the recogniser hears in the clips worth asking about; successes are kept and their bound drawn in.

        Among successes of one clip the quieter one is kept.
        """
        index = np.flatnonzero(worth)
        if not len(index):
            return
        point = self.point()
        native = self.xp.asarray(index, device=device(point))
        said = self.hear(point[native])
        won = np.zeros(len(worth), dtype=bool)
        won[index] = [plain(str(s)) == self.wanted[i] for s, i in zip(said, index, strict=True)]
        now, before = _host(sound.peaks(point - self.x0)), _host(sound.peaks(self.best.x - self.x0))
        self._put(won & (~self.best.won | (now < before)), point)
        self.best.first = np.where(won & (self.best.first < 0), k, self.best.first)
        self.best.won = self.best.won | won
        if not won.any():
            return
        reached = self.xp.minimum(self.bound, sound.peaks(self.change)) * self.schedule.shrink
        drawn = self.xp.asarray(won, device=device(point))
        self.bound = self.xp.where(drawn, reached, self.bound)
        self.change = self._inside(self.change)


def _host(a: Array) -> NumpyArray:
    return np.asarray(a.cpu() if hasattr(a, "cpu") else a)
