from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods.mining import Hardest, Miner, hard_batch, mine


@given(st.lists(st.integers(-50, 50), max_size=80), st.integers(0, 12), st.integers(1, 9))
def test_the_hardest_rows_stay_whatever_the_batches(losses: list[int], capacity: int, size: int) -> None:
    loss = np.array(losses, dtype=np.float32)
    keep = Hardest(capacity)
    for start in range(0, len(loss), size):
        part = loss[start : start + size]
        keep.offer(part, np.arange(start, start + len(part)))
    rows, kept = keep.ranked()
    wanted = np.lexsort((np.arange(len(loss)), -loss))[:capacity]
    np.testing.assert_array_equal(rows, wanted)
    np.testing.assert_array_equal(kept, loss[wanted])
    assert keep.seen == len(loss)


def test_memory_stays_bounded() -> None:
    keep = Hardest(10)
    for start in range(0, 5000, 50):  # ever harder: nothing is refused at the door
        keep.offer(np.arange(start, start + 50, dtype=np.float32), np.arange(start, start + 50))
        assert len(keep._loss) <= 70
    assert keep.ranked()[0].tolist() == list(range(4999, 4989, -1))


def test_nan_is_never_kept() -> None:
    keep = Hardest(3)
    keep.offer(np.array([np.nan, 1.0, np.nan]), np.arange(3))
    assert keep.ranked()[0].tolist() == [1]


def test_confident_errors_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.05, 0.95], [0.6, 0.4], [0.85, 0.15], [0.0, 1.0]])
    found = mine(p, np.array([0, 0, 1, 1, 1]), least=0.8)
    assert found.rows.tolist() == [1, 3] and found.said.tolist() == [1, 0]
    assert (found.n, found.errors, found.confident_errors) == (5, 3, 2)
    assert found.loss[0] == pytest.approx(np.log(0.95 / 0.05), rel=1e-5)
    assert found.confidence.tolist() == pytest.approx([0.95, 0.85])


def test_batches_and_the_whole_agree() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(5, 0.3), 3000)
    y = rng.integers(0, 5, 3000)
    whole = mine(p, y, least=0.7, capacity=40)
    parts = Miner(0.7, 40)
    for start in range(0, 3000, 37):
        parts.offer(p[start : start + 37], y[start : start + 37])
    again = parts.result()
    np.testing.assert_array_equal(whole.rows, again.rows)
    np.testing.assert_array_equal(whole.said, again.said)
    assert whole.confident_errors == again.confident_errors > 40 == len(whole.rows)
    assert (np.diff(whole.loss) <= 0).all()
    assert np.all(p[whole.rows].argmax(1) != y[whole.rows])


def test_nothing_wrong_and_nothing_at_all() -> None:
    assert len(mine(np.eye(3), np.arange(3)).rows) == 0
    assert mine(np.zeros((0, 3)), np.zeros(0, dtype=int)).n == 0
    with pytest.raises(ValueError, match="for 2 labels"):
        mine(np.eye(3), np.arange(2))


def test_a_hard_batch_holds_the_largest_losses() -> None:
    assert hard_batch(np.array([0.1, 5.0, 2.0, 3.0]), 2).tolist() == [1, 3]
    assert hard_batch(np.array([1.0, 2.0]), 5).tolist() == [0, 1]
