"""Reading rows and labels out of updates, searching for them, and the line-up: known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods import update_reading as reading
from momus.methods.recovered_rows import COUNTERS, bits, chance, largest, line_up, noisy
from momus.methods.update_matching import Box, search


def softmax_update(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    z = x @ w.T + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    r = (p - np.eye(len(b))[y]) / len(x)
    return {"w": r.T @ x, "b": r.sum(0)}


def test_a_row_alone_stands_in_the_update_of_a_softmax_model() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.normal(size=(1, 30)), rng.integers(0, 5, 1)
        sent = softmax_update(x, y, rng.normal(size=(5, 30)) / 5, rng.normal(size=5))
        assert np.abs(reading.rows(sent, 30, 1) - x).max() < 1e-9
        assert reading.labels(sent, 5, 1, np.full(5, 0.2)).tolist() == y.tolist()
        alone = {"w": np.asarray(sent["w"], dtype=np.float32), "b": np.asarray(sent["b"], dtype=np.float32)}
        assert np.abs(reading.rows(alone, 30, 1) - x).max() < 1e-5


def test_labels_of_a_batch_come_from_the_bias() -> None:
    rng = np.random.default_rng(1)
    right = 0
    for _ in range(30):
        x, y = rng.normal(size=(6, 10)), rng.integers(0, 4, 6)
        sent = softmax_update(x, y, 0.01 * rng.normal(size=(4, 10)), np.zeros(4))
        right += reading.labels(sent, 4, 6, np.full(4, 0.25)).tolist() == sorted(y.tolist())
    assert right == 30


def test_one_logit_and_no_bias_are_read_too() -> None:
    assert reading.labels({"w": np.ones((1, 3)), "b": np.array([-0.4])}, 2, 1, np.full(2, 0.5)).tolist() == [1]
    assert reading.labels({"w": np.ones((1, 3)), "b": np.array([0.4])}, 2, 1, np.full(2, 0.5)).tolist() == [0]
    bare = {"w": np.array([[0.1, 0.2], [-0.5, -0.4], [0.4, 0.2]])}
    assert reading.labels(bare, 3, 1, np.full(3, 1 / 3)).tolist() == [1]
    assert len(reading.labels({"k": np.zeros((2, 2, 2))}, 3, 4, np.array([0.2, 0.5, 0.3]))) == 4


def test_rows_are_read_where_units_answer_to_one_row_alone() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 8))
    # units 0-1 see row 0 alone, 2-3 row 1 alone, the others mixtures, each its own
    share = rng.normal(size=(10, 3))
    share[:2], share[2:4] = [[0.5, 0, 0], [-0.2, 0, 0]], [[0, 0.3, 0], [0, 0.9, 0]]
    sent = {"w": share @ x, "b": share.sum(1)}
    read = reading.rows(sent, 8, 3)
    assert len(read) == 2 and min(np.abs(read - x[0]).max(1)) < 1e-9 and min(np.abs(read - x[1]).max(1)) < 1e-9
    assert len(reading.rows({"w": sent["w"]}, 8, 3)) == 0
    assert len(reading.rows({"w": sent["w"], "b": np.zeros(10)}, 8, 3)) == 0


def test_the_models_own_scaling_is_undone() -> None:
    rng = np.random.default_rng(3)
    inputs = rng.uniform(size=(6, 5))
    inputs[:, 4] = 0.25  # a number that never moves
    slope, offset = rng.uniform(1, 9, 5), rng.normal(size=5)
    line = reading.scale(inputs * slope + offset, inputs)
    fresh = np.array([[0.1, 0.9, 0.5, 0.3, 0.25]])
    assert line is not None and np.allclose(line.back(fresh * slope + offset), fresh)
    assert reading.scale(rng.normal(size=(6, 5)), inputs) is None and reading.scale(inputs[:1], inputs[:1]) is None


@pytest.mark.parametrize("signed", [True, False])
def test_the_search_finds_the_least_and_stays_in_the_box(signed: bool) -> None:
    goal = np.array([[0.3, 0.9, 2.0]])

    def ask(x: Any) -> tuple[float, Any]:
        return float(((x - goal) ** 2).sum()), 2 * (x - goal)

    box = Box(np.zeros((1, 3)), np.ones((1, 3)), np.full((1, 3), 0.5))
    found = search(ask, np.full((1, 3), 0.5), box, steps=300, signed=signed)
    assert np.allclose(found.x, [[0.3, 0.9, 1.0]], atol=0.01) and not found.spent
    left = [5]

    def dear(x: Any) -> tuple[float, Any]:
        left[0] -= 1
        if left[0] < 0:
            raise BudgetSpent
        return ask(x)

    cut = search(dear, np.full((1, 3), 0.5), box, steps=300, signed=signed)
    assert cut.spent and np.isfinite(cut.distance) and cut.distance >= found.distance


def test_total_variation_smooths_images() -> None:
    rng = np.random.default_rng(4)
    start = rng.uniform(size=(1, 1, 8, 8))
    box = Box(np.zeros((1, 1, 8, 8)), np.ones((1, 1, 8, 8)), np.full((1, 1, 8, 8), 0.5))

    def ask(x: Any) -> tuple[float, Any]:
        return float(100 - np.abs(x - start).sum()), np.zeros_like(x)

    smooth = search(ask, start, box, steps=60, smooth=1.0).x
    assert np.abs(np.diff(smooth, axis=2)).mean() < 0.5 * np.abs(np.diff(start, axis=2)).mean()


@pytest.mark.parametrize("shape", [True, False])
def test_a_guesser_finds_one_row_in_a_hundred(shape: bool) -> None:
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(400):
        rows = rng.normal(size=(4 + 396, 6))
        hits.append(line_up(rng.normal(size=(4, 6)), rows[:4], rows[4:], np.ones(6), shape=shape).found)
    assert np.mean(hits) == pytest.approx(0.01, abs=0.007) and chance(4, 396) == pytest.approx(0.01, abs=1e-4)
    assert chance(1, 49) == pytest.approx(0.02)


def test_the_line_up_knows_rows_again_whatever_their_order() -> None:
    rng = np.random.default_rng(6)
    rows = rng.uniform(size=(200, 12))
    made = rows[[2, 0, 1]] + 1e-4
    seen = line_up(made, rows[:3], rows[3:], rows.std(0), shape=False)
    assert seen.found.all() and seen.match.tolist() == [1, 2, 0] and seen.error.max() < 1e-3
    faint = line_up(0.2 * rows[:3] + 0.4, rows[:3], rows[3:], rows.std(0), shape=True)
    assert faint.found.all() and faint.error.min() > 0.05
    none = line_up(np.zeros((0, 12)), rows[:3], rows[3:], rows.std(0), shape=False)
    assert not none.found.any() and np.isinf(none.error).all()


def test_counters_do_what_they_say() -> None:
    rng = np.random.default_rng(7)
    sent = {"w": rng.normal(size=(20, 30)).astype(np.float32), "b": rng.normal(size=20).astype(np.float32)}
    kept = largest(0.1)(sent, rng)
    assert sum(int((a != 0).sum()) for a in kept.values()) == 62
    assert np.abs(kept["w"][kept["w"] != 0]).min() >= np.abs(sent["w"][kept["w"] == 0]).max()
    assert len(np.unique(np.abs(bits(1)(sent, rng)["w"]))) == 1 and len(np.unique(bits(8)(sent, rng)["w"])) <= 256
    length = np.sqrt(sum((a**2).sum() for a in sent.values()))
    assert (noisy(0.5)(sent, rng)["w"] - sent["w"]).std() == pytest.approx(0.5 * length, rel=0.1)
    for counter in COUNTERS.values():
        out = counter(sent, rng)
        assert {k: (a.shape, a.dtype) for k, a in out.items()} == {k: (a.shape, a.dtype) for k, a in sent.items()}
