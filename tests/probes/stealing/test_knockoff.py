"""Copies from a pool: a good pool gives a good copy, a poor one a poor copy, and no row of the exam is in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from momus.core.errors import ProbeError
from momus.core.samples import Samples
from momus.probes.stealing.knockoff import knockoff
from momus.zoo.stealing.knockoff import _reader, reviews
from momus.zoo.tables import fitted, people

QUICK = {"queries": 300, "rows": 200, "after": 0}


@pytest.fixture(scope="module")
def rows() -> tuple[Samples, Samples, Samples]:
    rng = np.random.default_rng(1)
    train, test, pool = (people(400, rng, name=name) for name in ("train", "test", "pool"))
    return train, test, replace(pool, y=None)


def test_a_like_pool_is_worth_more_than_an_unlike_one(rows: tuple[Samples, Samples, Samples]) -> None:
    train, test, pool = rows
    target = fitted(RandomForestClassifier(30, max_depth=5, random_state=0), train, "forest")
    narrow = replace(pool, x=np.where(np.arange(8) < 6, 4 + 0.1 * pool.x, pool.x))
    good = knockoff(target, test=test, pool=pool, **QUICK)
    poor = knockoff(target, test=test, pool=narrow, **QUICK)
    assert good.value > 0.85 and poor.value < good.value - 0.1
    assert good.figure("queries_asked").value == 300 and good.figure("agreement_labels").value > 0.75


def test_a_pool_that_holds_the_exam_is_robbed_of_it(rows: tuple[Samples, Samples, Samples]) -> None:
    train, test, pool = rows
    target = fitted(RandomForestClassifier(10, max_depth=5, random_state=0), train, "forest")
    both = replace(pool, x=np.concatenate([pool.x[:100], test.x]), groups={})
    m = knockoff(target, test=test, pool=both, **{**QUICK, "rows": 400})
    assert m.scope["pool_rows"] == 100 and m.figure("queries_asked").value == 100


@pytest.mark.parametrize("selection", ["reward", "margin"])
def test_other_ways_of_choosing_keep_the_budget(selection: str, rows: tuple[Samples, Samples, Samples]) -> None:
    train, test, pool = rows
    target = fitted(RandomForestClassifier(10, max_depth=4, random_state=0), train, "forest")
    m = knockoff(target, test=test, pool=pool, selection=selection, **QUICK)
    assert m.figure("queries_asked").value == 300 and m.value > 0.8


def test_texts_are_copied_from_longer_texts() -> None:
    rng = np.random.default_rng(3)
    test, pool = reviews(150, rng, "test"), replace(reviews(300, rng, "pool", length=14), y=None)
    m = knockoff(_reader(reviews(300, rng, "train")), test=test, pool=pool, **QUICK)
    assert m.value > 0.95 and m.figure("copy_accuracy").value > 0.9


def test_bad_requests_are_named(rows: tuple[Samples, Samples, Samples]) -> None:
    train, test, pool = rows
    target = fitted(RandomForestClassifier(5, random_state=0), train, "forest")
    with pytest.raises(ProbeError, match="selection"):
        knockoff(target, test=test, pool=pool, selection="best", **QUICK)
    with pytest.raises(ProbeError, match="shape"):
        knockoff(target, test=test, pool=Samples(np.zeros((9, 2))), **QUICK)
