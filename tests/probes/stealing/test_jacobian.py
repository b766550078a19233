"""Copies from a few rows: seeds are kept out of the exam, moves stay permitted, more rows than seeds are learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from momus.core.errors import ProbeError
from momus.core.probe import Trial
from momus.core.samples import Samples
from momus.probes.stealing._copies import prepare
from momus.probes.stealing.jacobian import _mover, jacobian
from momus.zoo.stealing.jacobian import numbers
from momus.zoo.stealing.services import served
from momus.zoo.tables import fitted, people

QUICK = {"queries": 300, "rows": 200, "after": 0, "step": 0.3}


@pytest.fixture(scope="module")
def rows() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(1)
    return numbers(people(400, rng, name="train")), numbers(people(400, rng, name="test"))


def test_thirty_seeds_become_a_copy(rows: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), rows[0], "line")
    grown = jacobian(target, test=rows[1], seeds=30, **QUICK)
    bare = jacobian(target, test=rows[1], seeds=30, **{**QUICK, "queries": 30})
    assert grown.value > 0.9 and grown.value > bare.value + 0.02
    assert grown.scope["answers"] == "the class alone" and grown.scope["seed_rows"] == 30


def test_seeds_are_no_rows_of_the_exam(rows: tuple[Samples, Samples]) -> None:
    asked: list[np.ndarray] = []
    model = LogisticRegression().fit(rows[0].x, rows[0].y)

    def answers(x: np.ndarray) -> np.ndarray:
        asked.append(np.array(x))
        return np.asarray(model.predict_proba(x))

    target = served(answers, rows[1], "counted")
    asked.clear()
    m = jacobian(target, test=rows[1], seeds=40, **QUICK)
    order = [row.tobytes() for part in asked for row in part]
    exam, rest = set(order[:200]), order[200:]
    assert m.n == 200 and not exam & set(rest)
    assert sum(key in {row.tobytes() for row in rows[1].x} for key in rest) == 40


def test_a_pool_gives_the_seeds(rows: tuple[Samples, Samples]) -> None:
    pool = replace(rows[0].take(slice(0, 20)), y=None)
    m = jacobian(fitted(LogisticRegression(), rows[0], "line"), test=rows[1], pool=pool, **QUICK)
    assert m.scope["seed_rows"] == 20 and m.n == 200
    with pytest.raises(ProbeError, match="shape"):
        wrong = Samples(np.zeros((5, 3)))
        jacobian(fitted(LogisticRegression(), rows[0], "line"), test=rows[1], pool=wrong, **QUICK)


def test_moves_keep_codes_ranges_and_whole_numbers() -> None:
    rng = np.random.default_rng(2)
    test = people(100, rng, name="test")
    job = prepare(fitted(LogisticRegression(), test, "line"), Trial(data={"test": test}),
                  queries=10, rows=50, answers="", after=0)  # fmt: skip
    move = _mover(job, 0.5)
    moved = move(test.x[:30], np.ones((30, 8)))
    assert (moved[:, 6:] == test.x[:30, 6:]).all() and (moved[:, :6] >= test.x[:30, :6]).all()
    assert (moved[:, :6] <= test.x[:, :6].max(0) + 1e-9).all() and (moved != test.x[:30]).any(1).all()


def test_bad_requests_are_named(rows: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), rows[0], "line")
    for given in ({"seeds": 0}, {"step": 0.0}):
        with pytest.raises(ProbeError, match="seeds"):
            jacobian(target, test=rows[1], **{**QUICK, **given})
