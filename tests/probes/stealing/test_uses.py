"""What exact copies are good for: found on the copy, tried on the original, and never the other way round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods.theft_report import Exam
from momus.probes.stealing._report import _said
from momus.probes.stealing._uses import uses
from momus.probes.stealing.linear import linear
from momus.probes.stealing.tree import tree
from momus.zoo.tables import fitted, people


@pytest.fixture(scope="module")
def rows() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(1)
    return people(500, rng, name="train"), people(500, rng, name="test")


@pytest.mark.parametrize(
    ("probe", "model"),
    [(linear, LogisticRegression()), (tree, DecisionTreeClassifier(max_depth=6, min_samples_leaf=7, random_state=0))],
)
def test_an_exact_copy_turns_the_original_and_knows_of_members_what_it_knows(
    probe: Any, model: Any, rows: tuple[Samples, Samples]
) -> None:
    m = probe(fitted(model, rows[0], "model"), test=rows[1], train=rows[0], defences=False)
    turned, chance = m.figure("transfer_rate"), m.figure("noise_rate")
    assert m.value == 1.0 and turned.n == 100 and turned.value > chance.value + 0.05
    copy, own = m.figure("membership_auc_copy"), m.figure("membership_auc_original")
    assert copy.value == pytest.approx(own.value, abs=1e-6)
    assert {"Changed inputs that turn the original", "Who was in the training data"} <= {e.title for e in m.evidence}
    bare = probe(fitted(model, rows[0], "model"), test=rows[1], train=rows[0], defences=False, after=0)
    assert bare.value == m.value and not {"transfer_rate", "membership_auc_copy"} & {f.name for f in bare.figures}
    assert m.cost.queries - bare.cost.queries == 200 + 2 * m.figure("membership_auc_copy").n


def test_examples_are_tried_on_the_original(rows: tuple[Samples, Samples]) -> None:
    """A copy that gives way at every touch fools nobody else; one that never does finds nothing."""
    target, test = fitted(LogisticRegression(C=1e-4), rows[0], "line"), rows[1]
    said = np.asarray(target.predict(test.x))
    exam = Exam(test.x, said, test.x[:0], said[:0])
    known = {row.tobytes(): int(s) for row, s in zip(test.x, said, strict=True)}

    def nervous(x: NumpyArray) -> NumpyArray:
        true = np.asarray(target.predict(x))
        return np.array([known.get(row.tobytes(), 1 - t) for row, t in zip(x, true, strict=True)])

    trial = Trial(data={"test": test})
    found = {f.name: f for f in uses(target, trial, nervous, None, exam, _said, 60).figures}
    assert found["transfer_rate"].n == 60 and found["transfer_rate"].value < 0.1
    calm = uses(target, trial, lambda x: said[: len(x)], None, exam, _said, 60).figures
    assert calm[0].name == "transfer_rate" and calm[0].value == 0.0


def test_a_budget_that_ends_leaves_the_agreement(rows: tuple[Samples, Samples]) -> None:
    m = linear(fitted(LogisticRegression(), rows[0], "line"), test=rows[1], train=rows[0], defences=False,
               budget=Budget(queries=900))  # fmt: skip
    assert m.cost.queries <= 900 and m.value == 1.0 and m.n > 100
