from __future__ import annotations

import numpy as np
import pytest

from momus.methods.group_gaps import gaps, group_labels


def test_the_gap_is_the_whole_less_the_group() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], 900, p=[0.6, 0.3, 0.1])
    score = (rng.random(900) < np.where(labels == "b", 0.6, 0.9)).astype(float)
    found = gaps(score, {"g": labels})
    for g in found.groups:
        assert g.gap == pytest.approx(score.mean() - score[labels == g.value].mean())
        assert g.ci.low <= g.gap <= g.ci.high
    assert found.groups[0].name == "g=b"


def test_small_groups_are_untested() -> None:
    labels = np.repeat(["a", "b", "c"], [100, 100, 5])
    found = gaps(np.ones(205), {"g": labels})
    assert found.untested == (("g=c", 5),) and len(found.groups) == 2


@pytest.mark.parametrize("numbers", [False, True])
def test_the_intervals_hold_for_all_groups_at_once(numbers: bool) -> None:
    # The worst of four equal groups looks bad by chance; its interval must still reach the truth, 0.
    miss = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        labels = rng.choice(["a", "b", "c", "d"], 400)
        score = rng.normal(size=400) if numbers else (rng.random(400) < 0.85).astype(float)
        found = gaps(score, {"g": labels})
        miss += max(g.ci.low for g in found.groups) > 0
    assert miss <= 0.05 * 300


def test_numbers_are_cut_into_fifths_and_columns_cross() -> None:
    age = np.arange(100)
    out = group_labels({"age": age, "sex": np.repeat(["f", "m"], 50)}, intersections=True)
    values, counts = np.unique(out["age"], return_counts=True)
    assert len(values) == 5 and counts.tolist() == [20] * 5
    assert set(np.unique(out["age x sex"])) >= {"0 to 19.8, f"}
    assert group_labels({"k": np.array([1, 2, 2])})["k"].tolist() == ["1", "2", "2"]
