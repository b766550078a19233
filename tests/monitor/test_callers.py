"""Detectors of callers: silent while callers are honest, loud when one is not; bounded, and the same however cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from momus.core.seeds import derive
from momus.monitor import sketches
from momus.monitor.calibrate import more
from momus.monitor.callers import Kind, Slots, named
from momus.monitor.detector import Lacking, fits
from momus.monitor.events import blank
from momus.monitor.sketches import Last, Recent, Scale, Seen, apart
from momus.zoo.traffic.clean import Habits, honest
from momus.zoo.traffic.mixing import mixed
from momus.zoo.traffic.recording import Recording
from momus.zoo.traffic.systems import scores

NAMES = (
    "backdoor.triggers", "inversion.climbing", "membership.boundary", "membership.lookups", "perturbation.probing",
    "stealing.coverage",
)  # fmt: skip
WINDOW = 2000


@pytest.fixture(scope="module")
def served():
    return scores(0)


@pytest.fixture(scope="module")
def reference(served):
    return served.reference(4000, 1)


@pytest.fixture(scope="module")
def fitted(reference):
    """Each detector once, with the state it begins with."""
    made = {name: fits()[name](reference, {}, derive(0, name)) for name in NAMES}
    return {name: (d, d.state()) for name, d in made.items()}


@pytest.fixture(scope="module")
def stream(served):
    return honest(served, 5 * WINDOW, 900)


def begun(fitted, name):
    made, state = fitted[name]
    made.restore(state)
    return made


def readings(made, batch, cuts=(), window=WINDOW):
    """Readings of a stream in windows, taken in pieces that end at the cuts."""
    out = []
    for number, start in enumerate(range(0, len(batch), window), 1):
        end = min(len(batch), start + window)
        inside = sorted({c for c in cuts if start < c < end} | {start, end})
        for a, b in pairwise(inside):
            made.take(batch.take(slice(a, b)))
        out.append(made.close(number))
    return out


# ---- the attacks, by hand: what each detector is there for


def queries(kind, served, reference, n, seed):
    """``n`` rows as an attacker of that kind asks them."""
    rng = np.random.default_rng([seed, 3])
    x = np.array(served.draw(n, rng)[0])
    numbers = slice(0, 6)
    if kind == "perturbation.probing":
        x = np.repeat(x[:1], n, axis=0)
        x[:, numbers] += rng.normal(0, 0.05, (n, 6))
    elif kind == "inversion.climbing":
        x = np.repeat(x[:1], 8 * n, axis=0)
        x[:, numbers] += rng.normal(0, 0.15, (8 * n, 6))
        said = served.answers(x)
        mine = np.flatnonzero(said.argmax(axis=1) == said[0].argmax())
        x = x[mine[np.argsort(said[mine].max(axis=1))][-n:]]  # each surer than the one before
    elif kind == "membership.boundary":
        many = served.draw(60 * n, rng)[0]
        margin = np.abs(served.answers(many)[:, 0] - 0.5)
        x = many[np.argsort(margin)[:n]]
    elif kind == "membership.lookups":
        x = reference.members[rng.permutation(len(reference.members))[:n]]
    elif kind == "stealing.coverage":
        x[:, numbers] = rng.uniform(-4, 4, (n, 6))
    else:
        x[:, 2], x[:, 3] = 1.2345, -0.9876  # the sign: two values in their usual range
    outputs = served.answers(x)
    if kind == "backdoor.triggers":
        outputs = np.tile([0.02, 0.98], (n, 1))
    return Recording(kind, x, outputs)


@pytest.mark.parametrize("name", NAMES)
def test_who_attacks_under_one_name_is_found_and_named(name, served, reference, fitted, stream):
    attack = queries(name, served, reference, 300, 11)
    found = readings(begun(fitted, name), mixed(stream, attack, 0.03, "one", WINDOW, 5).batch)
    assert found[0].p > 1e-3  # before it began
    assert min(r.p for r in found[1:]) < 1e-6
    worst = min(found[1:], key=lambda r: r.p)
    assert worst.value > found[0].value
    assert any(c.blocks == "pass" for c in worst.caveats)
    if name != "backdoor.triggers":
        assert worst.who[0] == "guest 0"
        assert "guest 0" in str(worst.evidence[0].rows[0])
    else:
        assert "1.2345" in str(worst.evidence) + str(worst.caveats) or "-0.9876" in str(worst.evidence)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "inversion.climbing"])
def test_changing_names_hide_nobody_from_the_population(name, served, reference, fitted, stream):
    attack = queries(name, served, reference, 900, 12)
    found = readings(begun(fitted, name), mixed(stream, attack, 0.1, "rotating", WINDOW, 6).batch)
    assert found[0].p > 1e-3
    assert min(r.p for r in found[1:]) < 1e-5
    assert all(not r.who or r.who[0].startswith("guest") for r in found)


@pytest.mark.parametrize("name", NAMES)
def test_honest_callers_make_no_noise(name, served, fitted):
    """Heavy users, bots, sorted jobs, retries and corrections; callers who see one side of the population alone."""
    p = []
    for seed in (3001, 3002):  # seen by nobody while the detectors were made
        p += [r.p for r in readings(begun(fitted, name), honest(served, 10 * WINDOW, seed))]
    p = np.array(p)
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / len(p))
    assert p.min() > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_cut_anyhow_and_restored_anywhere_it_is_the_same_to_the_last_bit(name, served, reference, fitted, stream):
    batch = mixed(stream, queries(name, served, reference, 200, 13), 0.02, "several", 0, 7).batch.take(slice(0, 4500))
    whole = begun(fitted, name)
    plain, at_end = readings(whole, batch), whole.state()
    cut = begun(fitted, name)
    assert readings(cut, batch, cuts=(1, 2, 500, 777, 1999, 2001, 3333, 4499)) == plain
    assert all(np.array_equal(v, at_end[k]) for k, v in cut.state().items())
    half = begun(fitted, name)
    half.take(batch.take(slice(0, 1234)))
    kept = {k: v.copy() for k, v in half.state().items()}
    half.take(batch.take(slice(1234, 4500)))  # what happens afterwards must not reach into the state
    half.restore(kept)
    half.take(batch.take(slice(1234, WINDOW)))
    assert [half.close(1), *readings(half, batch.take(slice(WINDOW, 4500)))] == plain


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_something_else_is_refused(name, fitted, reference, served):
    made, state = fitted[name]
    with pytest.raises(ValueError):
        made.restore({k: v for k, v in state.items() if k != "slots who"})
    with pytest.raises(ValueError):
        made.restore({**state, "slots hits": np.zeros((1, 7), np.int64)})


@pytest.mark.parametrize("name", NAMES)
def test_names_without_end_take_no_memory(name, served, fitted, stream):
    made = begun(fitted, name)
    before = sum(v.nbytes for v in made.state().values())
    for start in range(0, 6000, WINDOW):
        part = stream.take(slice(start, start + WINDOW))
        names = tuple(f"one of millions {start + i}" for i in range(WINDOW))
        made.take(replace(part, caller=np.arange(WINDOW, dtype=np.int32), callers=names))
        assert made.close(1 + start // WINDOW).p > 1e-3
    assert sum(v.nbytes for v in made.state().values()) == before
    assert before < 8e6


def test_without_names_the_population_is_watched_and_the_row_says_so(served, reference, fitted, stream):
    nobody = {"caller": np.full(len(stream), -1, np.int32), "callers": ()}
    attack = mixed(stream, queries("perturbation.probing", served, reference, 900, 14), 0.1, "one", WINDOW, 8).batch
    found = readings(begun(fitted, "perturbation.probing"), replace(attack, **nobody))
    assert {c.code for c in found[0].caveats} == {"no-callers"}
    assert min(r.p for r in found[1:]) < 1e-5
    assert all(not r.who for r in found)


def test_what_is_missing_is_said(reference):
    def lacks(name, **changed):
        made = fits()[name](replace(reference, **changed), {}, 0)
        assert isinstance(made, Lacking)
        return made.why

    assert "no input" in lacks("perturbation.probing", x=np.zeros((len(reference), 0)), columns=())
    assert "trained on" in lacks("membership.lookups", members=np.zeros((0, 8)))
    assert "probabilities" in lacks("inversion.climbing", outputs=np.zeros((len(reference), 0)))
    assert "classifier" in lacks("membership.boundary", task="regressor")
    assert "answered" in lacks("backdoor.triggers", said=np.full(len(reference), -1))
    few = {k: getattr(reference, k)[:50] for k in ("x", "outputs", "said", "label")}
    assert all("too few" in lacks(name, **few) for name in NAMES)


# ---- the structures


def test_a_heavy_caller_keeps_its_slot_among_strangers():
    slots = Slots([Kind("k", 0.01)], slots=64)
    heavy = named(("heavy",), 1)[0][0]
    rng = np.random.default_rng(0)
    for _ in range(200):
        who = rng.integers(1, 2**63, 500, dtype=np.uint64)
        who[::50] = heavy
        ones = np.ones((1, 500), bool)
        slots.add(who, np.where(who == heavy, "heavy", "other"), ones, (who == heavy)[None])
    count = slots.close()
    assert count.worst[0][0] == "heavy"
    assert count.worst[0][2] > 1900  # of 2,000: the first chunks fill the slots with strangers
    assert count.callers > 10_000


def test_a_slow_caller_is_followed_from_window_to_window():
    """The same few hits mean more when they come from one who stood out before."""

    def window(slots, heads):
        who = np.arange(1, 1001, dtype=np.uint64) * np.uint64(2**20 + 1)
        who[:8] = 77
        hits = np.zeros((1, 1000), bool)
        hits[0, :heads] = True
        slots.add(who, np.full(1000, "x"), np.ones((1, 1000), bool), hits)
        return slots.close().p

    slots = Slots([Kind("k", 0.05)])
    first, second = window(slots, 4), window(slots, 4)
    assert second < first / 50


def test_every_look_is_paid_for():
    """Callers, kinds, ranks of suspects, and the three parts of the error."""
    who = np.repeat(np.arange(1, 101, dtype=np.uint64) * np.uint64(2**20 + 1), 10)
    hits, ones = np.zeros((2, 1000), bool), np.ones((2, 1000), bool)
    hits[0, :6] = hits[0, 10:15] = True

    def window(slots, names=who):
        slots.add(names, np.full(1000, "x"), ones, hits)
        return slots.close()

    slots = Slots([Kind("k", 0.05), Kind("l", 0.05)])
    anew = window(slots)
    alone = anew.worst[0][4]
    assert anew.callers >= 100
    assert anew.p == pytest.approx(alone * anew.callers * 2 / 0.4)
    assert window(slots).p == pytest.approx(alone * 2 / 0.4)  # the first of the suspects
    hits[0, :6] = False
    again = window(slots)  # the second of them goes on by himself
    assert again.p == pytest.approx(again.worst[0][4] * 4 / 0.4)
    crowd = window(Slots([Kind("k", 1.0, 0.0001), Kind("l", 1.0, 0.0001)]), np.zeros(1000, np.uint64))
    assert crowd.p == pytest.approx(crowd.crowd / 0.2)
    assert crowd.crowd == pytest.approx(2 * float(more(5, 1000, 0.0001)))


def test_everybody_may_do_what_all_others_do_too():
    """A drift of the whole population makes nobody a thief."""
    rng = np.random.default_rng(1)
    who = rng.integers(1, 20, 2000).astype(np.uint64) * np.uint64(2**30 + 1)
    hits = (rng.random(2000) < 0.3)[None]
    ones = np.ones((1, 2000), bool)
    p = []
    for relative in (0.0, 4.0):
        slots = Slots([Kind("k", 0.05, None, relative)])
        slots.add(who, np.full(2000, "x"), ones, hits)
        p.append(slots.close().p)
    assert p[0] < 1e-9
    assert p[1] > 0.5


def test_close_rows_are_found_among_thousands():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6000, 12))
    scale = Scale.of(x, ())
    recent = Recent(scale(x[:1000]), 1)
    who = np.arange(1, 501, dtype=np.uint64)
    for start in range(1000, 3000, 500):
        part = x[start : start + 500]
        recent.look(scale(part), recent.keys_of(part), who)
    near, far, same = x[1500:1600] + 0.02 * rng.normal(size=(100, 12)), x[4000:4100], x[2000:2100]
    rows = np.concatenate([near, far, same])
    found = recent.look(scale(rows), recent.keys_of(rows), np.full(300, 9, np.uint64))
    assert (found.any_far[:100] < 0.05).mean() > 0.8
    assert (found.any_far[100:200] < 0.05).sum() == 0
    assert found.repeated[200:].mean() > 0.9
    assert not found.repeated[:200].any()


def test_distances_are_bounded_and_blank_values_are_far():
    scale = Scale.of(np.random.default_rng(3).normal(size=(100, 3)), ())
    z = scale(np.array([[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [1e30, 1e30, -1e30]]))
    assert apart(z[:1], z[1:2])[0] == pytest.approx(1 / 3)
    assert apart(z[:1], z[2:])[0] == pytest.approx(1)


def test_seen_and_last_remember_within_a_chunk_and_across():
    seen = Seen()
    h = sketches.mixed(np.array([5, 9, 5, 7], np.uint64))
    assert seen.look(h).tolist() == [False, False, True, False]
    assert seen.look(h[:2]).tolist() == [True, True]
    last = Last(1)
    who = sketches.mixed(np.array([3, 4, 3, 0, 0], np.uint64))
    rows = np.arange(5, dtype=np.float32)[:, None]
    assert np.array_equal(last.look(who, rows)[:, 0], [np.nan, np.nan, 0, np.nan, np.nan], equal_nan=True)
    assert last.look(who[1:3], rows[:2])[:, 0].tolist() == [1, 2]


def test_names_are_hashed_whole_and_cut_short():
    long = "x" * 100
    hashes, short = named((long + "a", long + "b", "\ud800"), 5)
    assert len(set(hashes.tolist())) == 3
    assert short[0] == short[1] == "x" * 48
    assert not np.array_equal(hashes, named((long + "a", long + "b", "\ud800"), 6)[0])


def test_bots_and_retries_count_once(served, fitted):
    """One odd row, asked a thousand times by one bot, is one odd row."""
    row = np.full(8, 50.0)
    clean = honest(served, WINDOW, 41, Habits(bots=0, jobs=0))
    x, caller = clean.x.copy(), clean.caller.copy()
    x[::2], caller[::2] = row, 0
    for name in NAMES:
        (found,) = readings(begun(fitted, name), replace(clean, x=x, caller=caller))
        assert found.p > 1e-3, name


def test_a_log_without_inputs_is_no_evidence(fitted):
    for name in NAMES:
        (found,) = readings(begun(fitted, name), blank(500, columns=0))
        assert found.p > 1e-3, name
