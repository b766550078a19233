"""P-values of windows: honest with one finite reference, and with what was learned from earlier windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.methods.describe import describe
from momus.monitor import calibrate
from momus.monitor.alarms import Control
from momus.monitor.columns import Cells
from momus.monitor.detector import Lacking, fits
from momus.monitor.events import blank
from momus.monitor.reference import Reference
from momus.monitor.units import Units
from momus.stats import two_sample

KINDS = Column("kind", ColumnKind.CATEGORICAL, categories=tuple("abcdef"))
SHARES = np.array([0.4, 0.3, 0.15, 0.1, 0.05, 0.0])


def draw(n: int, rng: np.random.Generator, shift: float = 0.0) -> NumpyArray:
    x = rng.normal(size=(n, 5))
    x[:, 0] += shift
    return np.column_stack([x, rng.choice(6, n, p=SHARES)])


def cells(n: int, rng: np.random.Generator) -> Cells:
    return Cells(draw(n, rng), [*(Column(f"c{j}") for j in range(5)), KINDS])


@pytest.mark.parametrize(("n", "m"), [(200, 2000), (500, 500), (2000, 200)])
def test_one_reference_serves_any_number_of_clean_windows(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    found = []
    for _ in range(6):
        reference = cells(n, rng)
        found.append(
            [calibrate.together(calibrate.drift(reference, reference.count(draw(m, rng)))[1]) for _ in range(25)]
        )
    by_reference = (np.array(found) <= 0.05).mean(axis=1)
    assert by_reference.max() <= 0.16, "for each reference by itself, and not only on the average over references"


def test_a_two_sample_test_would_not() -> None:
    """What is guarded against: with a reference smaller than the window one and the same p comes again and again."""
    rng, worst = np.random.default_rng(3), 0.0
    for _ in range(12):
        reference = np.sort(rng.random(200))
        p = [two_sample.ks_p_value(two_sample.ks_statistic(rng.random(4000), reference), 200, 4000) for _ in range(8)]
        worst = max(worst, float(np.mean(np.array(p) <= 0.05)))
    assert worst > 0.5


@pytest.mark.parametrize(("n", "m", "shift"), [(2000, 2000, 0.4), (500, 5000, 0.6), (10_000, 500, 0.5)])
def test_a_shift_larger_than_both_errors_is_seen(n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(4)
    reference = cells(n, rng)
    gap, p = calibrate.drift(reference, reference.count(draw(m, rng, shift)))
    assert int(np.argmax(gap)) == int(np.argmin(p)) == 0 and calibrate.together(p) < 1e-4


def test_what_is_tolerated_is_no_drift() -> None:
    rng = np.random.default_rng(5)
    reference = cells(2000, rng)
    now = reference.count(draw(2000, rng, 0.4))
    assert calibrate.drift(reference, now, tolerance=0.3)[1].min() > 0.5


def test_cells_know_what_is_outside_missing_and_unknown() -> None:
    reference = Cells(np.column_stack([np.arange(100.0), np.arange(100) % 3]), [Column("number"), KINDS])
    x = np.array([[-1.0, 0], [0, 1], [99, 2], [100, 5], [np.nan, -1], [50, np.nan], [np.inf, 77]])
    place = reference.place(x)
    words = [[reference.say(j, int(c)) for c in row] for j, row in enumerate(place)]
    assert words[0][0] == "number below all of the reference" and words[0][3] == words[0][6]
    assert words[0][3] == "number above all of the reference" and words[0][4] == "number is missing"
    assert words[1][:3] == ["kind is a", "kind is b", "kind is c"]
    assert words[1][4] == words[1][6] == "kind is none that is known" and words[1][5] == "kind is missing"
    assert reference.count(x).sum(axis=1).tolist() == [7, 7]


def test_distances_are_those_of_the_plain_tests() -> None:
    rng = np.random.default_rng(6)
    a, b = draw(3000, rng), draw(2000, rng, 0.5)
    reference = Cells(a, [*(Column(f"c{j}") for j in range(5)), KINDS])
    gap = reference.distance(reference.count(b))
    assert gap[0] == pytest.approx(two_sample.ks_statistic(a[:, 0], b[:, 0]), abs=0.02)
    counts = [np.bincount(v[:, 5].astype(int), minlength=6) for v in (a, b)]
    assert gap[5] == pytest.approx(two_sample.total_variation(*counts))


def test_many_categories_share_a_cell_and_memory_stays_small() -> None:
    column = Column("town", ColumnKind.CATEGORICAL, categories=tuple(str(i) for i in range(5000)))
    x = np.random.default_rng(7).zipf(1.3, 4000)[:, None] % 5000
    reference = Cells(x.astype(float), [column])
    assert reference.size < 80 and calibrate.drift(reference, reference.counts)[1][0] == 1.0


def test_counts_are_held_against_the_most_that_the_reference_leaves_open() -> None:
    rng = np.random.default_rng(8)
    hits = rng.binomial(500, 0.05, 400)
    assert (calibrate.upper(hits, 500) < 0.05).mean() <= 0.01
    assert calibrate.more(0, 100, 0.1) == 1.0
    assert calibrate.more(5, 100, 0.01) == pytest.approx(scipy.stats.binom.sf(4, 100, 0.01))
    assert calibrate.together(np.array([0.01, np.nan, 0.5])) == pytest.approx(0.02)
    assert calibrate.together(np.array([np.nan])) == 1.0


@pytest.mark.parametrize("kind", ["normal", "heavy", "rare", "skewed"])
def test_what_is_learned_from_windows_gives_honest_p_values(kind: str) -> None:
    """Not exact: tails heavier than normal are met by five degrees of freedom. No more than a third over the level."""
    rng, p = np.random.default_rng(9), []
    for _ in range(40):
        one = calibrate.Usual.new()
        for _ in range(80):
            if kind == "rare":
                value = calibrate.angle(int(rng.poisson(0.5)), 2000)
            elif kind == "heavy":
                value = (float(rng.standard_t(4)), 0.0)
            elif kind == "skewed":
                value = (float(rng.gamma(20.0)), 0.0)
            else:
                value = (float(rng.normal()), 0.0)
            p.append(calibrate.Usual.look(one, *value))
    told = np.array([v for v in p if v is not None])
    assert len(told) == 40 * (80 - calibrate.Usual.learn)
    for level in (0.001, 0.01, 0.05):
        assert (told <= level).mean() <= 1.34 * level + 3 * np.sqrt(level / len(told))


def test_a_spike_is_seen_and_does_not_become_what_is_usual() -> None:
    rng, one = np.random.default_rng(10), calibrate.Usual.new()
    for v in rng.normal(size=60):
        calibrate.Usual.look(one, float(v), 0.0)
    p = [calibrate.Usual.look(one, 15.0, 0.0) for _ in range(5)]
    assert all(v is not None and v < 0.01 for v in p)


def test_a_unit_is_named_and_another_shape_is_not_taken_for_one() -> None:
    rng = np.random.default_rng(11)
    x = rng.lognormal(1.0, 0.4, (1000, 2))
    watch = Units(x, np.zeros(2, dtype=bool))
    now = rng.lognormal(1.0, 0.4, (128, 2)) * [2.54, 1.0]
    p, factor = watch.look(now)
    assert factor[0] == 2.54 and p[0] < 1e-9 and factor[1] == 1.0 and p[1] == 1.0
    p, factor = watch.look(np.column_stack([np.full(128, 900.0), rng.normal(40, 30, 128)]))
    assert factor.tolist() == [1.0, 1.0] or p.min() > 1e-9


@pytest.mark.parametrize(("fault", "word"), [("blur", "blurred"), ("noise", "noisy"), ("dark", "too dark")])
def test_pictures_that_lost_their_quality_are_named(fault: str, word: str) -> None:
    rng = np.random.default_rng(12)

    def pictures(n: int, fault: str = "") -> NumpyArray:
        x = (
            120
            + 60 * rng.uniform(0.5, 1.0, (n, 1, 1, 1)) * rng.normal(size=(n, 12, 12, 1))
            + 20 * rng.normal(size=(n, 1, 1, 1))
        )
        if fault == "blur":
            x = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 16 + 90
        elif fault == "noise":
            x = x + 90 * rng.normal(size=x.shape)
        elif fault == "dark":
            x = x / 6
        found = describe(Samples(np.clip(x, 0, 255).astype(np.uint8)))
        return found.values

    x = pictures(1200)
    names = describe(Samples(np.zeros((1, 12, 12, 1), np.uint8))).names
    none, unknown = np.zeros((1200, 0)), np.full(1200, -1)
    columns = tuple(Column(n) for n in names)
    reference = Reference("m", "s", "classifier", x, columns, "image", none, unknown, unknown * np.nan, x[:0])
    detector = fits()["corruption.quality"](reference, {}, 1)
    assert not isinstance(detector, Lacking)
    detector.take(replace(blank(500), x=pictures(500)))
    calm = detector.close(1)
    assert calm is not None and calm.p is not None and calm.p > 0.01
    detector.take(replace(blank(500), x=np.concatenate([pictures(400), pictures(100, fault)])))
    reading = detector.close(2)
    assert reading is not None and reading.p is not None and reading.p < 1e-4
    assert any(word in f.name for f in reading.figures) and 0.1 < reading.value < 0.35


@pytest.mark.parametrize(("usual", "now"), [(0.0005, 0.01), (0.005, 0.02)])
def test_a_fault_does_not_become_usual_before_the_alarm(usual: float, now: float) -> None:
    """Right after the windows that are learned from, where one strange window weighs most."""
    rng, found = np.random.default_rng(3), []
    for _ in range(12):
        one, control, began = calibrate.Usual.new(), Control([f"d{i}" for i in range(18)], 5000), 0
        for number in range(1, 29):
            hits = int(rng.binomial(2000, usual if number <= 16 else now))
            p = calibrate.Usual.look(one, *calibrate.angle(hits, 2000))
            began = began or (number if control.look("d0", p, number).news == "began" else 0)
        found.append(began)
    assert min(found) > 16 and max(found) <= 26, found
