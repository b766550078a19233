"""Every probe of the mode in worlds that are broken, and without a goal: a clear line or no verdict, never a pass."""

from __future__ import annotations

import pytest

from momus.core.errors import TargetError
from momus.core.meter import Budget
from momus.core.records import Status
from momus.core.registry import get_probe
from momus.judge import decide, default_limits

QUICK = {
    "proxy_gap": {"episodes": 4, "goal_best": 8.0},
    "goodhart": {"episodes": 32, "search_width": 4, "repeats": 3, "goal_best": 8.0},
    "exploit": {"episodes": 4, "goal_best": 8.0, "width": 4, "generations": 2},
    "loops": {"episodes": 4, "goal_best": 8.0},
}


def run(name, target, **more):
    probe = get_probe(f"reward_hacking.{name}")
    budget = more.pop("budget", None)
    m = probe(target, budget=budget, **{**QUICK[name], "max_steps": 60, **more})
    return m, decide(m, default_limits()[probe.id])


@pytest.mark.parametrize("name", QUICK)
def test_a_reward_that_is_the_goal_passes(name, worlds, judged) -> None:
    _, finding = run(name, judged(worlds["line"]))
    assert finding.status is Status.PASS, finding.reason


@pytest.mark.parametrize("name", QUICK)
def test_without_a_goal_there_are_signs_and_no_verdict(name, worlds, player) -> None:
    m, finding = run(name, player(worlds["line"]))
    assert finding.status is Status.INCONCLUSIVE
    assert "no-goal" in {c.code for c in m.caveats if c.blocks == "both"}


@pytest.mark.parametrize("name", QUICK)
def test_a_constant_reward_tells_nothing(name, worlds, judged) -> None:
    m, finding = run(name, judged(worlds["constant"]))
    assert finding.status is Status.INCONCLUSIVE
    assert any(c.code == "constant-reward" for c in m.caveats)


@pytest.mark.parametrize("name", QUICK)
def test_a_world_without_end_is_cut_off_and_said(name, worlds, judged) -> None:
    m, _ = run(name, judged(worlds["endless"]))
    assert any(c.code == "episodes-cut" for c in m.caveats)


@pytest.mark.parametrize("name", QUICK)
def test_a_world_that_raises_is_one_clear_line(name, worlds, judged) -> None:
    with pytest.raises(TargetError, match="the pole fell over"):
        run(name, judged(worlds["broken"]))
    with pytest.raises(TargetError, match="reward nan"):
        run(name, judged(worlds["bodiless"]))


@pytest.mark.parametrize("name", QUICK)
def test_one_episode_decides_nothing(name, worlds, judged) -> None:
    m, finding = run(name, judged(worlds["line"]), episodes=1)
    assert finding.status is Status.INCONCLUSIVE
    assert m.caveats[0].code == "too-few-samples"


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("queries", [1, 200, 2000])
def test_a_budget_is_kept(name, queries, worlds, judged) -> None:
    m, finding = run(name, judged(worlds["line"]), budget=Budget(queries=queries), episodes=40)
    assert m.cost.queries <= queries
    if queries < 1000:
        assert finding.status is Status.INCONCLUSIVE


def test_a_policy_that_stands_still_hacks_nothing(worlds, judged) -> None:
    for name in ("proxy_gap", "loops"):
        m, finding = run(name, judged(worlds["line"], action=1))
        assert finding.status is Status.INCONCLUSIVE
        assert "no-reward-earned" in {c.code for c in m.caveats}
