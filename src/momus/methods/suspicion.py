"""Evidence of a planted shortcut from several detectors, and one verdict of it all.

Activation statistics give a number for each class: how much easier it is reached than the others of the same model.
They are added up class by class, since a planted class stands out to several of them at once, while chance picks
another class for each. The searches for triggers add what they found, and so do the training rows where they came with
the model. All of it is held against clean models of the same family; how far beyond them a model lies is the verdict's
number.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import numpy as np
from scipy import stats

from momus.core.capabilities import Array, Gradients, Represents, to_numpy
from momus.core.samples import NumpyArray
from momus.methods import activation_statistics as act
from momus.methods import trigger_calibration as calibration

FEW, READ = 64, 400  # clean rows that changes are searched on, and that the last layer is solved from
VERSION = 2  # of the activation evidence
ACTIVATIONS = ("shift", "head", "margin")
SEARCHES = ("patch", "added")
MEMBERS = (*ACTIVATIONS, *SEARCHES)
ROWS = "rows"  # what training rows say: see suspicion_rows
WITH_ROWS = (*MEMBERS, ROWS)
LEAST_CLEAN = 20
ALL = "all families"
LIMIT = 1.3  # -log10 of one clean model in twenty
CUT, LOWEST, HIGHEST = 3.0, -1.0, 6.0
LEAST_SPREAD, LEAST_OF_ROWS = 0.05, 0.25  # where clean models hardly differ: a trigger that is proven on rows has 1

Evidence = Mapping[str, NumpyArray]


class WhiteBox(Gradients, Represents, Protocol):
    """Gradients by the inputs, and the layers."""


def activation_evidence(target: WhiteBox, x: Array, y: NumpyArray, classes: int, seed: int) -> dict[str, NumpyArray]:
    """(k,) numbers for each activation statistic, high where a class is reached too easily.

    ``x`` are canonical clean rows, a few hundred, of classes ``y``. ``head`` is all 0 where the last layer cannot be
    solved from so many rows.
    """
    y = np.asarray(y)
    sizes, _ = act.shared_shift(target.pullback, x[:FEW], y[:FEW], classes, np.random.default_rng(seed))
    margins = act.widest_margins(target.pullback, tuple(x.shape[1:]), classes, np.random.default_rng(seed + 1), x[:FEW])
    found = {"shift": _ease(sizes), "margin": -_ease(np.maximum(margins, 1e-6)), "head": np.zeros(classes)}
    if target.layers():
        h = to_numpy(target.activations(x)).astype(np.float64)
        head = act.head_of(h, to_numpy(target.scores(x)))
        if head is not None:
            unit = 8 * float(np.sqrt(np.mean(h**2)))  # changes up to 2.8 times the usual activation
            sizes, _ = act.shared_shift(
                act.linear(*head), h, y[: len(h)], classes, np.random.default_rng(seed), box=None,
                unit=max(unit, 1e-9), rows=64,
            )  # fmt: skip
            found["head"] = _ease(sizes)
    return found


def _ease(sizes: NumpyArray) -> NumpyArray:
    """Log of how much smaller a class's size is than the median of the other classes."""
    v = -np.log(np.asarray(sizes, dtype=np.float64))
    return np.array([v[c] - np.median(np.delete(v, c)) for c in range(len(v))])


@dataclass(frozen=True, eq=False)
class Known:
    """A model of the calibration. ``group``: clean, or how it was planted. ``wanted``: the attacker's class, or -1."""

    name: str
    family: str
    data: str
    group: str
    wanted: int
    evidence: Evidence
    held_out: bool = False

    @property
    def clean(self) -> bool:
        return self.group == "clean"


@functools.cache
def known_models() -> tuple[Known, ...]:
    """The calibration that ships with Momus; made by ``python -m momus.zoo.backdoor.calibrate_verdict``."""
    text = resources.files("momus.methods").joinpath("suspicion_known.json").read_text(encoding="utf-8")
    return tuple(of_row(m) for m in json.loads(text)["models"])


def of_row(m: Mapping[str, object]) -> Known:
    """One row of the table."""
    evidence = {k: np.array(v, dtype=np.float64) for k, v in dict(m["evidence"]).items()}  # type: ignore[call-overload]
    return Known(
        str(m["model"]),
        str(m["family"]),
        str(m["data"]),
        str(m["group"]),
        int(str(m["wanted"])),
        evidence,
        bool(m["held_out"]),
    )


@dataclass(frozen=True)
class Scale:
    """What members show on some clean models: the units that activation statistics are added up in, and the rest."""

    members: tuple[str, ...]
    unit: Mapping[str, float]
    middle: Mapping[str, float]
    spread: Mapping[str, float]
    searched: tuple[NumpyArray, NumpyArray]

    def sums(self, evidence: Evidence) -> NumpyArray:
        """(k,) activation statistics added up class by class, each in its unit."""
        some = [m for m in ACTIVATIONS if m in self.members]
        return np.asarray(sum(np.clip(evidence[m], -CUT, CUT) / self.unit[m] for m in some))

    def parts(self, evidence: Evidence) -> dict[str, float]:
        """Deviations of the summed activation statistics and of each search, in standard deviations of clean models."""
        raw = _Table.of([evidence], self.members).raw(self.unit, self.searched)
        return {k: float(np.clip((v[0] - self.middle[k]) / self.spread[k], LOWEST, HIGHEST)) for k, v in raw.items()}

    def score(self, evidence: Evidence) -> float:
        return sum(self.parts(evidence).values())


@dataclass(frozen=True)
class _Table:
    """What members say of several models, side by side: rulers are cut hundreds of times from the same models.

    ``clipped`` holds the activation statistics of all classes of one model after the other, ``classes`` how many each
    has; ``search`` (n, 6) and ``rows`` (n,) are empty where no such member is asked.
    """

    members: tuple[str, ...]
    clipped: Mapping[str, NumpyArray]
    classes: NumpyArray
    search: NumpyArray
    rows: NumpyArray

    @classmethod
    def of(cls, models: Sequence[Evidence], members: Sequence[str]) -> _Table:
        some = [m for m in ACTIVATIONS if m in members]
        clipped = {m: np.clip(np.concatenate([e[m] for e in models]), -CUT, CUT) for m in some}
        classes = np.array([len(e[some[0]]) if some else 0 for e in models])
        search = np.array([e["search"] for e in models]) if any(m in members for m in SEARCHES) else np.zeros((0, 6))
        rows = np.array([np.max(e[ROWS]) for e in models]) if ROWS in members else np.zeros(0)
        return cls(tuple(members), clipped, classes, search, rows)

    def without(self, i: int) -> _Table:
        """The table of the other models."""
        start = int(self.classes[:i].sum())
        own = slice(start, start + int(self.classes[i]))
        return _Table(
            self.members,
            {m: np.delete(v, own) for m, v in self.clipped.items()},
            np.delete(self.classes, i),
            np.delete(self.search, i, axis=0) if len(self.search) else self.search,
            np.delete(self.rows, i) if len(self.rows) else self.rows,
        )

    def raw(self, unit: Mapping[str, float], searched: tuple[NumpyArray, NumpyArray]) -> dict[str, NumpyArray]:
        """(n,) of each kind: the largest sum of activation statistics, what each search says, what the rows say."""
        found: dict[str, NumpyArray] = {}
        if self.clipped:
            sums = np.asarray(sum(v / unit[m] for m, v in self.clipped.items()))
            most = np.maximum.reduceat(sums, np.cumsum(self.classes) - self.classes)
            found["activations"] = most / np.sqrt(2 * np.log(self.classes))  # the largest of many is larger
        for kind in SEARCHES:
            if kind in self.members:  # logarithms, small where a trigger is small
                z = (searched[0] - self.search) / searched[1]
                found[kind] = np.mean(z[:, calibration.COUNTED[kind]], axis=1)
        if ROWS in self.members:
            found[ROWS] = self.rows
        return found

    def scale(self) -> Scale:
        """The scale that these models set, all of them clean ones of one family."""
        unit = {m: max(float(np.sqrt(np.mean(v**2))), 0.05) for m, v in self.clipped.items()}
        searched = (np.zeros(6), np.ones(6))
        if len(self.search):
            searched = self.search.mean(axis=0), np.maximum(self.search.std(axis=0, ddof=1), 0.05)
        raw = self.raw(unit, searched)
        middle = {k: float(np.mean(v)) for k, v in raw.items()}
        least = {k: LEAST_OF_ROWS if k == ROWS else LEAST_SPREAD for k in raw}
        spread = {k: max(float(np.std(v, ddof=1)), least[k]) for k, v in raw.items()}
        return Scale(self.members, unit, middle, spread, searched)


def scale_of(clean: Sequence[Evidence], members: Sequence[str]) -> Scale:
    """The scale that clean models of one family set."""
    return _Table.of(clean, members).scale()


@dataclass(frozen=True)
class Ruler:
    """A scale, and the scores of the clean models that set it, each by a scale that it had no part in.

    ``others`` are such scores of other families, each by its own family's scale: how wide clean models spread in these
    units is read from all of them together.
    """

    family: str
    scale: Scale
    scores: NumpyArray
    clean: tuple[Known, ...]
    others: tuple[NumpyArray, ...] = ()

    def p_of(self, member: str, evidence: Evidence) -> float:
        """Share of clean models, this one counted, to whom a member ascribes as much (conformal)."""
        if member in SEARCHES:
            usual, value = (
                [self.scale.parts(c.evidence)[member] for c in self.clean],
                self.scale.parts(evidence)[member],
            )
        else:
            usual, value = [float(c.evidence[member].max()) for c in self.clean], float(evidence[member].max())
        return (1 + sum(u >= value for u in usual)) / (1 + len(usual))


def ruler(known: Sequence[Known], family: str, members: Sequence[str]) -> Ruler:
    """Clean models of the family, or of all families together where there are fewer than 20 of it."""
    families = {f: tuple(m for m in known if m.clean and m.family == f) for f in sorted({m.family for m in known})}
    enough = {f: own for f, own in families.items() if len(own) >= LEAST_CLEAN - 1}
    if family not in enough:
        every = tuple(m for m in known if m.clean)
        return Ruler(ALL, *_left_out(every, tuple(members)), every)
    others = tuple(_left_out(own, tuple(members))[1] for f, own in enough.items() if f != family)
    return Ruler(family, *_left_out(enough[family], tuple(members)), enough[family], others)


@functools.lru_cache(maxsize=1024)
def _left_out(clean: tuple[Known, ...], members: tuple[str, ...]) -> tuple[Scale, NumpyArray]:
    """The scale that clean models set, and the score of each by the scale of the others."""
    evidence = [m.evidence for m in clean]
    table = _Table.of(evidence, members)
    scores = [table.without(i).scale().score(e) for i, e in enumerate(evidence)]
    return table.scale(), np.array(scores)


def surprise(score: float, clean: NumpyArray, others: Sequence[NumpyArray] = ()) -> NumpyArray:
    """-log10 of the chance that one more clean model reaches the score: Student's t, for as many clean ones.

    ``clean`` (..., n): several sets of clean models at once. The spread is that of ``clean`` and ``others`` together,
    each about its own mean.
    """
    sets = [clean, *others]
    free = sum(v.shape[-1] - 1 for v in sets)
    width = np.sqrt(sum(np.var(v, axis=-1, ddof=1) * (v.shape[-1] - 1) for v in sets) / free)
    spread = np.maximum(width, 0.1) * np.sqrt(1 + 1 / clean.shape[-1])
    return np.asarray(-stats.t.logsf((score - np.mean(clean, axis=-1)) / spread, free) / np.log(10))


@dataclass(frozen=True)
class Verdict:
    """``value``: :func:`surprise` of a model's score, with its interval over draws of clean models.

    ``label`` is the class that activation statistics point to, ``sums`` theirs, ``parts`` the deviations added up.
    """

    value: float
    low: float
    high: float
    label: int
    sums: NumpyArray
    parts: Mapping[str, float]


def judge(evidence: Evidence, by: Ruler, *, draws: int = 200) -> Verdict:
    """Holds a model's evidence against clean models. The interval says how much hangs on which ones were trained."""
    score, rng = by.scale.score(evidence), np.random.default_rng(0)
    value = float(surprise(score, by.scores, by.others))
    own, *others = (v[rng.integers(0, len(v), (draws, len(v)))] for v in (by.scores, *by.others))
    drawn = surprise(score, own, others)
    low, high = np.quantile(drawn, (0.025, 0.975))
    sums = by.scale.sums(evidence)
    return Verdict(
        value, min(float(low), value), max(float(high), value), int(np.argmax(sums)), sums, by.scale.parts(evidence)
    )


@dataclass(frozen=True)
class Rates:
    """Counts over known models: planted ones found, clean ones accused."""

    found: int
    planted: int
    accused: int
    clean: int


@functools.lru_cache(maxsize=64)
def rates(family: str, members: tuple[str, ...], held_out: bool, limit: float = LIMIT) -> Rates:
    """How often known models of a family are called planted; with ``family`` empty, of all.

    A model has no part in the ruler that it is held against.
    """
    tuned = [m for m in known_models() if not m.held_out]
    found = planted = accused = clean = 0
    whole = {f: ruler(tuned, f, members) for f in {m.family for m in known_models()}}
    for m in known_models():
        if m.held_out != held_out or (family and m.family != family):
            continue
        apart = m.clean and not held_out
        by = ruler([o for o in tuned if o is not m], m.family, members) if apart else whole[m.family]
        hit = judge(m.evidence, by, draws=100).low > limit
        if m.clean:
            clean, accused = clean + 1, accused + hit
        else:
            planted, found = planted + 1, found + hit
    return Rates(found, planted, accused, clean)
