"""The study behind natural.mined: confident errors, what independent witnesses make of them, and where they gather."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.core.probe import Trial
from momus.core.records import Caveat, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import label_errors_witness as witness
from momus.methods import mining, mining_slices, slices
from momus.methods.label_errors import Joint
from momus.methods.label_errors_witness import LABEL, MODEL, UNCLEAR, Share, Trust
from momus.probes.natural import _models
from momus.probes.natural._models import Said, Second
from momus.stats import intervals, multiple

MOST_SLICES = 5


@dataclass
class Study:
    """All about one pool of n rows.

    ``disputed`` (n,) marks confident answers that are not the label, ``verdict`` (n,) what the witnesses make of each
    (label_errors_witness.LABEL, MODEL, UNCLEAR). ``evidence`` (n, k) is theirs, None where there is none.
    """

    samples: Samples
    y: NumpyArray
    answers: Said
    least: float
    mined: mining.Mined
    verdict: NumpyArray
    evidence: NumpyArray | None = None
    joint: Joint | None = None
    told: Trust | None = None
    witnesses: tuple[str, ...] = ()
    caveats: list[Caveat] = field(default_factory=list)

    @property
    def wrong(self) -> NumpyArray:
        return np.asarray(self.answers.said != self.y)

    @property
    def disputed(self) -> NumpyArray:
        return np.asarray(self.wrong & (self.answers.confidence >= self.least))

    def hard(self, most: int) -> NumpyArray:
        """Rows of the hard set, the largest loss first: confident errors whose label is not in doubt."""
        keep = self.verdict[self.mined.rows] != LABEL
        return np.asarray(self.mined.rows[keep][:most])


def study(target: Any, samples: Samples, answers: Said, least: float, trial: Trial, others: list[Second]) -> Study:
    """Mine, let witnesses speak, and measure how far they can be trusted."""
    y = np.asarray(samples.y).astype(np.int64)
    classes = max(int(y.max(initial=0)) + 1, int(answers.said.max(initial=0)) + 1, len(target.info.classes))
    if answers.probabilities is None:
        p = np.zeros((len(y), classes), dtype=np.float32)
        p[np.arange(len(y)), answers.said] = 1
    else:
        p = answers.probabilities
        classes = max(classes, p.shape[1])
        p = np.pad(p, ((0, 0), (0, classes - p.shape[1])))
    found = mining.mine(p, y, least=least, capacity=len(y))
    made = Study(samples, y, answers, least, found, np.full(len(y), UNCLEAR))
    if not found.confident_errors:
        return made
    trial.progress(0.4, "asking witnesses")
    rng = trial.rng
    features = witness.features(samples, rng)
    own = witness.testimony(features, y, classes, rng)
    heard: list[NumpyArray] = []
    names = [] if own is None else ["forest and neighbours, out of fold"]
    for other in others:
        said = _models.in_order(_models.ask(other.model, samples.x), other.model.info.classes, target.info.classes)
        if said is None or _models.same(said, answers):
            continue  # the model itself, under another name, bears no witness
        if said.probabilities is not None and said.probabilities.shape[1] <= classes:
            heard.append(np.pad(said.probabilities, ((0, 0), (0, classes - said.probabilities.shape[1]))))
            names.append(other.name)
    if own is None and not heard:
        message = "there are too few rows, or one class only, for anybody but the model to judge the labels"
        made.caveats.append(Caveat(code="no-witness", message=message, blocks="fail"))
        return made
    made.verdict, made.joint, made.evidence = witness.judged(own, heard, y, answers.said)
    made.witnesses = tuple(names)
    trial.progress(0.6, "turning labels to see whether witnesses notice")
    agreed = np.flatnonzero(~made.wrong & (answers.confidence >= least))
    made.told = witness.trust(features, y, agreed, made.joint.counts, heard, rng)
    return made


@dataclass(frozen=True)
class Kind:
    """A kind of input: how many rows, how many disputed and why, and the share that is the model's fault.

    ``ci`` holds for all kinds of one study at once. ``pair`` is the commonest way to be wrong, in words.
    """

    name: str
    share: Share
    rate: float
    ci: Interval
    pair: str = ""


def kinds(made: Study, trial: Trial, least_rows: int) -> list[Kind]:
    """The whole pool, then the slices found on one half of it, as the other half shows them."""
    n = len(made.y)
    everything = np.ones(n, dtype=bool)
    found = mining_slices.conditions(made.samples) if n >= 4 * least_rows else None
    masks: list[tuple[str, NumpyArray, NumpyArray]] = []
    if found is not None and found.names:
        first = np.zeros(n, dtype=bool)
        first[np.random.default_rng(trial.seed + 1).permutation(n)[: n // 2]] = True
        bad = made.disputed & (made.verdict != LABEL)
        swept = slices.sweep(found.train[first], found.sizes, bad[first], least_rows=least_rows, top=MOST_SLICES)
        for s in swept.worst:
            rows = np.logical_and.reduce([found.train[:, j] == c for j, c in zip(s.columns, s.codes, strict=True)])
            masks.append((mining_slices.name(found, s.columns, s.codes), rows & ~first, rows))
    level = multiple.simultaneous_level(0.95, 1 + len(masks))
    made_of = [_kind("the whole pool", everything, everything, made, level)]
    return made_of + [_kind(name, held, rows, made, level) for name, held, rows in masks if held.any()]


def _kind(name: str, held: NumpyArray, rows: NumpyArray, made: Study, level: float) -> Kind:
    share = witness.share_of(held, made.disputed, made.verdict)
    best, proven, possible = share.estimate(made.told)
    n = share.n
    low = intervals.wilson(math.floor(proven + 1e-9), n, level).low
    high = intervals.wilson(min(n, math.ceil(possible - 1e-9)), n, level).high
    if made.evidence is None and made.mined.confident_errors:
        low = 0.0
    ci = Interval(low=min(low, best / n), high=max(high, best / n), level=0.95, method="simultaneous wilson")
    return Kind(name, share, best / n, ci, _pair(rows & made.disputed & (made.verdict != LABEL), made))


def _pair(rows: NumpyArray, made: Study) -> str:
    if not rows.any():
        return ""
    pairs, counts = np.unique(np.column_stack([made.y[rows], made.answers.said[rows]]), axis=0, return_counts=True)
    given, said = (class_name(made.samples, int(c)) for c in pairs[int(counts.argmax())])
    return f"{given} read as {said} ({int(counts.max())})"


def class_name(samples: Samples, index: int) -> str:
    return samples.classes[index] if 0 <= index < len(samples.classes) else str(index)


__all__ = ["LABEL", "MODEL", "UNCLEAR", "Kind", "Study", "class_name", "kinds", "study"]
