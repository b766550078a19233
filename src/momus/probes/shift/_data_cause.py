"""The three explanations of a shift, each with its test and with the error that it would lead one to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Bars, Evidence, Table
from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods import harm, harm_causes, label_shift
from momus.probes.shift._data_asked import Asked

RULED_OUT = 0.001
CLASSES = 4  # at most so many classes are each followed by a model of their own
Guess = tuple[float, Interval]


@dataclass(frozen=True)
class Causes:
    """p-values of each explanation, None where labels are needed and missing; the mean errors they expect; ``shares``
    of the classes now as estimated without labels, where they could be.
    """

    inputs_p: float
    relation_p: float | None
    classes_p: float | None
    classes_from: str
    by_inputs: Guess
    by_classes: Guess | None
    shift: label_shift.LabelShift | None

    @property
    def classes_ruled_out(self) -> bool:
        return self.classes_p is None or self.classes_p < RULED_OUT

    @property
    def relation(self) -> bool:
        """Neither moved inputs nor another mix of classes fit the labelled rows."""
        return self.relation_p is not None and self.relation_p < RULED_OUT and self.classes_ruled_out


def causes(a: Asked, rng: np.random.Generator) -> Causes:
    """Tests and expectations; what needs labels is left out where the current rows have none."""
    rates = a.outputs is not None
    before, after = a.everything
    rich = harm.expected_errors(before, a.wrong, after, rng, rates=rates)
    plain = harm.expected_errors(a.sure[0], a.wrong, a.sure[1], rng, rates=rates)
    guesses = [harm.corrected_estimate(e, a.wrong, a.ratio) for e in (rich, plain)]
    most = 1.0 if rates else float(a.wrong.max())
    value = max(0.0, guesses[0].value)
    by_inputs = value, harm.together(value, [g.ci for g in guesses], a.ratio.outside_share, most)
    moved = harm_causes.inputs_moved(before, after, rng)
    shift, classes_p, origin, by_classes = None, None, "", None
    if a.outputs is not None:
        y = np.asarray(a.test.y)
        both = [np.concatenate([r, o], axis=1) for r, o in zip(a.rows, a.outputs, strict=True)]
        if a.outputs[0].shape[1] <= label_shift.CLASSES:
            shift = label_shift.estimate(a.outputs[0], y, a.wrong, a.outputs[1], rng)
        if a.current.y is not None:
            now = np.asarray(a.current.y)
            classes_p, compared = harm_causes.classes_look_different(both[0], y, both[1], now)
            origin = f"{compared} classes compared within themselves"
            by_classes = harm_causes.error_if_classes_moved(a.wrong, y, now, 1 + int(max(y.max(), now.max())))
        elif shift is not None and shift.usable:
            classes_p, used = label_shift.fits(both[0], y, shift.shares, both[1], rng)
            origin = f"{used} labelled rows in the estimated mix"
            by_classes = (shift.error, shift.ci)
    relation = None
    if a.wrong_now is not None:
        relation = harm_causes.relation_changed(_outcomes(a, rich, rng), a.everything, a.ratio)
    return Causes(moved, relation, classes_p, origin, by_inputs, by_classes, shift)


def _outcomes(
    a: Asked, errors: harm.Expected, rng: np.random.Generator
) -> list[tuple[NumpyArray, NumpyArray, harm.Expected]]:
    assert a.wrong_now is not None and a.test.y is not None and a.current.y is not None
    found = [(a.wrong, a.wrong_now, errors)]
    if a.outputs is None:
        return found
    y, now = np.asarray(a.test.y), np.asarray(a.current.y)
    classes = np.unique(np.concatenate([y, now]))
    if len(classes) > CLASSES:
        return found
    for c in classes[1:]:
        one, two = (y == c).astype(float), (now == c).astype(float)
        model = harm.expected_errors(a.everything[0], one, a.everything[1], rng)
        found.append((one, two, model))
    return found


def evidence(a: Asked, c: Causes) -> list[Evidence]:
    """The explanations with their tests, and the errors they expect beside the counted one."""
    labelled = a.wrong_now is not None

    def said(p: float | None) -> str:
        if p is None:
            return "cannot be told without labels"
        return "ruled out" if p < RULED_OUT else "fits"

    rows = [
        ("inputs are as before", c.inputs_p, said(c.inputs_p), "single columns and all together"),
        ("only the inputs moved", c.relation_p, said(c.relation_p), "labels given inputs, after weighting"),
        ("only the mix of classes moved", c.classes_p, said(c.classes_p), c.classes_from or "not for this model"),
        (
            "the relation changed",
            None,
            ("supported" if c.relation else "not needed") if labelled else "cannot be told without labels",
            "where the two above are ruled out",
        ),
    ]
    table = Table(
        title="Which explanation fits the current rows",
        columns=("explanation", "p", "verdict", "tested by"),
        rows=tuple((n, None if p is None else float(f"{p:.3g}"), v, how) for n, p, v, how in rows),
        note=f"Ruled out below {RULED_OUT}. What is not ruled out is not proved: a small set rules out little",
    )
    bars = [("labelled test rows", float(a.wrong.mean()), *_ends(a.wrong)), ("if inputs moved", *_flat(c.by_inputs))]
    if c.by_classes is not None:
        bars.append(("if classes moved", *_flat(c.by_classes)))
    if a.wrong_now is not None:
        bars.append(("counted now", float(a.wrong_now.mean()), *_ends(a.wrong_now)))
    drawn = Bars(
        title="Errors that each explanation expects",
        y_label="error rate" if a.outputs is not None else "error relative to the test rows",
        names=tuple(b[0] for b in bars),
        values=tuple(b[1] for b in bars),
        low=tuple(b[2] for b in bars),
        high=tuple(b[3] for b in bars),
        note="What is counted above all explanations is the loss that a changed relation leaves",
    )
    return [table, drawn]


def _flat(guess: Guess) -> tuple[float, float, float]:
    return guess[0], guess[1].low, guess[1].high


def _ends(wrong: NumpyArray) -> tuple[float, float]:
    half = 1.96 * float(wrong.std()) / float(np.sqrt(max(1, len(wrong))))
    return max(0.0, float(wrong.mean()) - half), float(wrong.mean()) + half
