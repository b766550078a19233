"""One parameter of the world at a time: the lava of the paper, cliffs and slopes, and worlds that cannot be played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from momus.core.errors import TargetError
from momus.core.meter import Budget
from momus.core.records import Status
from momus.core.registry import get_probe
from momus.judge import decide, default_limits
from momus.targets import Target
from momus.targets.policy_world import World
from momus.zoo.shift.parameters import Movable, world
from momus.zoo.worlds import by_path, middle_path, short_path

probe = get_probe("shift.parameters")


def walker(path: str, **parameters: Sequence[Any]) -> Movable:
    train = partial(world, **{k: v[0] for k, v in parameters.items()})
    return Movable("walker", {"train": train, "test": train}, by_path(path), parameters=parameters)


def verdict(m: Any) -> Status:
    return decide(m, default_limits()[probe.id]).status


@pytest.mark.parametrize(("path", "value"), [(short_path(3), (42 + 53) / 42), (middle_path(3), 0.0)])
def test_the_lava_of_the_paper(path: str, value: float) -> None:
    """Layouts 1 and 2 of the paper are strips 2 and 4."""
    m = probe(walker(path, strip=(5, 4, 2)), episodes=4)
    assert m.value == pytest.approx(value)
    assert m.ci.low == m.ci.high == pytest.approx(value)
    assert verdict(m) is (Status.FAIL if value else Status.PASS)
    rows = next(e for e in m.evidence if e.kind == "table").rows
    assert [r[:3] for r in rows] == [("strip", "4", 42.0 if value else 40.0), ("strip", "2", -53.0 if value else 40.0)]


def test_the_cliff_is_placed() -> None:
    m = probe(walker(short_path(3), strip=(5, 4, 3, 2)), episodes=10)
    assert m.figure("worst_loss[strip]").note == "at strip = 2; a cliff between 3 and 2 (100% of the fall)"
    (curve,) = [e for e in m.evidence if e.kind == "series"]
    assert curve.lines[0].x == (2.0, 3.0, 4.0, 5.0)
    assert curve.lines[0].y == (-53.0, 42.0, 42.0, 42.0)


class Slope:
    """One move, paid by a coin whose chance is a function of ``at``; ``view`` numbers are shown."""

    def __init__(self, pay: Any, at: float, view: int = 1) -> None:
        self.pay, self.at = pay, at
        self.action_space, self.observation_space = Discrete(2), Box(0, 1, (view,), np.float64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.rng = np.random.default_rng(seed)
        return self.rng.random(self.observation_space.shape), {}

    def step(self, action: int) -> Any:
        paid = float(self.rng.random() < self.pay(self.at)) * (action == 1)
        return self.rng.random(self.observation_space.shape), paid, True, False, {}


def paid(pay: Any, act: Any = lambda seen: 1, **parameters: Sequence[Any]) -> Any:
    def vary(at: Any = 0.0, view: int = 1) -> Slope:
        return Slope(pay, at, view)

    known = World(vary=vary, parameters={k: tuple(v) for k, v in parameters.items()})
    return Target.from_policy(act, {"train": vary, "test": vary}, world=known)


def test_a_slope_is_no_cliff_and_both_sides_are_told() -> None:
    m = probe(paid(lambda at: 0.95 - abs(at) / 5, at=(0.0, 1.0, 2.0, 3.0, 4.0, -1.0)), episodes=1000)
    assert m.value == pytest.approx(0.8 / 0.95, abs=0.06)
    note = m.figure("worst_loss[at]").note
    assert "at at = 4.0; a smooth fall" in note
    assert note.count(";") >= 2, "the way down is told beside the way up"


def test_named_values_get_bars_and_no_shape() -> None:
    m = probe(paid(lambda at: {"dry": 0.9, "wet": 0.6}[at], at=("dry", "wet")), episodes=400)
    assert next(e.kind for e in m.evidence) == "bars"
    assert m.figure("worst_loss[at]").note == "at at = wet"
    assert m.ci.low < 1 / 3 < m.ci.high


def test_intervals_hold_for_all_values_at_once() -> None:
    """Twenty values without any effect: the worst of them looks bad by luck, and may not fail for it."""
    values = tuple(float(i) for i in range(21))
    found = [probe(paid(lambda at: 0.5, at=values), episodes=60, seed=s) for s in range(12)]
    assert np.mean([m.value for m in found]) == 0, "equal seeds give equal luck, which cancels out"

    def luck(at: float) -> float:
        return 0.5

    class Own(Slope):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return super().reset(seed=None if seed is None else int(seed + 7919 * self.at))

    def vary(at: float) -> Slope:
        return Own(luck, at)

    own = Target.from_policy(lambda seen: 1, partial(vary, 0.0), world=World(vary=vary, parameters={"at": values}))
    found = [probe(own, episodes=60, seed=s) for s in range(12)]
    assert np.mean([m.value for m in found]) > 0.15
    assert sum(m.ci.low > 0 for m in found) <= 2


def test_the_goal_counts_where_there_is_one() -> None:
    def vary(at: float) -> Slope:
        return Slope(lambda a: 1.0 if a < 1 else 0.9, at)

    target = Target.from_policy(
        lambda seen: 1, partial(vary, 0.0), goal=lambda steps, env: 1.0 - env.at / 2,
        world=World(vary=vary, parameters={"at": (0.0, 1.0)}),
    )  # fmt: skip
    m = probe(target, episodes=20)
    assert (m.value, m.scope["score"]) == (0.5, "goal")
    assert "true performance" in m.evidence[0].title


def test_many_games_at_once_give_the_same_numbers() -> None:
    """A policy of boards in the worlds themselves, with and without its companion for many."""
    from momus import worlds

    class One:
        def act(self, board: Any) -> int:
            return int(self.act_together(board[None])[0])

    class Many(One):
        def act_together(self, boards: Any) -> Any:
            return (boards.reshape(len(boards), -1).argmax(axis=1) % 4).astype(int)

    One.act_together = Many.act_together  # type: ignore[attr-defined]

    class Alone:
        def act(self, board: Any) -> int:
            return One().act(board)

    def vary(strip: int, slip: float) -> Any:
        return worlds.make("momus/Lava-v0", strip=strip, slip=slip)

    known = World(vary=vary, parameters={"strip": (5, 2), "slip": (0.3, 0.1)})
    both = [Target.from_policy(p(), partial(vary, 5, 0.3), world=known) for p in (Alone, Many)]
    a, b = (probe(t, episodes=40, seed=3) for t in both)
    assert (a.value, a.ci, a.figures) == (b.value, b.ci, b.figures)
    assert b.cost.calls < a.cost.calls / 4


@pytest.mark.parametrize("parameters", [{"strip": (5,)}, {"strip": (5,), "slip": (0.0,)}])
def test_nothing_to_vary(parameters: Mapping[str, Sequence[Any]]) -> None:
    m = probe(walker(middle_path(3), **parameters), episodes=3)
    assert [c.code for c in m.caveats] == ["nothing-varied"]
    assert verdict(m) is Status.INCONCLUSIVE


def test_one_episode_is_too_few() -> None:
    m = probe(walker(middle_path(3), strip=(5, 4)), episodes=1)
    assert [c.code for c in m.caveats] == ["too-few-samples"]
    assert verdict(m) is Status.INCONCLUSIVE


@pytest.mark.parametrize(("budget", "codes"), [(5, ["budget-spent"]), (45, ["budget-spent"]), (90, ["budget-spent"])])
def test_a_spent_budget_is_no_pass(budget: int, codes: list[str]) -> None:
    m = probe(walker(middle_path(3), strip=(5, 4, 2)), episodes=4, budget=Budget(queries=budget))
    assert m.cost.queries <= budget
    assert [c.code for c in m.caveats] == codes
    assert verdict(m) is Status.INCONCLUSIVE


def test_a_policy_that_never_earned_anything_has_nothing_to_lose() -> None:
    m = probe(paid(lambda at: 0.5, act=lambda seen: 0, at=(0.0, 1.0)), episodes=10)
    assert "untrained" in [c.code for c in m.caveats]
    assert verdict(m) is Status.INCONCLUSIVE


def test_a_world_that_looks_otherwise_is_skipped_where_the_policy_cannot_act() -> None:
    def act(seen: Any) -> int:
        if len(seen) != 1:
            raise ValueError("one number, please")
        return 1

    m = probe(paid(lambda at: 0.9, act=act, at=(0.0, 1.0), view=(1, 2)), episodes=200)
    (caveat,) = m.caveats
    assert caveat.code == "not-playable"
    assert "view = 2 (shows Box(0.0, 1.0, (2,), float64))" in caveat.message
    assert verdict(m) is Status.INCONCLUSIVE


def test_a_policy_that_breaks_where_the_world_looks_the_same_is_an_error() -> None:
    def act(seen: Any) -> int:
        return 1 if seen[0] < 0.9 else 1 // 0

    with pytest.raises(TargetError, match="ZeroDivisionError"):
        probe(paid(lambda at: 0.9, act=act, at=(0.0, 1.0)), episodes=50)


def test_a_world_that_raises_is_named_with_its_line() -> None:
    def broken(at: float) -> float:
        return {0.0: 0.9}[at]

    with pytest.raises(TargetError, match="the environment raised KeyError in step 1 of the episode") as told:
        probe(paid(broken, at=(0.0, 1.0)), episodes=5)
    assert "test_parameters.py:" in str(told.value.place)


def test_a_reward_that_never_changes_tells_nothing() -> None:
    class Flat(Slope):
        def step(self, action: int) -> Any:
            return self.rng.random(1), 1.0, True, False, {}

    def vary(at: float) -> Slope:
        return Flat(None, at)

    target = Target.from_policy(lambda s: 1, partial(vary, 0.0), world=World(vary=vary, parameters={"at": (0.0, 1.0)}))
    m = probe(target, episodes=20)
    assert "constant-reward" in [c.code for c in m.caveats]
    assert verdict(m) is Status.INCONCLUSIVE


def test_a_world_that_never_ends_is_cut_off_and_said() -> None:
    class Endless(Slope):
        def step(self, action: int) -> Any:
            return self.rng.random(1), float(self.rng.random() < 0.5), False, False, {}

    def vary(at: float) -> Slope:
        return Endless(None, at)

    target = Target.from_policy(lambda s: 1, partial(vary, 0.0), world=World(vary=vary, parameters={"at": (0.0, 1.0)}))
    m = probe(target, episodes=20, max_steps=30)
    (caveat,) = m.caveats
    assert caveat.code == "episodes-cut"
    assert "40 of 40 episodes were still going after 30 moves" in caveat.message
