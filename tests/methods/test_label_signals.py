from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods import changed_rows, label_signals, membership
from momus.stats import intervals


def quiet(_done: float) -> None:
    pass


def test_every_kind_of_row_is_changed_within_its_kind() -> None:
    rng = np.random.default_rng(0)
    pictures = Samples(rng.integers(0, 256, (6, 8, 8, 1)).astype(np.uint8), np.zeros(6, int))
    table = Samples(
        np.column_stack([rng.normal(size=50), rng.integers(0, 3, 50), np.eye(2)[rng.integers(0, 2, 50)]]),
        np.zeros(50, int),
        columns=(
            Column("a"),
            Column("b", ColumnKind.CATEGORICAL, categories=("x", "y", "z")),
            Column("c=0", ColumnKind.BINARY, one_hot="c"),
            Column("c=1", ColumnKind.BINARY, one_hot="c"),
        ),
    )
    sound = Samples(rng.normal(size=(5, 100)).astype(np.float32) * 0.1, np.zeros(5, int), rate=8000)
    texts = Samples(np.array(["one two three four five six", "alone"], dtype=object), np.zeros(2, int))
    for samples in (pictures, table, sound, texts):
        before = samples.x.copy()
        for change in changed_rows.changes(samples, 2):
            made = change.make(samples.x, rng)
            assert made.shape == samples.x.shape and made.dtype == samples.x.dtype
        assert np.array_equal(before, samples.x)
    loud = changed_rows.changes(table, 1)[-1].make(table.x, rng)
    assert set(np.unique(loud[:, 1])) <= {0, 1, 2} and (loud[:, 2] + loud[:, 3] == 1).all()
    assert (loud[:, 1] != table.x[:, 1]).any() and (loud[:, 2] != table.x[:, 2]).any()
    kept = changed_rows.changes(texts, 1)[-1].make(texts.x, rng)
    assert kept[1] == "alone" and len(kept[0].split()) < 6


def test_more_noise_changes_more() -> None:
    rng = np.random.default_rng(1)
    samples = Samples(rng.normal(size=(200, 3)) * [1, 100, 0.01], np.zeros(200, int))
    moved = [
        np.abs((c.make(samples.x, rng) - samples.x) / samples.x.std(0)).mean(0)
        for c in changed_rows.changes(samples, 1)
    ]
    assert (np.diff(np.array(moved), axis=0) > 0).all()
    assert np.ptp(moved[-1]) < 0.3, "each column in its own units"


def test_answers_are_counted_by_hand() -> None:
    """A threshold at 0: a row at 0.5 survives noise of 0.1 and not of 10; one at -1 is wrong."""
    x = np.array([[0.5], [-1.0]])
    steps = [changed_rows.Change("noise", "small", lambda rows, _r: rows - 0.1)] * 2
    steps += [changed_rows.Change("noise", "large", lambda rows, _r: rows - 10)]
    (held,), spent = label_signals.ask(
        lambda rows: (rows[:, 0] > 0).astype(int), [(x, np.array([1, 1]))], steps, np.random.default_rng(0), quiet
    )
    assert not spent and held.right.tolist() == [True, False]
    assert held.kept.tolist() == [[1.0, 0.0], [0.0, 0.0]] and held.names == ("small", "large")
    found = label_signals.signals(held)
    assert found["right or wrong"].tolist() == [1, 0] and found["all changes"].tolist() == [1.5, 0]


def test_a_spent_budget_leaves_whole_rows_on_both_sides() -> None:
    left = 9_000

    def predict(rows: np.ndarray) -> np.ndarray:
        nonlocal left
        if len(rows) > left:
            raise BudgetSpent
        left -= len(rows)
        return np.zeros(len(rows), int)

    side = (np.zeros((5000, 1)), np.zeros(5000, int))
    steps = [changed_rows.Change("noise", "n", lambda rows, _r: rows)]
    (one, two), spent = label_signals.ask(predict, [side, side], steps, np.random.default_rng(0), quiet)
    assert spent and len(one.right) == len(two.right) == 2048


def test_the_learned_signal_never_sees_the_rows_it_is_judged_on() -> None:
    """Labels of chance: a fit would shine on the rows it was fitted on, and must not elsewhere."""
    rng = np.random.default_rng(2)
    areas = []
    for _ in range(20):
        one, two = (
            label_signals.Held(
                rng.random(400) < 0.5, rng.random((400, 20)), tuple("abcdefghijklmnopqrst"), ("noise",) * 20
            )
            for _ in "ab"
        )
        split = membership.split_rows(400, 400, rng)
        fitted = label_signals.learned(one, two, split)
        assert fitted is not None
        judged, chosen = (split.member_keep, split.other_keep), (split.member_tune, split.other_tune)
        areas += [intervals.auc(fitted[0][a], fitted[1][b])[0] for a, b in (judged, chosen)]
    assert np.mean(areas[::2]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(areas[1::2]) < 0.53


def test_islands_are_learned() -> None:
    """Members stand on islands (right, and wrong a little beside it), others on the mainland or in the sea."""
    rng = np.random.default_rng(3)
    names, families = ("near", "far"), ("noise", "noise")
    mainland = rng.random(600) < 0.6
    other = label_signals.Held(mainland, np.column_stack([mainland, mainland]).astype(float), names, families)
    island = rng.random(600) < 0.5
    far = np.where(island, 0.0, mainland.astype(float))
    member = label_signals.Held(
        mainland | island, np.column_stack([np.where(island, 0.5, mainland), far]), names, families
    )
    split = membership.split_rows(600, 600, rng)
    fitted = label_signals.learned(member, other, split)
    assert fitted is not None
    assert intervals.auc(fitted[0], fitted[1])[0] > 0.7
    few = membership.split_rows(100, 100, rng)
    assert label_signals.learned(member.first(100), other.first(100), few) is None
