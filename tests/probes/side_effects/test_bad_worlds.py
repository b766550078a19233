"""Worlds that break, hide, repeat or never end: a clear line or an inconclusive row, never a pass and never a crash."""

from __future__ import annotations

import random

import gymnasium as gym
import pytest

from momus.core.errors import MomusError, ProbeError, TargetError
from momus.core.meter import Budget
from momus.core.records import Status
from momus.core.registry import get_probe

GRAPH = ("attainable_utility", "reachability", "irreversible")
ALL = (*GRAPH, "invariants", "interruption")


class Line(gym.Env):
    """A walk on places in a row; 0 left, 1 right, 2 stay. Never ends."""

    action_space = gym.spaces.Discrete(3)
    observation_space = gym.spaces.Discrete(10**6)
    last = 6

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return self.place, {}

    def step(self, action):
        self.place = min(max(self.place + (-1, 1, 0)[int(action)], 0), self.last)
        return self.place, 0.0, False, False, {}


class Raises(Line):
    def step(self, action):
        raise RuntimeError("no such motor")


class Single(Line):
    last = 0


class Endless(Line):
    last = 10**6


class Unrepeatable(Line):
    def step(self, action):
        self.place = random.SystemRandom().randrange(100)
        return self.place, 0.0, False, False, {}


class Priceless(Line):
    def step(self, action):
        return 0, float("inf"), False, False, {}


class Reshaped(Line):
    """Its observation changes its kind on the way."""

    def step(self, action):
        place, *rest = super().step(action)
        return (place if place < 3 else (place, "far")), *rest


def place(env) -> dict[str, float]:
    return {"place": float(env.unwrapped.place)}


OPTIONS = {"episodes": 3, "max_steps": 12}


@pytest.mark.parametrize("technique", ALL)
def test_one_that_raises_is_named(technique, policy, verdict) -> None:
    target = policy(lambda _o: 1, Raises, noop=2, features=place, invariants=("place <= 99",))
    with pytest.raises(TargetError, match=r"RuntimeError.*no such motor"):
        verdict(technique, target, **OPTIONS)


@pytest.mark.parametrize("technique", ALL)
def test_a_reward_that_is_no_number_is_named(technique, policy, verdict) -> None:
    target = policy(lambda _o: 1, Priceless, noop=2, features=place, invariants=("place <= 99",))
    with pytest.raises(TargetError, match="reward inf"):
        verdict(technique, target, **OPTIONS)


@pytest.mark.parametrize("technique", GRAPH)
def test_one_that_cannot_be_taken_back(technique, policy, verdict, undecided) -> None:
    m, status, told = verdict(technique, policy(lambda _o: 1, Unrepeatable, noop=2), **OPTIONS)
    assert (status, told) == (undecided, {"not-restorable"})
    assert "another way" in m.caveats[0].message


@pytest.mark.parametrize("technique", GRAPH)
def test_a_single_state(technique, policy, verdict, undecided) -> None:
    _, status, told = verdict(technique, policy(lambda _o: 1, Single, noop=2), **OPTIONS)
    assert status is undecided and "single-state" in told


@pytest.mark.parametrize("technique", ("attainable_utility", "reachability"))
def test_more_states_than_the_bound(technique, policy, verdict, undecided) -> None:
    m, status, told = verdict(technique, policy(lambda _o: 1, Endless, noop=2), states=50, **OPTIONS)
    assert (status, told) == (undecided, {"not-explored"})
    assert "more than 50 states" in m.caveats[0].message


def test_beyond_the_bound_a_proven_way_back_is_still_found(policy, verdict) -> None:
    m, status, told = verdict(
        "irreversible", policy(lambda _o: 1, Endless, noop=2, features=place), states=50, search=300, **OPTIONS
    )
    assert m.value == 0 and status is not Status.FAIL and "not-explored" in told
    assert m.figure("search_power").value > 0.8


@pytest.mark.parametrize("technique", ALL)
def test_one_that_never_ends_is_cut_off(technique, policy, verdict) -> None:
    target = policy(lambda _o: 1, Line, noop=2, features=place, invariants=("place <= 99",))
    m, _, _ = verdict(technique, target, **OPTIONS)
    assert m.cost.queries <= 3 * 3 * (12 + 5)


@pytest.mark.parametrize("technique", ALL)
def test_observations_that_change_their_kind_break_nothing(technique, policy, verdict) -> None:
    target = policy(lambda _o: 1, Reshaped, noop=2, features=place, invariants=("place <= 99",))
    _, status, _ = verdict(technique, target, **OPTIONS)
    assert status is not Status.FAIL


@pytest.mark.parametrize("technique", ("attainable_utility", "reachability", "interruption"))
def test_without_a_noop_it_is_not_run(technique, policy) -> None:
    probe = get_probe(f"side_effects.{technique}")
    target = policy(lambda _o: 1, Line)
    assert probe.missing(target) == ("noop",)
    with pytest.raises(ProbeError, match="needs noop"):
        probe(target)


def test_without_a_noop_the_others_say_what_is_not_known(policy, verdict) -> None:
    target = policy(lambda _o: 1, Line, features=place, invariants=("place <= 99",))
    for technique in ("invariants", "irreversible"):
        assert "no-baseline" in verdict(technique, target, **OPTIONS)[2]


@pytest.mark.parametrize("technique", ("attainable_utility", "reachability"))
def test_a_noop_that_is_no_action(technique, policy, verdict) -> None:
    with pytest.raises(TargetError, match="the action that does nothing, 9, is none of"):
        verdict(technique, policy(lambda _o: 1, Line, noop=9), **OPTIONS)


@pytest.mark.parametrize("technique", ALL)
@pytest.mark.parametrize("option", [{"episodes": 0}, {"max_steps": 0}, {"environment": "moon"}])
def test_odd_options(technique, option, policy, verdict) -> None:
    target = policy(lambda _o: 1, Line, noop=2, features=place, invariants=("place <= 99",))
    with pytest.raises(MomusError):
        verdict(technique, target, **option)


@pytest.mark.parametrize("technique", ALL)
@pytest.mark.parametrize("episodes", [1, 2])
def test_few_episodes_pass_nobody_by_chance(technique, episodes, policy, verdict, undecided) -> None:
    target = policy(lambda o: int(o) % 2, Line, noop=2, features=place, invariants=("place <= 99",))
    m, status, _ = verdict(technique, target, episodes=episodes, max_steps=12)
    assert status is undecided or m.ci.method == "exact"
    if episodes == 1:
        assert status is undecided


@pytest.mark.parametrize("technique", ALL)
def test_a_spent_budget_is_said_and_kept(technique, policy) -> None:
    target = policy(lambda _o: 1, Line, noop=2, features=place, invariants=("place <= 99",))
    m = get_probe(f"side_effects.{technique}")(target, budget=Budget(queries=30), episodes=10, max_steps=12)
    assert m.cost.queries <= 30 and "budget-spent" in {c.code for c in m.caveats}
