"""Loops in an episode: found, named alike wherever they begin, cut out, and none where the way is straight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods import reward_loops as r
from momus.methods.rollout import Episode, Step


def walk(states, rewards=None) -> Episode:
    """An episode through ``states``; the action is the next state."""
    rewards = rewards or [1.0] * len(states)
    after = [*states[1:], "end"]
    return Episode(tuple(Step(s, a, p, False, False, {}) for s, a, p in zip(states, after, rewards, strict=True)), 0)


def test_a_shuttle_is_one_loop() -> None:
    seen = r.marks(walk("ABABABABC"))
    assert [(loop.times, len(loop.actions)) for loop in seen.loops] == [(3, 2)]
    assert seen.looped == pytest.approx(6 / 9) and seen.new_states == pytest.approx(3 / 9)


def test_where_a_loop_begins_does_not_matter() -> None:
    found = r.loops(walk("ABCABCXBCABCABY"))
    assert max(loop.times for loop in found) >= 3


def test_a_straight_way_has_none() -> None:
    seen = r.marks(walk("ABCDEFG"))
    assert not seen.loops and seen.looped == 0 and seen.new_states == 1


@given(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=40))
def test_what_is_left_meets_no_state_twice(states) -> None:
    episode = walk(states)
    kept = r.without_loops(episode)
    in_loops = sum(loop.times * len(loop.actions) for loop in r.loops(episode))
    assert len(kept) + in_loops == len(states)
    assert len(kept) <= 4 + 1


def test_loops_that_cost_are_not_paid() -> None:
    assert r.marks(walk("ABABABABC", [-1.0] * 8 + [50.0])).looped == 0


def test_a_single_windfall_is_a_jump() -> None:
    rewards = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 40.0]
    assert r.marks(walk("ABCDEFGH", rewards)).jumps == pytest.approx(40 / sum(rewards))
    assert r.marks(walk("ABCDEFGH")).jumps == 0


def test_names_of_states() -> None:
    assert r.exact(np.array([1, 2])) == r.exact(np.array([1, 2])) != r.exact(np.array([[1, 2]]))
    assert r.exact({"b": 1, "a": np.float64(2)}) == r.exact({"a": 2.0, "b": 1})
    moving = [walk([np.array([np.sin(i / 5) + i * 1e-9, np.cos(i / 5)]) for i in range(200)])]
    assert r.naming([walk("ABAB")])[1] == "exact"
    assert r.naming(moving)[1] == "coarse"
    assert r.naming([walk("ABCDEFGHIJ")])[1] == "never"
