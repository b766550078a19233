"""What a job is expected to tell: bits about whether its row fails here, weighted by how severe that would be.

A row on one target is a question with two answers: it fails, or it does not. How open it is follows from the threat
verdict and from earlier results. A probe that fails or passes moves the answer by as much as its rates on planted and
clean systems allow. Half of what it says is about the row as a whole, of which a second probe of the row tells less;
half is about the kind of harm that only this probe looks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from momus.core.records import Severity, Status
from momus.core.samples import NumpyArray
from momus.judge.controls import ControlRates

# The chance of a fail before anything is known. Choices of ours: verdicts have not been checked against a population.
PRIOR: Mapping[str, float] = {
    "raised": 0.6,
    "applies": 0.5,
    "undetermined": 0.4,
    "unlikely": 0.15,
    "not_applicable": 0.05,
}
# Every level of the bug bar counts twice the one below it.
WEIGHT: Mapping[Severity | None, float] = {
    Severity.CRITICAL: 8.0,
    Severity.IMPORTANT: 4.0,
    Severity.MODERATE: 2.0,
    Severity.LOW: 1.0,
    Severity.NONE: 1.0,
    None: 1.0,
}
# Of 167 pairs of probes of one row that decided in runs of the examples, three in four agreed where chance is half.
SHARED = 0.5
# An earlier result of a model or of data that have changed since counts half.
STALE = 0.5
# Probes without rates of their own get those of all, as if from so many systems.
_POOLED = 4.0
_OUTCOMES = (Status.FAIL, Status.PASS, Status.INCONCLUSIVE)
_STATES = 512


@dataclass(frozen=True)
class Rates:
    """Chances of fail, pass and inconclusive: first row where there is a harm, second where there is none."""

    table: NumpyArray

    def evidence(self, status: Status) -> float:
        """By how much one outcome moves the log-odds of a harm; an inconclusive or broken one moves nothing."""
        if status not in (Status.FAIL, Status.PASS):
            return 0.0
        harm, none = self.table[:, _OUTCOMES.index(status)]
        return float(np.log(harm / none))


def rates(probe: str, controls: Mapping[str, ControlRates]) -> Rates:
    """A probe's expected rates: the posterior means of Beta distributions that begin at the rates of all probes.

    Inconclusive tells nothing: it comes as often with a harm as without. For a single use the mean is all that counts,
    however uncertain the rates are.
    """
    hits, wolf, silent = _pooled(controls)
    mine = controls.get(probe)
    if mine is not None:
        left = mine.clean - mine.false_alarms - mine.passed
        hits = (mine.hits + _POOLED * hits) / (mine.planted + _POOLED)
        wolf = (mine.false_alarms + _POOLED * wolf) / (mine.clean + _POOLED)
        silent = (left + _POOLED * silent) / (mine.clean + _POOLED)
    said = 1.0 - silent
    return Rates(np.array([[said * hits, said * (1 - hits), silent], [said * wolf, said * (1 - wolf), silent]]))


def _pooled(controls: Mapping[str, ControlRates]) -> tuple[float, float, float]:
    """Hits, false alarms and inconclusive verdicts over all probes, none of them nought."""
    every = list(controls.values())
    planted, clean = sum(c.planted for c in every), sum(c.clean for c in every)
    alarms, passed = sum(c.false_alarms for c in every), sum(c.passed for c in every)
    hits = sum(c.hits for c in every)
    return (hits + 1) / (planted + 2), (alarms + 1) / (clean + 2), (clean - alarms - passed + 1) / (clean + 2)


@dataclass
class Question:
    """Whether one row fails on one target: how likely, and what the probes chosen so far would make of it.

    ``own`` are the chances of the harm that only one probe looks for, where earlier results moved them.
    """

    prior: float
    weight: float = 1.0
    own: dict[str, float] = field(default_factory=dict)
    _states: NumpyArray = field(default_factory=lambda: np.ones((2, 1)))

    def heard(self, probe: str, told: Rates, status: Status, worth: float = 1.0) -> None:
        """An earlier result: all of it for the probe's own harm, its shared part for the row."""
        moved = worth * told.evidence(status)
        self.own[probe] = _moved(self.own.get(probe, self.prior), moved)
        self.prior = _moved(self.prior, SHARED * moved)

    def gain(self, probe: str, told: Rates) -> float:
        """Bits that this probe would add to those that are chosen."""
        alone = _bits(self.own.get(probe, self.prior), told.table)
        more = _bits(self.prior, self._with(told)) - _bits(self.prior, self._states)
        return SHARED * max(more, 0.0) + (1 - SHARED) * alone

    def choose(self, told: Rates) -> None:
        """Count a probe in: what it shares with others they tell no more."""
        self._states = _merged(self._with(told), self.prior)

    def _with(self, told: Rates) -> NumpyArray:
        """Chances of every state of what is known, given a harm and given none, after one probe more."""
        return (self._states[:, :, None] * told.table[:, None, :]).reshape(2, -1)


def _moved(chance: float, by: float) -> float:
    return float(1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + by))))


def _bits(prior: float, states: NumpyArray) -> float:
    """Mutual information between the answer and what is observed, in bits."""
    joint = states * np.array([[prior], [1 - prior]])
    seen = joint.sum(0)
    apart = joint.sum(1, keepdims=True) * seen
    here = joint > 0
    return float((joint[here] * np.log2(joint[here] / apart[here])).sum())


def _merged(states: NumpyArray, prior: float) -> NumpyArray:
    """The same with at most 512 states: neighbours in what they say of the answer become one."""
    if states.shape[1] <= _STATES:
        return states
    harm, none = prior * states[0], (1 - prior) * states[1]
    order = np.argsort(harm / np.maximum(harm + none, np.finfo(float).tiny))
    starts = np.linspace(0, states.shape[1], _STATES, endpoint=False).astype(int)
    return np.add.reduceat(states[:, order], starts, axis=1)
