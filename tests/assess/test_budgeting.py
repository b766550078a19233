"""A plan within minutes: what a job tells, what it costs, which are chosen, and that the clock is held."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import momus
from momus.assess.budgeting import Choice, Clock, _Basket, _Menu, budgeted, in_time
from momus.assess.plan import Job, Plan
from momus.assess.pricing import STARTING, Prices, Seen, past, table_seconds
from momus.assess.telling import Question, Rates, _bits, _merged, rates
from momus.card import SystemCard
from momus.cli.main import main
from momus.core.records import Status
from momus.core.registry import probe_ids
from momus.judge.controls import ControlRates
from momus.store import open_store
from momus.threats import ThreatModel, threats

Make = Callable[..., Path]
PERFECT = Rates(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
NOISY = Rates(np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]))
BLIND = Rates(np.array([[0.4, 0.6, 0.0], [0.4, 0.6, 0.0]]))


def job(probe: str, target: str = "model", files: bool = False) -> Job:
    return Job(
        key=f"{probe}/{target}", probe=probe, target=target, modes=(probe.split(".")[0],), roles=(), options={},
        seed=0, queries=None, seconds=600.0, memory_mb=1000, face="files" if files else "model",
    )  # fmt: skip


def model(**verdicts: str) -> ThreatModel:
    """A threat model of an empty card, with the verdicts given and all others not applicable."""
    card = SystemCard.from_dict({"system": "s", "targets": [{"name": "model", "path": "m.joblib"}]}, base=Path())
    made = threats(card)
    modes = {
        slug: threat.model_copy(update={"verdict": verdicts.get(slug, "not_applicable"), "severity": None})
        for slug, threat in made.modes.items()
    }
    return made.model_copy(update={"modes": modes})


def priced(jobs: Sequence[Job], seconds: Sequence[float]) -> tuple[Seen, ...]:
    """Earlier results that fix the prices and say nothing of the answers."""
    return tuple(
        Seen(j.probe, j.target, s - STARTING, Status.INCONCLUSIVE, "", True) for j, s in zip(jobs, seconds, strict=True)
    )


def chosen(
    jobs: Sequence[Job], seconds: Sequence[float], budget: float, threat: ThreatModel, workers: int = 1
) -> Choice:
    plan = budgeted(
        Plan(tuple(jobs), ()), {}, threat, minutes=1, seconds=budget, workers=workers, seen=priced(jobs, seconds)
    )
    assert plan.choice is not None
    return plan.choice


def test_a_perfect_probe_tells_all_and_a_blind_one_nothing() -> None:
    assert Question(0.5).gain("a", PERFECT) == pytest.approx(1.0)
    assert Question(0.5).gain("a", BLIND) == pytest.approx(0.0)
    channel = 1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9)  # of a binary symmetric channel
    assert Question(0.5).gain("a", NOISY) == pytest.approx(channel)
    assert Question(0.02).gain("a", PERFECT) < 0.15  # little to learn where the answer is nearly known


def test_the_second_probe_of_a_row_tells_less_and_half_of_it_is_its_own() -> None:
    question = Question(0.5)
    gains = []
    for name in "abcdefgh":
        gains.append(question.gain(name, NOISY))
        question.choose(NOISY)
    assert gains == sorted(gains, reverse=True)
    assert gains[1] < gains[0] - 0.1
    alone = _bits(0.5, NOISY.table)
    assert gains[-1] == pytest.approx(alone / 2, abs=0.01)  # the row is answered; its own kind of harm is not
    perfect = Question(0.5)
    perfect.choose(PERFECT)
    assert perfect.gain("b", PERFECT) == pytest.approx(0.5)


def test_merging_states_loses_next_to_nothing_and_never_adds() -> None:
    states = np.ones((2, 1))
    rng = np.random.default_rng(0)
    for _ in range(8):
        h, a, q = rng.uniform(0.6, 0.9), rng.uniform(0.05, 0.3), 0.1
        table = np.array([[h * (1 - q), (1 - h) * (1 - q), q], [a * (1 - q), (1 - a) * (1 - q), q]])
        states = (states[:, :, None] * table[:, None, :]).reshape(2, -1)
    fewer = _merged(states, 0.3)
    assert states.shape[1] == 6561 and fewer.shape[1] == 512
    assert fewer.sum(1) == pytest.approx([1.0, 1.0])
    assert _bits(0.3, states) - 1e-4 < _bits(0.3, fewer) <= _bits(0.3, states) + 1e-12


def test_rates_are_drawn_towards_those_of_all_probes_where_few_systems_were_tried() -> None:
    def control(probe: str, planted: int, hits: int) -> ControlRates:
        return ControlRates(probe=probe, planted=planted, hits=hits, clean=planted, false_alarms=0, passed=planted)

    many = {str(i): control(str(i), 10, 10) for i in range(20)}
    table = {**many, "poor": control("poor", 3, 0), "bad": control("bad", 300, 0)}
    hits = {name: rates(name, table).table[0, 0] for name in ("0", "poor", "bad", "unheard-of")}
    assert hits["bad"] < 0.05 < hits["poor"] < hits["unheard-of"] < hits["0"]
    assert all(np.allclose(rates(n, table).table.sum(1), 1) for n in hits)
    assert rates("0", table).evidence(Status.INCONCLUSIVE) == rates("0", table).evidence(Status.ERROR) == 0
    assert rates("0", table).evidence(Status.FAIL) > 0 > rates("0", table).evidence(Status.PASS)


def test_an_earlier_result_leaves_less_to_learn_and_a_stale_one_more_than_a_fresh_one() -> None:
    gains = {}
    for name, worth in (("none", 0.0), ("stale", 0.5), ("fresh", 1.0)):
        question = Question(0.5)
        question.heard("a", NOISY, Status.FAIL, worth)
        gains[name] = question.gain("a", NOISY)
    assert gains["none"] > gains["stale"] > gains["fresh"]
    other = Question(0.5)
    other.heard("a", NOISY, Status.PASS)
    assert Question(0.5).gain("b", NOISY) > other.gain("b", NOISY) > other.gain("a", NOISY)


def test_the_choice_is_the_best_there_is_on_small_plans() -> None:
    """Against every subset: never below the guarantee of the greedy rule, and nearly always the very best."""
    names = [i for i in probe_ids() if not i.startswith("membership.")]
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(8):
        jobs = [job(str(n)) for n in rng.choice(names, 7, replace=False)]
        seconds = [STARTING + float(s) for s in rng.exponential(20, 7)]
        threat = model(**dict.fromkeys({j.modes[0] for j in jobs}, "undetermined"))
        budget = float(rng.uniform(0.2, 0.7)) * sum(seconds)
        best = max(
            _value(jobs, seconds, threat, some)
            for n in range(8)
            for some in itertools.combinations(range(7), n)
            if sum(seconds[i] for i in some) <= budget
        )
        made = chosen(jobs, seconds, budget, threat)
        assert sum(o.seconds for o in made.chosen) <= budget
        shares.append(made.worth / best)
    assert min(shares) >= (1 - 1 / math.e) / 2 and float(np.mean(shares)) > 0.97


def _value(jobs: Sequence[Job], seconds: Sequence[float], threat: ThreatModel, some: Sequence[int]) -> float:
    seen = priced(jobs, seconds)
    prices = [Prices(seen, {}).of(j.probe, j.target) for j in jobs]
    basket = _Basket(_Menu(jobs, prices, threat, jobs, seen, set()), 1, math.inf)
    for i in some:
        basket.add(i)
    return basket.total


def test_one_long_job_is_not_crowded_out_by_a_short_one_that_tells_little() -> None:
    """The trap of every greedy rule: the better bargain leaves no room for what is worth most."""
    little, much = job("perturbation.square"), job("corruption.table")
    threat = model(perturbation="not_applicable", corruption="undetermined")
    made = chosen([little, much], [1.05, 30.0], 30.5, threat)
    assert [o.probe for o in made.chosen] == ["corruption.table"]
    assert [o.probe for o in chosen([little, much], [1.05, 30.0], 31.5, threat).chosen] == [
        "perturbation.square",
        "corruption.table",
    ]


def test_every_mode_that_applies_gets_its_cheapest_telling_job_before_any_gets_a_second() -> None:
    jobs = [job(p) for p in ("shift.groups", "shift.mix", "shift.two_sample", "corruption.table", "stealing.linear")]
    threat = model(shift="applies", corruption="raised", stealing="applies")
    made = chosen(jobs, [2, 2, 2, 40, 20], 64, threat)
    assert {o.probe for o in made.chosen} >= {"corruption.table", "stealing.linear"}
    assert [o.probe.split(".")[0] for o in made.chosen[:3]].count("shift") == 1
    free = model(shift="undetermined", corruption="undetermined", stealing="undetermined")
    assert "corruption.table" not in {o.probe for o in chosen(jobs, [2, 2, 2, 40, 20], 45, free).chosen}


def test_what_only_reads_files_comes_first() -> None:
    jobs = [job("shift.groups"), job("supply_chain.artifacts", files=True)]
    made = chosen(jobs, [1.5, 4.0], 60, model(shift="applies"))
    assert [o.probe for o in made.chosen] == ["supply_chain.artifacts", "shift.groups"]


def test_workers_share_the_time_and_no_chosen_job_ends_late() -> None:
    jobs = [job(p) for p in probe_ids()[:30]]
    seconds = [STARTING + 3.0 * (i % 7) for i in range(30)]
    threat = model(**dict.fromkeys({j.modes[0] for j in jobs}, "undetermined"))
    one, four = (chosen(jobs, seconds, 40, threat, workers=n) for n in (1, 4))
    assert one.predicted <= 40 and four.predicted <= 40
    assert len(four.chosen) > len(one.chosen) and four.worth > one.worth
    assert 0 < one.share < four.share <= 1


def test_probes_that_share_work_are_paid_for_once() -> None:
    trio = [job(f"membership.{n}") for n in ("lira", "rmia", "shadow")]
    made = chosen(trio, [40, 2, 12], 200, model(membership="undetermined"))
    assert sum(o.seconds for o in made.chosen) <= 54 + 1e-9
    assert made.chosen[0].seconds == pytest.approx(40)


def test_what_is_left_out_is_a_gap_with_the_minutes_it_needs_and_jobs_are_not_touched() -> None:
    jobs = [job("shift.groups"), job("corruption.table")]
    plan = budgeted(
        Plan(tuple(jobs), ()), {}, model(shift="applies"), minutes=2, seconds=100, seen=priced(jobs, [10, 400])
    )
    assert plan.jobs == (jobs[0],) and plan.choice is not None and plan.choice.spare == (jobs[1],)
    (gap,) = plan.gaps
    assert (gap.why, gap.probe, gap.mode) == ("budget", "corruption.table", "corruption")
    assert "Give it 6 more minutes (--minutes 8)" in gap.how_to_close and "about 7 min" in gap.detail


def test_results_that_the_store_holds_cost_nothing_and_stay() -> None:
    jobs = [job("shift.groups"), job("shift.mix"), job("corruption.table")]
    held = [jobs[2].key]
    plan = budgeted(Plan(tuple(jobs), ()), {}, model(), minutes=1, seconds=0, known=held)
    assert plan.jobs == (jobs[2],) and plan.choice is not None and plan.choice.kept == 1
    assert {g.probe for g in plan.gaps} == {"shift.groups", "shift.mix"}


def test_prices_come_from_the_nearest_that_is_known_at_the_pace_of_the_target() -> None:
    nothing = Prices((), {"model": "table"}).of("shift.left_out", "model")
    assert nothing.seconds == pytest.approx(STARTING + table_seconds("shift.left_out", "table"))
    slow = tuple(
        Seen(p, "model", 20 * table_seconds(p, "table"), Status.PASS, "", True)
        for p in ("corruption.table", "natural.mined", "inversion.leaves", "perturbation.table")
    )
    paced = Prices(slow, {"model": "table", "other": "table"})
    assert 5 * nothing.seconds < paced.of("shift.left_out", "model").seconds < 20 * nothing.seconds
    assert paced.of("shift.left_out", "model", most=9).seconds == STARTING + 9
    assert paced.of("natural.mined", "model").rests_on == "earlier runs of this target"
    assert paced.of("natural.mined", "other").rests_on == "earlier runs of this probe"
    assert paced.of("shift.left_out", "other").seconds == pytest.approx(nothing.seconds)
    assert table_seconds("someone/shift.their_own", "table") > 0


def test_no_job_begins_when_time_is_over_and_one_that_fills_time_only_where_it_fits() -> None:
    def work(item: tuple[Job, None], most: float = math.inf) -> tuple[Job, str]:
        return item[0], f"{most:.0f}"

    one = job("shift.groups")
    now = time.time()
    assert in_time((one, None), clock=None, work=work)[1] == "inf"
    assert in_time((one, None), clock=Clock(now - 1, {}), work=work)[1] is None
    assert in_time((one, None), clock=Clock(now + 1000, {one.key: 2000.0}), work=work)[1] is None
    assert in_time((one, None), clock=Clock(now + 1000, {one.key: 10.0}), work=work)[1] in ("999", "1000")


def test_a_run_within_minutes_gives_the_same_numbers_under_the_same_keys(system: Make, tmp_path: Path) -> None:
    card = system(select=["shift.groups"])
    whole = momus.assess(card, store=tmp_path / "a.sqlite")
    timed = momus.assess(card, store=tmp_path / "b.sqlite", minutes=10)
    assert {m.key: (m.value, m.ci) for m in timed.measurements} == {m.key: (m.value, m.ci) for m in whole.measurements}
    assert not [g for g in timed.gaps if g.why == "budget"]
    with open_store(tmp_path / "b.sqlite") as store:
        assert {s.probe for s in past(store, timed.card)} == {m.probe for m in timed.measurements}
        again = momus.plan(card, store=store, minutes=10, fresh=True)
        assert again.choice is not None
        assert {o.rests_on for o in again.choice.offers} == {"earlier runs of this target"}


def test_a_job_that_is_under_way_when_time_is_over_is_a_gap_and_never_an_error_or_a_pass(
    system: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("momus.assess.run.clock_for", _soon)
    done = momus.assess(system("hangs", select=["shift.groups"]), minutes=5, workers=1)
    assert not done.failures and not done.measurements
    (gap,) = [g for g in done.gaps if g.probe == "shift.groups"]
    assert gap.why == "budget" and "out of time within 5 minutes before it ended" in gap.detail
    assert done["shift"].status == "not_tested"
    again = momus.recall(Path(done.card.base) / ".momus" / "runs.sqlite")
    assert gap in again.gaps and again["shift"].status == "not_tested"


def _soon(minutes: float, started: float, choice: Choice | None = None) -> Clock:
    """Much time to choose for, and two seconds once the jobs begin."""
    return Clock(time.time() + (300 if choice is None else 2), {})


def test_time_that_is_left_over_is_used(system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job thought too long for the budget beside others is begun where they were quicker than predicted."""
    monkeypatch.setattr("momus.assess.pricing.table_seconds", lambda probe, kind: 20.0)
    done = momus.assess(system(), minutes=1, workers=1)
    assert len(done.measurements) == 3 and not [g for g in done.gaps if g.why == "budget"]


def test_plan_shows_the_choice(
    system: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = system(facts={"model.paradigm": "supervised"})
    monkeypatch.setattr("momus.assess.pricing.table_seconds", lambda probe, kind: 40.0)
    with pytest.raises(SystemExit, match="0"):
        main(["plan", str(card), "--minutes", "1", "--json"])
    told = json.loads(capsys.readouterr().out)
    made = told["choice"]
    assert made["minutes"] == 1 and {o["probe"] for o in made["offers"]} == {
        "membership.loss",
        "shift.groups",
        "shift.two_sample",
    }
    assert [o["key"] for o in made["offers"] if o["chosen"]] == [j["key"] for j in told["jobs"]]
    assert all(o["seconds"] == 38.5 and o["bits"] > 0 for o in made["offers"])
    with pytest.raises(SystemExit, match="0"):
        main(["plan", str(card), "--minutes", "1"])
    text = capsys.readouterr().out
    assert "chosen: 2 measurements, 77 s of work" in text and "left out: 1 measurement" in text
    with pytest.raises(momus.MomusError, match="minutes is 0"):
        momus.plan(card, minutes=0)
