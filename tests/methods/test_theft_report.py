"""The report on a stolen copy: its curve, its price, what no query buys, and who would have been accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind
from momus.core.service import Service
from momus.methods import theft_defences, theft_report
from momus.methods.theft_defences import Alarm, View, view_of
from momus.methods.theft_report import Baseline, Exam, Loot, Stage
from momus.methods.theft_rows import table_ranges


def exam(n: int = 400) -> Exam:
    rng = np.random.default_rng(0)
    x, far = rng.normal(size=(n, 2)), rng.uniform(-3, 3, (n, 2))
    said, other = (x[:, 0] > 0).astype(int), (far[:, 0] > 0).astype(int)
    return Exam(x, said, far, other, said.copy())


def wrong_on(share: float) -> Any:
    """A copy that errs on the first ``share`` of any rows."""

    def predict(x: Any) -> Any:
        right = (x[:, 0] > 0).astype(int)
        right[: int(share * len(x))] ^= 1
        return right

    return predict


def test_queries_to_a_level_are_read_between_points_and_never_backwards() -> None:
    stages = [Stage(100, wrong_on(0.2)), Stage(200, wrong_on(0.0)), Stage(150, wrong_on(0.3))]
    points = theft_report.grade(stages, exam())
    assert [p.queries for p in points] == [100, 150, 200]
    assert theft_report.queries_to(points, 0.90) == pytest.approx(175)  # half of the way from 0.8 at 150 to 1 at 200
    assert theft_report.queries_to(points, 0.80) == 100
    assert theft_report.queries_to(points[:2], 0.99) is None


def test_prices_say_what_was_not_reached_and_what_is_not_known() -> None:
    points = theft_report.grade([Stage(100, wrong_on(0.08))], exam())
    table = theft_report.prices(Loot(points, Baseline(0.5), Service(price=2.0, currency="EUR", per_minute=50)))
    assert table.rows[0] == ("90%", 100, 0.2, 2.0)
    assert [r[1] for r in table.rows[1:]] == ["not reached", "not reached"]
    bare = theft_report.prices(Loot(points, Baseline(0.5)))
    assert bare.rows[0][2:] == ("no price on the card", "no limit on the card")


def test_a_copy_no_better_than_the_commonest_answer_is_no_theft() -> None:
    def said(share: float, *known: float) -> list[tuple[str, str]]:
        points = theft_report.grade([Stage(100, wrong_on(share))], exam())
        return [(c.code, c.blocks) for c in theft_report.caveats(Loot(points, Baseline(*known)))]

    assert said(0.04, 0.95) == said(0.04, 0.95, 0.5) == [("nothing-gained", "fail")]
    assert said(0.04, 0.5, 0.7) == said(0.0, 0.99) == []
    assert said(0.0, 1.0) == [("nothing-gained", "fail")]  # a model of one answer: right everywhere, and worth nothing
    few = theft_report.grade([Stage(100, wrong_on(0.0))], exam(20))
    assert [c.code for c in theft_report.caveats(Loot(few, Baseline(0.5)))] == ["too-few-samples"]


def test_what_labelled_rows_give_is_said_and_excuses_no_theft() -> None:
    """No thief here owns labels, whichever probe sent him."""
    points = theft_report.grade([Stage(100, wrong_on(0.04))], exam())
    found = theft_report.caveats(Loot(points, Baseline(0.5, 0.97, "trees fitted on 500 labelled rows, no query")))
    assert [(c.code, c.blocks) for c in found] == [("labels-would-do", "none")] and "500 labelled" in found[0].message


def test_the_free_copy_never_sees_the_rows_it_is_judged_on() -> None:
    rng = np.random.default_rng(1)
    noise = Exam(rng.normal(size=(400, 3)), y := rng.integers(0, 2, 400), np.zeros((0, 3)), np.zeros(0), y)
    found = theft_report.baseline(noise, None, rng)
    assert found.free is not None and 0.35 < found.free < 0.65
    assert theft_report.baseline(exam(), None, rng).best > 0.9


def test_values_are_matched_within_a_hundredth_of_their_spread() -> None:
    said = np.linspace(0, 100, 201)
    values = Exam(said[:, None], said, np.zeros((0, 1)), np.zeros(0), task="regressor")
    assert values.tolerance == pytest.approx(0.9)
    assert values.hits(said + 0.8, said).all() and not values.hits(said + 1.0, said).any()


def test_a_view_hides_what_it_says() -> None:
    p = np.array([[0.126, 0.5, 0.374]])
    assert View(1).seen(p).tolist() == [[0.1, 0.5, 0.4]]
    assert View(top=1).seen(p).tolist() == [[0.0, 0.5, 0.0]]
    assert View(labels=True).seen(p).tolist() == [[0.0, 1.0, 0.0]]
    assert view_of(Service(decimals=0, top=1)).labels and view_of(Service()) == View()


def test_callers_are_accused_by_what_they_ask() -> None:
    rng = np.random.default_rng(2)
    columns = (Column("a", low=-6.0, high=6.0), Column("b", low=-6.0, high=6.0))
    honest = rng.normal(scale=0.5, size=(800, 2))
    ranges = table_ranges(honest, columns)
    said = (honest[:, 0] > 0).astype(int)
    steps = np.column_stack([np.linspace(-6, 6, 400), np.zeros(400)])
    loud = theft_defences.watch(steps, (steps[:, 0] > 0).astype(int), honest, said, ranges, rng)
    assert all(a.queries is not None for a in loud) and all(a.false <= 4 for a in loud)
    like = rng.normal(scale=0.5, size=(400, 2))
    quiet = theft_defences.watch(like, (like[:, 0] > 0).astype(int), honest, said, ranges, rng)
    far = next(a for a in quiet if "far" in a.name)
    assert far.queries is None or far.queries > 50
    assert theft_defences.watch(steps[:5], said[:5], honest, said, ranges, rng) == []


def test_honest_callers_are_judged_on_rows_that_set_no_threshold() -> None:
    """Half of the rows lie far out, and callers of either kind see only their own third."""
    rng = np.random.default_rng(6)
    columns = (Column("a", low=-6.0, high=6.0), Column("b", low=-6.0, high=6.0))
    ranges = table_ranges(np.zeros((1, 2)), columns)
    rates = []
    for _ in range(6):
        honest = rng.standard_t(2.0, size=(300, 2)).clip(-6, 6)
        found = theft_defences.watch(honest[:150], np.zeros(150), honest, np.zeros(300), ranges, rng)
        assert all(a.length == 100 and a.honest == 20 for a in found)
        rates.append(max(a.rate for a in found))
    assert max(rates) > 0.05  # callers who shared the rows of the calibration would hardly ever be accused


def test_the_rate_of_false_alarms_stands_beside_the_alarm() -> None:
    """A test that accuses three of twenty honest callers is still reported, with its rate."""
    alarms = [
        Alarm("loud", 20, 3, 200, 10, 400),
        Alarm("calm", 20, 1, 200, 50, 400),
        Alarm("deaf", 20, 0, 200, None, 400),
    ]
    figures = {f.name: f.value for f in theft_defences.alarm_figures(alarms)}
    assert figures == {"queries_until_alarm": 50.0, "honest_accused": 0.05}
    assert {f.name: f.value for f in theft_defences.alarm_figures(alarms[:1])} == {
        "queries_until_alarm": 10.0, "honest_accused": 0.15}  # fmt: skip
    assert theft_defences.alarm_figures(alarms[2:]) == []
    table = theft_defences.alarm_table(alarms)
    assert [row[-3:] for row in table.rows] == [(3, 20, "15%"), (1, 20, "5%"), (0, 20, "0%")]
    assert table.rows[2][1] == "not noticed" and "200 real rows" in table.note


def test_ranges_are_declared_or_seen() -> None:
    columns = (
        Column("age", ColumnKind.INTEGER, 18.0, 90.0),
        Column("site", ColumnKind.CATEGORICAL, categories=("a", "b")),
        Column("free"),
    )
    ranges = table_ranges(np.array([[20.0, 1, 3.5], [30.0, 0, np.nan], [25.0, 1, 7.0]]), columns)
    rows = ranges.uniform(500, np.random.default_rng(0))
    assert set(rows[:, 1]) == {0.0, 1.0} and rows[:, 0].min() == 18 and rows[:, 0].max() == 90
    assert (rows[:, 0] == np.rint(rows[:, 0])).all() and rows[:, 2].min() >= 3.5 and rows[:, 2].max() <= 7
