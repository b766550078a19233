"""What a plan is said to cost: from earlier runs, from the table, in money, under a rate limit; how far off it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from momus.assess import planned_cost, pricing
from momus.assess.plan import Inspection, Job
from momus.assess.planned_cost import Forecast, Range, checked, clock, count, foretold, span, told
from momus.assess.pricing import OWN, OWN_FACTOR, TABLE, Seen
from momus.card import SystemCard, TargetCard
from momus.cli.main import main
from momus.core.records import Status


def job(probe: str, **more: object) -> Job:
    how = {"modes": ("corruption",), "roles": ("test",), "options": {}, "seed": 0, "queries": None, "seconds": 600.0}
    return Job(key=probe, probe=probe, target="t", memory_mb=100, **{**how, **more})  # type: ignore[arg-type]


def target(**more: object) -> TargetCard:
    return TargetCard.model_validate({"name": "t", "adapter": "sklearn", "path": "m", **more})


def seen_by(rows: int) -> dict[str, Inspection]:
    return {"t": Inspection("t", info={"modality": "table"}, data={"test": {"n": rows}})}


def ran(probe: str, seconds: float, queries: int, n: int, *, same: bool = True) -> Seen:
    return Seen(probe, "t", seconds, Status.PASS, "", same, queries, n)


def test_what_ran_before_costs_what_it_cost():
    earlier = [ran("corruption.table", s, 5000, 100) for s in (9.0, 4.0, 5.0, 6.0)]
    made = foretold([job("corruption.table")], seen_by(1000), [target()], earlier)
    (only,) = made.jobs
    assert only.rests_on == OWN and made.rests_on == {OWN: 1}
    assert only.seconds.value == 6.0  # the middle of the last three, and a start
    # Half a second more or less does not matter; the start itself takes no less than it does.
    assert (only.seconds.low, only.seconds.high) == (0.5 + 5.5 / OWN_FACTOR, 0.5 + 5.5 * OWN_FACTOR)
    short = foretold([job("corruption.table")], seen_by(9), [target()], [ran("corruption.table", 0.02, 9, 9)]).jobs[0]
    assert short.seconds.low == 1.0 and 2 < short.seconds.high < 3
    assert only.queries.value == 5000 and only.money is None and not made.money


def test_what_is_in_the_store_costs_nothing():
    made = foretold(
        [job("corruption.table"), job("corruption.text")], seen_by(10), [target()], held={"corruption.table"}
    )
    assert [j.known for j in made.jobs] == [True, False]
    assert made.seconds.value == pytest.approx(made.jobs[1].seconds.value, rel=0.1)
    nothing = foretold([job("corruption.table")], seen_by(10), [target()], held={"corruption.table"})
    assert nothing.seconds == nothing.wall == nothing.queries == Range(0.0, 0.0, 0.0)


def test_queries_follow_the_rows_there_are():
    elsewhere = [ran("corruption.table", 1.0, 9000, 100, same=False), ran("corruption.table", 1.0, 90, 1, same=False)]
    few, many = (foretold([job("corruption.table")], seen_by(n), [target()], elsewhere).queries for n in (50, 200))
    assert (few.value, many.value) == (pytest.approx(4500, rel=0.01), pytest.approx(18000, rel=0.01))
    # Its own option says how many rows it takes, and its budget how many queries it has.
    fewer = foretold([job("corruption.table", options={"n": 20})], seen_by(200), [target()], elsewhere)
    assert fewer.queries.value == pytest.approx(1800, rel=0.01)
    bounded = foretold([job("corruption.table", queries=100)], seen_by(200), [target()], elsewhere)
    assert bounded.jobs[0].queries == Range(100, 100, 100)


def test_the_table_knows_seconds_and_queries():
    made = foretold([job("corruption.table")], seen_by(1000), [target()])
    assert made.jobs[0].rests_on == TABLE and made.jobs[0].queries.value > 10_000
    for value in pricing.table_cells("corruption.table"):
        seconds, queries, rows = pricing.cell(value)
        assert seconds > 0 and queries > 0 and rows > 0
    assert pricing.cell(4.5) == (4.5, -1, -1), "a table from before queries were kept"


def test_a_served_model_costs_money_and_time_and_its_copy_on_disk_does_not():
    service = {"price": 2.0, "currency": "EUR", "per_minute": 600}
    earlier = [ran("corruption.table", 1.0, 6000, 100)]
    http = {"adapter": "http", "path": None, "http": {"url": "http://h:1", "model": "m", "rows": 10, "per_second": 0.5}}
    asked = TargetCard.model_validate({"name": "t", "service": service, **http})
    made = foretold([job("corruption.table")], seen_by(100), [asked], earlier)
    assert made.money["EUR"].value == pytest.approx(12.0, rel=0.02) and made.jobs[0].money == 12.0
    assert made.limited == {"t": 1200.0} and made.wall.value == 1200.0  # 600 requests, half a one each second
    local = foretold([job("corruption.table")], seen_by(100), [target(service=service)], earlier)
    assert not local.money and not local.limited and local.wall.value < 10
    assert local.would == {"t": ("EUR", 12.0, 600.0)}


def test_sums_hold_four_in_five_of_what_is_drawn():
    rng = np.random.default_rng(0)
    parts = [Range(v, v / 3, v * 3) for v in rng.uniform(1, 100, 20)]
    total, wall = planned_cost._totals(parts, 2)
    sigma = np.log(3) / 1.2816
    common, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 20))
    # Two thirds of the variance is the system's and the machine's: jobs are not wrong one by one.
    errors = np.sqrt(2 / 3) * common + np.sqrt(1 / 3) * own
    drawn = (np.array([p.value for p in parts]) * np.exp(sigma * errors)).sum(1)
    assert np.mean((drawn > total.low) & (drawn < total.high)) == pytest.approx(0.8, abs=0.03)
    assert total.high / total.low > 4 and total.low < total.value < total.high
    assert total.value / 2 <= wall.value < total.value
    # However many work, nothing ends before its longest job.
    _, wall = planned_cost._totals([Range(100.0, 90.0, 111.0), *[Range(1.0, 0.9, 1.1)] * 5], 8)
    assert wall.low >= 80
    # Short jobs in plenty take their starts at least.
    many, _ = planned_cost._totals([Range(1.1, 1.0, 30.0)] * 40, 1)
    assert many.low >= 40


def test_shadow_models_that_another_job_trains_cost_once():
    both = foretold([job("membership.lira"), job("membership.rmia")], seen_by(100), [target()]).jobs
    alone = foretold([job("membership.rmia")], seen_by(100), [target()]).jobs[0]
    assert both[1].seconds.value < 0.5 * alone.seconds.value and both[1].seconds.high == alone.seconds.high


def test_a_target_that_was_slow_is_foretold_slow():
    shipped = foretold([job("corruption.table")], seen_by(100), [target()]).jobs[0].seconds.value
    slow = [ran("shift.two_sample", 2000.0, 9, 9), ran("natural.mined", 2000.0, 9, 9)]
    assert foretold([job("corruption.table")], seen_by(100), [target()], slow).jobs[0].seconds.value > 2 * shipped
    # Its own limit bounds what nobody has timed on it.
    bounded = foretold([job("corruption.table", seconds=8.0)], seen_by(100), [target()], slow).jobs[0]
    assert bounded.seconds.value == pricing.STARTING + 10.0


def test_who_knows_less_is_less_sure():
    known, elsewhere, unknown = pricing._spread()
    assert OWN_FACTOR <= known <= elsewhere <= unknown
    # No system speaks for itself: of one that is left out the table holds nothing.
    for probe, kind, system, _ in pricing._cells():
        alike = [s for p, k, s, _ in pricing._cells() if (p, k) == (probe, kind)]
        assert (kind in pricing._table(system).get(probe, {})) == (alike != [system])
    # Queries of a probe that no table holds are those of its mode, which may be anything.
    (row,) = foretold([job("corruption.table")], seen_by(100), [target()]).jobs
    assert row.queries.high / row.queries.value < 4
    whole = pricing._read
    left = {p: r for p, r in whole().items() if p != "corruption.table"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "_read", lambda: left)
        (row,) = foretold([job("corruption.table")], seen_by(100), [target()]).jobs
    assert row.queries.high / row.queries.value > 40


def test_a_run_is_held_against_what_was_foretold():
    jobs = [job("corruption.table"), job("corruption.text")]
    made = foretold(jobs, seen_by(100), [target()], [ran("corruption.table", 4.0, 100, 10)])
    kept = checked(made, {"corruption.table": (9.0, 300)})
    assert kept["took"] == {"seconds": 10.0, "queries": 300} and kept["off"] == [2.0]
    line = told(json.loads(json.dumps(kept)))
    assert line.startswith("Took 10 s of work and 300 queries; foretold were 5 s") and "off by 2.0 times" in line
    assert told(checked(made, {})) == ""


def test_numbers_are_said_as_far_as_they_mean_something():
    assert [count(n) for n in (0, 7.4, 99, 123, 98_765, 1_234_567)] == ["0", "7", "99", "120", "99,000", "1,200,000"]
    assert [clock(s) for s in (3, 119, 300, 7200)] == ["3 s", "119 s", "5 min", "2.0 h"]
    assert span(Range(5, 5, 5), clock) == "5 s" and span(Range(5, 1, 9), clock) == "5 s (1 s to 9 s)"


def test_the_verb_shows_costs_and_the_second_plan_knows_the_first_run(tmp_path: Path, capsys):
    rows = "\n".join(f"{i % 7},{i % 5},{'no' if i % 3 else 'yes'}" for i in range(120))
    (tmp_path / "test.csv").write_text(f"a,b,label\n{rows}\n")
    (tmp_path / "model.py").write_text(
        "import numpy as np\ndef good(x):\n    p = np.clip(x[:, 0] / 7, 0, 1)\n    return np.c_[1 - p, p]\n"
    )
    card = {
        "system": "s",
        "targets": [
            {"name": "t", "adapter": "callable", "factory": "model.py:good", "task": "classifier",
             "classes": ["no", "yes"],
             "service": {"price": 3, "currency": "USD"}}
        ],
        "data": {"test": {"path": "test.csv", "label": "label"}},
    }  # fmt: skip
    (tmp_path / "momus.yaml").write_text(json.dumps(card))
    SystemCard.from_dict(card, base=tmp_path)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            main([*arguments, "--only", "incomplete_testing.claims", "--only", "corruption.table"])
        return capsys.readouterr().out

    first = run("plan", str(tmp_path / "momus.yaml"))
    assert "foretold by: the shipped table (2); nothing of it was checked" in first and "USD" in first
    with pytest.raises(SystemExit):
        main(["assess", str(tmp_path / "momus.yaml"), "--only", "corruption.table"])
    assert "of work and" in capsys.readouterr().out
    again = json.loads(run("plan", str(tmp_path / "momus.yaml"), "--json"))["cost"]
    assert [j["known"] for j in again["jobs"]] == [True, False] and again["checked"] == 1
    assert again["off"] >= 1 and again["rests_on"] == {TABLE: 1}


def test_a_forecast_is_plain_values():
    made = foretold([job("corruption.table")], seen_by(100), [target()])
    assert json.loads(json.dumps(made.as_dict()))["rests_on"] == {TABLE: 1}
    assert isinstance(replace(made, off=2.0), Forecast)
