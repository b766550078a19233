"""Reprogramming: gradients against differences, programs that are known to exist, and none where none can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.capabilities import Slope
from momus.core.errors import BudgetSpent
from momus.methods import reprogram as rp
from momus.methods import reprogram_labels as read
from momus.methods import reprogram_stop as stop
from momus.methods.reprogram_worth import linear_answers, worth

NumpyArray = Any


class Switch:
    """A model with a program built in: the brightness of its first row says how the one middle pixel is read.

    score_1 - score_0 = 8 (row - 0.5) (middle - 0.5): with a bright row bright means 1, with a dark one bright means 0.
    """

    def __init__(self, budget: int = 10**9, blind: bool = False) -> None:
        self.left, self.blind, self.asked = budget, blind, 0

    def scores(self, x: NumpyArray) -> NumpyArray:
        if len(x) > self.left:
            raise BudgetSpent
        self.left -= len(x)
        self.asked += len(x)
        row, middle = x[:, 0, 0].mean(axis=1), x[:, 0, 2, 2]
        lean = 0 * row if self.blind else 8 * (row - 0.5) * (middle - 0.5)
        return np.stack([-lean, lean], axis=1)

    def pullback(self, x: NumpyArray, slope: Slope) -> tuple[NumpyArray, NumpyArray]:
        out = self.scores(x)
        w = slope(out, slice(0, len(x)))
        lean = w[:, 1] - w[:, 0]
        row, middle = x[:, 0, 0].mean(axis=1), x[:, 0, 2, 2]
        g = np.zeros_like(x)
        if not self.blind:
            g[:, 0, 0] = (lean * 8 * (middle - 0.5) / x.shape[3])[:, None]
            g[:, 0, 2, 2] = lean * 8 * (row - 0.5)
        return out, g


CANVAS = rp.Canvas((1, 5, 5), 1, 1, np.zeros((1, 1, 5, 5), np.float32))


def bits(n: int, flip: bool) -> tuple[NumpyArray, NumpyArray]:
    y = np.random.default_rng(0).integers(0, 2, n)
    return (1 - y if flip else y).astype(np.float32)[:, None, None, None], y


def right(model: Switch, program: rp.Program, x: NumpyArray, y: NumpyArray, canvas: rp.Canvas = CANVAS) -> float:
    out = model.scores(canvas.embed(x, canvas.native(canvas.frame(program.weights))))
    return float((program.mapping.read(out).argmax(axis=1) == y).mean())


def learn(model: Switch, x: NumpyArray, y: NumpyArray, how: str, canvas: rp.Canvas = CANVAS, **more: Any) -> rp.Program:
    plan = rp.Plan(steps=more.pop("steps", 80), batch=16, rate=0.2, **more)
    rng = np.random.default_rng(3)
    if how == "white":
        return rp.white_box(model.pullback, model.scores, canvas, x, y, labels=2, outputs=2, plan=plan, rng=rng)
    return rp.black_box(model.scores, canvas, x, y, labels=2, outputs=2, plan=plan, rng=rng)


@pytest.mark.parametrize("how", ["white", "black"])
@pytest.mark.parametrize("flip", [False, True])
def test_the_known_program_is_found(how: str, flip: bool) -> None:
    """The row must go bright or dark as the task asks, and nothing but the row does anything."""
    x, y = bits(64, flip)
    model = Switch()
    program = learn(model, x, y, how)
    row = CANVAS.frame(program.weights)[0, 0].mean()
    assert right(model, program, x, y) == 1.0
    assert row < 0.4 if flip else row > 0.6


@pytest.mark.parametrize("how", ["white", "black"])
def test_no_program_where_none_can_exist(how: str) -> None:
    x, y = bits(64, False)
    model = Switch(blind=True)
    program = learn(model, x, y, how)
    assert program.flat == 1.0
    assert 0.3 < right(model, program, x, y) < 0.7


def test_the_wrong_gradient_finds_nothing() -> None:
    """Sabotage: a learner that climbs the loss must not pass for one that descends."""

    class Backwards(Switch):
        def pullback(self, x: NumpyArray, slope: Slope) -> tuple[NumpyArray, NumpyArray]:
            out, g = super().pullback(x, slope)
            return out, -g

    x, y = bits(64, True)
    model = Backwards()
    assert right(model, learn(model, x, y, "white", offsets=False), x, y) < 0.1


@pytest.mark.parametrize("how", ["white", "black"])
def test_same_seed_same_program(how: str) -> None:
    x, y = bits(32, True)
    a, b = (learn(Switch(), x, y, how, steps=10) for _ in range(2))
    assert np.array_equal(a.weights, b.weights) and a.mapping == b.mapping and a.curve == b.curve


@pytest.mark.parametrize("how", ["white", "black"])
@pytest.mark.parametrize("budget", [0, 1, 70, 500])
def test_budget(how: str, budget: int) -> None:
    x, y = bits(32, False)
    model = Switch(budget)
    program = learn(model, x, y, how)
    assert not program.complete and program.queries == model.asked <= budget
    assert np.isfinite(program.weights).all()


def test_queries_are_counted_exactly() -> None:
    x, y = bits(32, False)
    for how, each in (("white", 16), ("black", 2 * 3 * 16)):
        model = Switch()
        program = learn(model, x, y, how, steps=7, directions=3)
        assert program.queries == model.asked == 7 * each + 2 * 32  # 32 before the first step, 32 behind the last


def test_a_batch_larger_than_the_examples_and_one_example() -> None:
    x, y = bits(1, False)
    assert learn(Switch(), x, y, "white", steps=5).steps == 5


def test_frame_and_picture_keep_apart() -> None:
    canvas = rp.Canvas((3, 7, 10), 4, 3, np.zeros((1, 3, 7, 10), np.float32))
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(canvas.grid)
    pictures = rng.random((2, 3, 4, 4)).astype(np.float32)
    x = canvas.embed(pictures, canvas.frame(weights))
    top, left = canvas.corner
    assert np.array_equal(x[:, :, top : top + 4, left : left + 4], pictures)
    assert canvas.grid == (3, 3, 4) and x.min() >= 0 and x.max() <= 1
    x[:] = 0
    assert pictures.any(), "embedding copies"


def test_carry_back_is_the_derivative() -> None:
    canvas = rp.Canvas((2, 6, 7), 2, 3, np.zeros((1, 2, 6, 7), np.float32))
    rng = np.random.default_rng(0)
    weights, c = rng.standard_normal(canvas.grid), rng.standard_normal(canvas.shape)
    got = canvas.carry_back(c, weights)
    for place in np.ndindex(*canvas.grid):
        e = np.zeros(canvas.grid)
        e[place] = 1e-3
        up, down = canvas.frame(weights + e).astype(float), canvas.frame(weights - e).astype(float)
        assert got[place] == pytest.approx(((up - down) * c).sum() / 2e-3, abs=2e-3)


@pytest.mark.parametrize("groups", [((0,), (2,), (4,)), ((0, 3), (2, 5), (4, 1))])
def test_slope_is_the_derivative_of_the_loss(groups: tuple[tuple[int, ...], ...]) -> None:
    mapping = read.LabelMap(groups, gain=1.7, bias=(0.1, -0.4, 0.3))
    out, y = np.random.default_rng(0).standard_normal((4, 6)), np.array([0, 1, 2, 2])
    got = mapping.slope(out, y)
    for i, j in np.ndindex(4, 6):
        e = np.zeros_like(out)
        e[i, j] = 1e-5
        rise = (mapping.loss(out + e, y).sum() - mapping.loss(out - e, y).sum()) / 2e-5
        assert got[i, j] == pytest.approx(rise, abs=1e-6)
    descent = mapping.descent(out, y)
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-5
        rise = (mapping.moved(step).loss(out, y).mean() - mapping.moved(-step).loss(out, y).mean()) / 2e-5
        assert descent[k] == pytest.approx(rise, abs=1e-6)


def test_matching_finds_a_hidden_order_of_outputs() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 400)
    out = rng.standard_normal((400, 9))
    out[np.arange(400), np.array([7, 0, 3, 5])[y]] += 3
    assert read.matched(out, y, 4).groups == ((7,), (0,), (3,), (5,))
    every = read.matched(out, y, 4, per=2).groups
    assert len({i for g in every for i in g}) == 8


def test_first_map_never_gives_more_outputs_than_there_are() -> None:
    assert read.first(3, 7, per=9).groups == ((0, 3), (1, 4), (2, 5))


def test_worth_is_paired_and_nothing_where_the_own_model_does_as_well() -> None:
    rng = np.random.default_rng(0)
    own = rng.random(500) < 0.5
    guess = np.zeros(500, dtype=bool)
    same = worth(own, own, guess, rng)
    assert same.gain == 0 and same.gain_ci.high < 0.05
    both = own | (rng.random(500) < 0.6)
    more = worth(both, own, guess, rng)
    assert 0.5 < more.gain_ci.low < more.gain < more.gain_ci.high < 0.7
    assert worth(own, both, guess, rng).gain == 0
    assert worth(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, bool), rng).gain_ci.high == 1


@pytest.mark.slow
def test_worth_covers_the_truth() -> None:
    """19 of 20 intervals hold the true gain of 0.3 at 80 pictures."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        own = rng.random(80) < 0.4
        stolen = np.where(own, rng.random(80) < 0.9, rng.random(80) < 0.3 + 0.1 * 0.4 / 0.6)
        ci = worth(stolen, own, np.zeros(80, bool), rng).gain_ci
        held += ci.low <= 0.3 <= ci.high
    assert held >= 275


def test_linear_model_with_one_label_or_constant_pictures() -> None:
    rng = np.random.default_rng(0)
    x = np.zeros((6, 4))
    assert (linear_answers(x, np.full(6, 2), x, rng, 3) == 2).all()
    assert (linear_answers(x, np.array([0, 1, 1, 1, 0, 1]), x, rng, 3) == 1).all()


def test_filters_keep_shape_and_range() -> None:
    rng = np.random.default_rng(0)
    for channels in (1, 3, 4):
        x = rng.random((3, channels, 9, 14)).astype(np.float32)
        for name, change in stop.input_filters(rng).items():
            made = change(x)
            assert made.shape == x.shape and made.min() >= 0 and made.max() <= 1, name
    assert np.allclose(stop.smoothed(np.full((1, 1, 5, 5), 0.3)), 0.3)


def test_rounded_scores_lose_order() -> None:
    told = stop.rounded(np.log(np.array([[0.949, 0.03, 0.021]])), 1)
    assert told[0, 0] > told[0, 1] == told[0, 2]


def test_detectors_see_frames_and_leave_honest_callers_alone() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((1, 1, 12, 12))
    honest = np.clip(base + 0.2 * rng.standard_normal((400, 1, 12, 12)), 0, 1)
    strange = np.repeat((rng.random((1, 1, 12, 12)) > 0.5).astype(float), 80, axis=0)
    strange[:, :, 4:8, 4:8] = rng.random((80, 1, 4, 4))
    for detector in (stop.far_from, stop.same_frame):
        caught = detector(honest, strange, rng)
        assert caught is not None and caught.seen == caught.of and caught.false <= 0.1 * caught.honest
        fine = detector(honest[:300], honest[300:], rng)
        assert fine is not None and fine.seen <= 0.1 * fine.of
    assert stop.far_from(honest[:10], strange, rng) is None
