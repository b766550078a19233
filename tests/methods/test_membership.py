from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import BudgetSpent, TargetError
from momus.core.samples import Samples
from momus.methods import membership
from momus.methods.domain_classifier import tell_apart
from momus.stats import roc


def test_signals_by_hand() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    y = np.array([0, 1])
    s = membership.signals(p, y)
    assert s["loss"] == pytest.approx([np.log(0.7), 0.0], abs=1e-9)
    assert s["confidence"][0] == pytest.approx(np.log(0.7 / 0.3))
    by_hand = -(0.3 * np.log(0.7)) - 0.2 * np.log(0.8) - 0.1 * np.log(0.9)
    assert s["modified_entropy"] == pytest.approx([-by_hand, 0.0], abs=1e-9)
    assert all(np.isfinite(v).all() for v in membership.signals(np.array([[0.0, 1.0]]), np.array([0])).values())


def test_rows_in_both_sets_and_people_in_both_are_no_non_members() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    train = Samples(x[:20], np.zeros(20, int), ids=np.arange(20) // 2)
    test = Samples(
        np.concatenate([x[:3], x[20:37]]), np.zeros(20, int), ids=np.concatenate([[90, 91, 92], np.arange(5, 22)])
    )
    audit = membership.choose_rows(train, test, 100, rng)
    assert audit.dropped == 8  # three copies, and people 5 to 9
    assert len(audit.members) == len(audit.others) == 10
    assert len(np.unique(np.asarray(train.ids)[audit.members])) == 10
    assert not np.isin(np.asarray(test.ids)[audit.others], train.ids).any()


def test_a_spent_budget_leaves_a_balanced_audit() -> None:
    asked = 0

    def answers(x: np.ndarray) -> np.ndarray:
        nonlocal asked
        if asked + len(x) > 50:
            raise BudgetSpent
        asked += len(x)
        return np.full((len(x), 2), 0.5)

    one, two, spent = membership.ask(answers, np.zeros((100, 1)), np.ones((100, 1)), batch=20)
    assert spent and len(one) == len(two) == 20


def test_a_budget_below_one_batch_is_used_up_and_not_lost() -> None:
    left = 900

    def answers(x: np.ndarray) -> np.ndarray:
        nonlocal left
        if len(x) > left:
            raise BudgetSpent
        left -= len(x)
        return np.repeat(x, 2, axis=1)

    rows = np.arange(2000.0)[:, None]
    one, two, spent = membership.ask(answers, rows, rows + 5000)
    assert spent and len(one) == len(two) >= 380
    assert np.array_equal(one[:, 0], rows[: len(one), 0])
    assert np.array_equal(two[:, 0], rows[: len(two), 0] + 5000)


def test_nonsense_probabilities_are_refused() -> None:
    with pytest.raises(TargetError, match="finite"):
        membership.ask(lambda x: np.full((len(x), 2), np.nan), np.zeros((3, 1)), np.zeros((3, 1)))


def test_choosing_a_signal_brings_no_optimism() -> None:
    # Ten useless signals: the best of them looks good on the rows it was chosen on, and must not where it is judged.
    rng = np.random.default_rng(1)
    classes = np.zeros(400, int)
    values, thresholds = [], []
    for _ in range(60):
        member, other = ({f"s{i}": rng.normal(size=400) for i in range(10)} for _ in "ab")
        reading = membership.choose_signal(member, other, rng, member_class=classes, other_class=classes)
        assert len(reading.member) == len(reading.other) == 300
        values.append(roc.tpr_at_fpr(reading.member, reading.other, 0.05)[0])
        thresholds.append(roc.balanced_accuracy(reading.member, reading.other, reading.threshold)[0])
    assert np.mean(values) == pytest.approx(0.05, abs=0.01)
    assert np.mean(thresholds) == pytest.approx(0.5, abs=0.01)


def test_the_telling_signal_is_found_and_rows_kept_in_step() -> None:
    rng = np.random.default_rng(2)
    member = {"dull": rng.normal(size=400), "telling": rng.normal(3, 1, 400)}
    other = {"dull": rng.normal(size=400), "telling": rng.normal(size=400)}
    classes = np.zeros(400, int)
    reading = membership.choose_signal(member, other, rng, member_class=classes, other_class=classes)
    assert reading.signal.startswith("telling")
    offset = reading.member - member["telling"][reading.member_rows]
    assert np.allclose(offset, offset[0])


def test_thresholds_per_class_help_where_classes_differ() -> None:
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 2, 1000)
    base = np.where(classes == 1, 0.0, -10.0)
    member, other = {"loss": base + rng.normal(2, 1, 1000)}, {"loss": base + rng.normal(0, 1, 1000)}
    reading = membership.choose_signal(member, other, rng, member_class=classes, other_class=classes)
    assert reading.signal == "loss per class"


def test_tell_apart_is_calibrated_and_sees_differences() -> None:
    rng = np.random.default_rng(4)
    low = 0
    for _ in range(10):
        _, ci, _, _ = tell_apart(rng.normal(size=(150, 3)), rng.normal(size=(150, 3)), rng)
        low += ci.low > 0.5
    assert low <= 2
    a, b = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    b[:, 0] += 1
    assert tell_apart(a, b, rng)[1].low > 0.6
    crossed = rng.normal(size=(600, 2))
    same = crossed[:, 0] * crossed[:, 1] > 0
    assert tell_apart(crossed[same], crossed[~same], rng)[1].low > 0.8  # no single column shows it
    assert tell_apart(a[:2], b[:2], rng)[1].high == 1.0


@pytest.mark.parametrize(("columns", "share"), [(12, 0.1), (14, 0.2)])
def test_equal_rows_of_a_coarse_table_do_not_tell_members_from_others(columns: int, share: float) -> None:
    """Leaving out test rows with an equal in train, and no others, would make common rows members and rare ones not."""
    rng = np.random.default_rng(0)
    x = (rng.random((12_000, columns)) < share).astype(float)
    y = np.zeros(6_000, dtype=int)
    train, test = Samples(x[:6_000], y), Samples(x[6_000:], y)
    audit = membership.choose_rows(train, test, 6_000, rng)
    assert audit.dropped > 1_000 and audit.twins > 1_000
    _, counts = np.unique(train.x, axis=0, return_counts=True)
    assert audit.twins == counts[counts > 1].sum()
    area, ci, _, _ = tell_apart(train.x[audit.members], test.x[audit.others], rng)
    assert ci.low < 0.56, f"the two sides differ in kind: {area:.2f}"
