"""Recorded attacks: what a probe really asks, mixed into honest traffic and replayed through the watch as it runs."""

from __future__ import annotations

import numpy as np
import pytest

from momus.card.monitor import MonitorCard
from momus.zoo.traffic import attacks
from momus.zoo.traffic.clean import Habits, honest
from momus.zoo.traffic.mixing import mixed
from momus.zoo.traffic.recording import recorded
from momus.zoo.traffic.replay import Watcher
from momus.zoo.traffic.systems import scores

MINE = ("perturbation.probing", "membership.lookups", "stealing.coverage", "backdoor.triggers")


@pytest.fixture(scope="module")
def served():
    return scores(0)


@pytest.fixture(scope="module")
def watcher(served):
    return Watcher(served.reference(3000, 1), MonitorCard(source="none", detectors=MINE))


@pytest.fixture(scope="module")
def square(served):
    return recorded(served, "perturbation.square", 3, {"n": 6, "queries": 200})


@pytest.fixture(scope="module")
def membership(served):
    return recorded(served, "membership.loss", 3, {"rows": 300})


def first(windows, name):
    """The first window at alarm, 0 for none."""
    return next((w.number for w in windows if w.standings[name].alarm), 0)


def test_a_recording_is_what_the_probe_asked_and_heard(served, membership):
    asked = {row.tobytes() for row in membership.x}
    members = {row.tobytes() for row in served.train.x}
    assert len(membership) == 600  # 300 of the training rows, 300 others
    assert len(asked & members) == 300
    assert np.allclose(membership.outputs, served.answers(membership.x))


def test_each_seed_attacks_anew(served, square):
    again = recorded(served, "perturbation.square", 3, {"n": 6, "queries": 200})
    other = recorded(served, "perturbation.square", 4, {"n": 6, "queries": 200})
    assert np.array_equal(square.x, again.x)
    assert not np.array_equal(square.x[-50:], other.x[-50:])


def test_honest_traffic_has_all_kinds_of_callers_and_a_day(served):
    batch = honest(served, 20_000, 5, Habits(a_day=10_000))
    assert np.array_equal(batch.x, honest(served, 20_000, 5, Habits(a_day=10_000)).x)
    who = np.array(batch.callers)[batch.caller]
    bot = batch.x[who == "bot 0"]
    assert (bot == np.median(bot, axis=0)).all(axis=1).mean() > 0.98  # somebody corrects a row now and then
    users = np.unique(who[np.char.startswith(who, "user")], return_counts=True)[1]
    assert users.max() > 20 * np.median(users)
    assert (np.diff(batch.time) > 0).all()
    hours = np.bincount(((batch.time - batch.time[0]) // 3600 % 24).astype(int), minlength=24)
    assert hours.max() > 2 * hours.min()
    assert np.allclose(batch.outputs, served.answers(batch.x))


def test_a_day_may_have_other_rows_at_noon_than_at_night(served):
    calm, batch = (honest(served, 20_000, 5, Habits(bots=0, rhythm=r)) for r in (0.0, 0.4))
    upper = batch.x[:, 0] > np.median(calm.x[:, 0])
    noon, night = slice(9_000, 11_000), np.r_[0:1_000, 19_000:20_000]
    assert upper[noon].mean() == pytest.approx(0.7, abs=0.05)
    assert upper[night].mean() == pytest.approx(0.3, abs=0.05)
    job = np.array([c.startswith("job") for c in batch.callers])[batch.caller]
    assert job[night].mean() > 3 * job[noon].mean()
    assert (batch.said == served.answers(batch.x).argmax(axis=1)).all()


@pytest.mark.parametrize(("names", "most"), [("one", 1), ("several", 10), ("rotating", 200)])
def test_an_attack_is_mixed_in_its_order_at_its_share(served, square, names, most):
    clean = honest(served, 6000, 6)
    made = mixed(clean, square, 0.1, names, 2000, 1)
    at = np.flatnonzero(made.theirs)
    assert at.min() >= 2000
    assert 0.08 < len(at) / 4000 < 0.12
    assert np.array_equal(made.batch.x[at], square.x[: len(at)])
    assert np.array_equal(made.batch.x[~made.theirs], clean.x[~made.theirs])
    guests = {made.batch.callers[i] for i in made.batch.caller[at]}
    assert all(g.startswith("guest") for g in guests)
    assert most * 0.5 < len(guests) <= most
    assert not {made.batch.callers[i] for i in made.batch.caller[~made.theirs]} & guests


def test_an_attack_asked_again_is_no_repetition(served, square):
    made = mixed(honest(served, 30_000, 7), square, 0.1, "one", 0, 1)
    asked = made.batch.x[made.theirs]
    assert len(asked) > 1.5 * len(square)
    assert len(np.unique(asked[len(square) :], axis=0)) > 0.8 * len(asked[len(square) :])


def test_the_watch_finds_the_attack_and_the_right_detector_says_so(served, watcher, square, membership, tmp_path):
    clean = honest(served, 14_000, 77)
    quiet = watcher.watch(clean, tmp_path / "quiet")
    assert len(quiet) == 7
    assert not any(w.alarms for w in quiet)
    for attack, name in ((square, "perturbation.probing"), (membership, "membership.lookups")):
        windows = watcher.watch(mixed(clean, attack, 0.03, "one", 4000, 2).batch, tmp_path / name)
        assert 3 <= first(windows, name) <= 6  # nothing before it began
        worst = min((w.readings[name] for w in windows), key=lambda r: r.p)
        assert worst.who[0] == "guest 0"


def test_a_trigger_is_found_under_ever_new_names(served, watcher, tmp_path):
    made = mixed(honest(served, 12_000, 78), attacks.triggered(served, 1500, 1), 0.05, "rotating", 4000, 3)
    assert 3 <= first(watcher.watch(made.batch, tmp_path), "backdoor.triggers") <= 5


def test_changes_of_the_traffic_begin_where_they_are_told_to(served):
    batch = honest(served, 3000, 9)
    late = np.arange(3000) >= 1000
    for name, (_, change) in attacks.CHANGES.items():
        made = change(batch, late, served, np.random.default_rng(1))
        for field in ("x", "seconds", "label"):
            before, after = getattr(batch, field), getattr(made, field)
            assert np.array_equal(before[:1000], after[:1000]), name
        assert any(
            not np.array_equal(getattr(batch, f)[1000:], getattr(made, f)[1000:], equal_nan=True)
            for f in ("x", "seconds", "label")
        ), name


def test_every_attack_of_the_table_names_a_detector_that_exists():
    from momus.monitor.detector import fits

    known = set(fits())
    assert {a.expected for a in attacks.ATTACKS} <= known
    assert {expected for expected, _ in attacks.CHANGES.values()} <= known
