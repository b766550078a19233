"""Copies and questions: known answers, gradients by differences, and what a thief may send."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.methods import copying, copying_network, copying_rows, copying_search, copying_transfer
from momus.methods.copying import Learner
from momus.methods.copying_rows import PictureRows, TableRows
from momus.methods.domain import Domain
from momus.methods.table_rules import parse
from momus.methods.theft_rows import table_ranges


def _line(x: NumpyArray) -> NumpyArray:
    z = x @ np.array([[1.5, -1.0, 0.0], [0.5, 1.0, -2.0], [0.0, 0.3, 0.7]]) + np.array([0.2, 0.0, -0.4])
    return copying_network.softmax(z)


def test_slopes_of_a_picture_network_are_those_of_differences() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((40, 2, 9, 11)).astype(np.float32)
    recipe = copying_network.Recipe(hidden=(6,), channels=(3, 4), steps=20)
    net = copying_network.fit(x, np.eye(3)[rng.integers(0, 3, 40)], rng=rng, recipe=recipe)
    for layer in net.layers:
        layer.parameters = [p.astype(float) for p in layer.parameters]
    at, weigh, way = x[:3].astype(float), rng.normal(size=(3, 3)), rng.normal(size=(3, 2, 9, 11))
    change = ((net.scores(at + 1e-6 * way) - net.scores(at - 1e-6 * way)) * weigh).sum() / 2e-6
    assert (net.pullback(at, weigh) * way).sum() == pytest.approx(change, rel=1e-5)


def test_slopes_reach_through_the_averaging_of_large_pictures() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((30, 1, 70, 66)).astype(np.float32)
    recipe = copying_network.Recipe(hidden=(6,), channels=(3, 4), steps=10)
    net = copying_network.fit(x, np.eye(2)[rng.integers(0, 2, 30)], rng=rng, recipe=recipe)
    for layer in net.layers:
        layer.parameters = [p.astype(float) for p in layer.parameters]
    at, weigh, way = x[:2].astype(float), rng.normal(size=(2, 2)), rng.normal(size=(2, 1, 70, 66))
    change = ((net.scores(at + 1e-6 * way) - net.scores(at - 1e-6 * way)) * weigh).sum() / 2e-6
    assert (net.pullback(at, weigh) * way).sum() == pytest.approx(change, rel=1e-4)


def test_slopes_of_a_table_network_leave_codes_and_missing_values_alone() -> None:
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.normal(size=(60, 2)) * [1, 100], rng.integers(0, 3, 60)])
    codes = {2: (0.0, 1.0, 2.0)}
    net = copying_network.fit(x, np.eye(2)[(x[:, 0] > 0).astype(int)], rng=rng, codes=codes)
    at, weigh = x[:5].copy(), rng.normal(size=(5, 2))
    at[0, 1] = np.nan
    g = net.pullback(at, weigh)
    assert np.isfinite(net.scores(at)).all() and (g[:, 2] == 0).all() and g[0, 1] == 0 and (g[1:, 0] != 0).any()
    for layer in net.layers:
        layer.parameters = [p.astype(float) for p in layer.parameters]
    way = np.array([[1.0, 50.0, 0.0]]) * rng.normal(size=(4, 1))
    change = ((net.scores(at[1:] + 1e-4 * way) - net.scores(at[1:] - 1e-4 * way)) * weigh[1:]).sum() / 2e-4
    assert (net.pullback(at[1:], weigh[1:]) * way).sum() == pytest.approx(change, rel=0.02)


def test_bytes_and_shares_of_one_are_the_same_picture() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (20, 1, 8, 8)).astype(np.uint8)
    net = copying_network.fit(x, np.eye(2)[rng.integers(0, 2, 20)], rng=rng)
    assert net.scores(x) == pytest.approx(net.scores(x.astype(np.float32) / 255), abs=1e-5)


def test_a_line_is_copied_exactly_from_its_probabilities() -> None:
    rng = np.random.default_rng(4)
    x, far = rng.normal(size=(80, 3)), rng.normal(size=(500, 3)) * 3
    copy = Learner(3, {}, "table").fit("line", x, _line(x), 0)
    assert (copy.scores(far).argmax(1) == _line(far).argmax(1)).all()
    assert copying_network.softmax(copy.scores(x)) == pytest.approx(_line(x), abs=1e-6)


def test_the_kind_is_chosen_by_what_it_has_not_seen() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (400, 3))
    learner = Learner(2, {}, "table")
    steps = np.eye(2)[((x[:, 0] > 0.3) ^ (x[:, 1] > -0.2)).astype(int)]
    drawn = np.ones(400, dtype=bool)
    line = learner.choose(x, np.eye(2)[(x @ [1.0, 2.0, -1.0] > 0).astype(int)], drawn, 0)
    boxes = learner.choose(x, steps, drawn, 0)
    assert line.kind == "line" and line.agreement["line"] > 0.95
    assert "line" not in boxes.kind and boxes.agreement[boxes.kind] > 0.95


def test_a_service_that_knows_one_answer_gives_a_copy_that_knows_one() -> None:
    x = np.random.default_rng(6).normal(size=(40, 2))
    learner = Learner(3, {}, "table")
    only = np.eye(3)[np.full(40, 1)]
    for kind in ("line", "tree", "forest", "boosting", "network"):
        assert (learner.fit(kind, x, only, 0).scores(x).argmax(1) == 1).all(), kind
    texts = np.array([f"word {i}" for i in range(40)], dtype=object)
    assert (Learner(3, {}, "text").fit("words", texts, only, 0).scores(texts).argmax(1) == 1).all()


def _form() -> TableRows:
    columns = (
        Column("age", ColumnKind.INTEGER, low=18, high=90),
        Column("income", low=0, high=1e6),
        Column("debt", low=0, high=1e6),
        Column("kind", ColumnKind.CATEGORICAL, categories=("a", "b", "c")),
        Column("north", ColumnKind.BINARY, one_hot="region"),
        Column("south", ColumnKind.BINARY, one_hot="region"),
    )
    samples = Samples(np.array([[30, 10.0, 5.0, 0, 1, 0], [40, 99.0, 7.0, 2, 0, 1]]), columns=columns)
    return TableRows(table_ranges(samples.x, columns), (parse("debt <= 3 * income", columns),))


def test_every_row_that_is_asked_is_one_the_form_takes() -> None:
    form, rng = _form(), np.random.default_rng(7)
    drawn = form.draw(2000, rng)
    changed = form.change(drawn, rng)
    laid = form.between(drawn[:1000], drawn[1000:], rng)
    for x in (drawn, changed, laid):
        assert (x[:, 0] == np.round(x[:, 0])).all() and x[:, 0].min() >= 18 and x[:, 0].max() <= 90
        assert x[:, 1:3].min() >= 0 and x[:, 1:3].max() <= 1e6
        assert np.isin(x[:, 3], [0, 1, 2]).all() and (x[:, 4:].sum(1) == 1).all() and np.isin(x[:, 4:], [0, 1]).all()
        assert (x[:, 2] <= 3 * x[:, 1] + 1e-6).mean() > 0.999
    assert 0.05 < (drawn[:, 1] < 1000).mean() < 0.6  # where an even draw has one row in a thousand
    assert (changed != drawn).any(1).mean() > 0.7 and (changed == drawn).mean() > 0.5


def test_pictures_of_nothing_are_pictures_and_differ() -> None:
    space, rng = PictureRows((14, 12, 3)), np.random.default_rng(8)
    x = space.draw(200, rng)
    assert x.shape == (200, 14, 12, 3) and x.dtype == np.uint8 and len(np.unique(x.reshape(200, -1), axis=0)) > 190
    assert 20 < x.mean() < 230 and x.std() > 30
    assert space.change(x, rng).shape == x.shape and space.between(x[:9], x[9:18], rng).shape == (9, 14, 12, 3)


def test_doubtful_rows_of_every_class_that_lie_apart() -> None:
    rng = np.random.default_rng(9)
    scores = np.zeros((1000, 3))
    scores[:, 0] = 5.0  # sure of the first class
    scores[:40, 0] = 0.05  # in doubt, still the first
    scores[40:60, 1] = 5.2  # just the second
    x = np.repeat(rng.normal(size=(500, 2)), 2, axis=0)  # every row twice
    taken = copying_rows.near_the_boundary(scores, x, 20, rng)
    assert len(set(taken)) == 20 and (taken < 60).mean() > 0.9
    assert ((taken >= 40) & (taken < 60)).sum() >= 3  # the rare class has its share
    assert len({i // 2 for i in taken}) == 20  # and no row comes with its twin


def test_questions_grow_by_the_same_factor_and_end_at_the_last() -> None:
    assert copying_rows.stages_of(2000)[-1] == 2000 and copying_rows.stages_of(2000)[0] == 50
    assert copying_rows.stages_of(7) == [7] and copying_rows.stages_of(0) == []


def _thief(answer: copying_search.Ask, queries: int, k: int = 3) -> copying_search.Thief:
    def same(x: NumpyArray) -> NumpyArray:
        return x

    rng = np.random.default_rng(10)
    return copying_search.Thief(answer, same, Learner(k, {}, "table"), queries, rng, lambda _d, _n: None, same)


def _box() -> TableRows:
    return TableRows(table_ranges(np.array([[-3.0, -3, -3], [3, 3, 3]])))


def test_active_questions_count_and_beat_chance_near_a_boundary() -> None:
    asked: list[NumpyArray] = []

    def answer(x: NumpyArray) -> NumpyArray:
        asked.append(x)
        return np.eye(2)[(np.hypot(x[:, 0], x[:, 1]) < 1.2).astype(int)]

    theft = copying_search.active(_thief(answer, 400, 2), _box())
    assert sum(map(len, asked)) == len(theft) == 400 and theft.complete
    radius = np.hypot(theft.x[:, 0], theft.x[:, 1])
    near = np.abs(radius - 1.2) < 0.4
    assert near[~theft.drawn].mean() > 1.4 * near[theft.drawn].mean()
    assert theft.stages[-1][0] == 400 and [q for q, _ in theft.stages] == sorted({q for q, _ in theft.stages})


def test_a_budget_that_ends_leaves_the_copy_of_what_was_answered() -> None:
    left = 120

    def answer(x: NumpyArray) -> NumpyArray:
        nonlocal left
        n = min(left, len(x))
        left -= n
        return _line(x[:n])

    theft = copying_search.active(_thief(answer, 500), _box())
    assert len(theft) == 120 and not theft.complete and theft.stages[-1][0] == 120


def test_jacobian_steps_cross_the_boundary_from_a_few_rows() -> None:
    seeds = np.random.default_rng(11).normal(size=(20, 3))
    seeds[:, 0] = np.abs(seeds[:, 0]) * np.where(np.arange(20) < 10, 1, -1)

    def answer(x: NumpyArray) -> NumpyArray:
        return np.eye(2)[(x[:, 0] > 0).astype(int)]

    theft = copying_search.along_gradients(_thief(answer, 160, 2), seeds, lambda rows, way: rows + 0.4 * way)
    moved = theft.x[20:] if len(theft) > 20 else theft.x
    assert len(theft) == 160 and theft.drawn[:20].all() and not theft.drawn[20:].any()
    assert (np.abs(moved[20:, 0]) < np.abs(seeds[:, 0]).max() + 2).all()
    test = np.random.default_rng(12).normal(size=(400, 3))
    copy = theft.stages[-1][1]
    assert (copy.scores(test).argmax(1) == (test[:, 0] > 0)).mean() > 0.9


@pytest.mark.parametrize("selection", ["random", "reward", "margin"])
def test_a_pool_is_asked_once_at_most(selection: str) -> None:
    pool = np.random.default_rng(13).normal(size=(150, 3))
    theft = copying_search.from_a_pool(_thief(_line, 400), pool, np.arange(150) % 4, selection)
    assert len(theft) == 150 and len(np.unique(theft.x, axis=0)) == 150


def test_the_bandit_goes_where_the_copy_is_wrong() -> None:
    rng = np.random.default_rng(14)
    parts = np.repeat([0, 1], 500)
    bandit = copying_search._Bandit(parts, rng)
    answers = np.concatenate([np.eye(2)[np.zeros(40, int)], np.eye(2)[np.ones(40, int)]])
    bandit.learn(np.arange(40), np.eye(2)[np.zeros(40, int)], 0, None)
    for _ in range(5):
        taken = np.concatenate([np.arange(20), np.arange(500, 520)])
        grown = np.concatenate([answers, np.eye(2)[np.zeros(20, int)], np.eye(2)[np.ones(20, int)]])
        copied = np.tile([4.0, -4.0], (40, 1))  # right on part 0, wrong on part 1
        bandit.learn(taken, grown, len(answers), copied)
    assert (bandit.draw(np.arange(1000), 200) >= 500).mean() > 0.75


def test_examples_stay_inside_epsilon_and_raise_the_loss() -> None:
    rng = np.random.default_rng(15)
    x = rng.random((50, 1, 4, 4))
    way = rng.normal(size=(1, 1, 4, 4))

    def slope(at: NumpyArray) -> NumpyArray:
        return np.broadcast_to(way, at.shape)

    moved = copying_transfer.pushed(slope, x, 0.1, Domain.image())
    chance = copying_transfer.shaken(x, 0.1, Domain.image(), rng)
    for made in (moved, chance):
        assert np.abs(made - x).max() <= 0.1 + 1e-9 and made.min() >= 0 and made.max() <= 1
    assert moved == pytest.approx(np.clip(x + 0.1 * np.sign(way), 0, 1))
    assert ((moved - x) * way).sum() > 5 * abs(((chance - x) * way).sum())


def test_whole_numbers_move_though_each_step_is_short() -> None:
    samples = Samples(np.arange(40.0).reshape(-1, 1), columns=(Column("n", ColumnKind.INTEGER),))
    domain = Domain.table(samples)
    x = samples.x[10:20]
    moved = copying_transfer.pushed(lambda at: np.ones_like(at), x, 0.25, domain, steps=20)
    assert (moved == np.round(moved)).all() and (moved > x).all()


def test_a_line_weighs_rounded_answers_by_what_they_say() -> None:
    rng = np.random.default_rng(16)
    x, test = rng.uniform(-4, 4, (300, 3)), rng.normal(size=(2000, 3))
    p = copying_network.softmax(np.column_stack([2 * x.sum(1), np.zeros(300)]))
    copy = Learner(2, {}, "table").fit("line", x, np.clip(np.round(p, 2), 0, 1), 0)
    assert (copy.scores(test).argmax(1) == (test.sum(1) < 0)).mean() > 0.97


def test_codes_are_spread_out_and_numbers_kept() -> None:
    x = np.array([[1.5, 2.0], [2.5, 0.0]])
    spread = copying.spread_codes(x, {1: (0.0, 1.0, 2.0)})
    assert spread.tolist() == [[1.5, 0, 0, 1], [2.5, 1, 0, 0]]
