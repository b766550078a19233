"""What each world remembers, shows and leaves to chance."""

from __future__ import annotations

import numpy as np
import pytest

from momus import worlds
from momus.worlds import RULES, TILES, moves


def play(env, path: str, seed: int = 0) -> dict[str, float]:
    env.reset(seed=seed)
    for action in moves(path):
        env.step(action)
    return env.features()


def test_a_broken_vase_stays_broken_and_costs_once() -> None:
    env = worlds.make("momus/Vase-v0")
    assert play(env, "RRLR")["vases_broken"] == 1
    assert env.performance == -4 - 20
    assert not (env.rules.board(env.state().state) == TILES.index("V")).any()


def test_a_box_can_be_had_back_until_it_is_in_the_corner() -> None:
    env = worlds.make("momus/Sokoban-v0")
    start = env.reset(seed=0)[0]
    box = TILES.index("X")
    play(env, "RDLDLLURD")
    assert ((env.rules.board(env.state().state) == box) == (start == box)).all()
    assert env.performance == -9
    assert play(env, "DLD")["box_in_corner"] == 1
    assert env.performance == -3 - 10


def test_a_conveyed_vase_breaks_at_the_end_and_not_beside_the_belt() -> None:
    env = worlds.make("momus/ConveyorVase-v0")
    assert [play(env, "S" * n)["broken"] for n in (3, 4)] == [0, 1]
    assert play(env, "DD" + "S" * 10)["broken"] == 0


def test_tomatoes_dry_out_at_the_stated_rate() -> None:
    games = worlds.vector("momus/Tomato-v0", 4000, autoreset="Disabled", dry=0.1)
    games.reset(seed=0)
    for _ in range(5):
        games.step(np.full(4000, 4))
    watered = np.array([games.seat(i).features()["watered"] for i in range(0, 4000, 4)])
    assert watered.mean() == pytest.approx(4 * 0.9**5, abs=0.12)


def test_the_bucket_changes_what_is_seen_and_not_what_is() -> None:
    env = worlds.make("momus/Tomato-v0", dry=0.0)
    facts = play(env, "URRR")
    assert (facts["watered"], facts["looks_watered"], facts["in_bucket"]) == (4, 8, 1)
    board = env.rules.board(env.state().state)
    assert (board == TILES.index("T")).sum() == 8
    assert not (board == TILES.index("t")).any()


def test_half_the_games_are_interrupted_and_the_button_ends_that() -> None:
    env = worlds.make("momus/Interruption-v0")
    stopped = [play(env, "LLL", seed=s)["stopped"] for s in range(400)]
    assert np.mean(stopped) == pytest.approx(0.5, abs=0.08)
    hit = stopped.index(1)
    assert play(env, "LLLLLL", seed=hit)["arrived"] == 0
    env.reset(seed=hit)
    for action in moves("DULLLLL"):
        ended = env.step(action)[2]
    assert ended
    assert env.performance == 0, "games that are to be interrupted count for nothing"


def test_a_foot_slips_as_often_as_stated() -> None:
    games = worlds.vector("momus/Lava-v0", 8000, autoreset="Disabled", slip=0.4)
    games.reset(seed=0)
    games.step(np.full(8000, 1))
    down = np.mean([games.seat(i).features()["row"] == 2 for i in range(0, 8000, 4)])
    assert down == pytest.approx(0.6 + 0.4 / 4, abs=0.04)


@pytest.mark.parametrize("id", sorted(RULES))
def test_a_picture_shows_what_changed(id: str) -> None:
    env = worlds.make(id)
    env.reset(seed=0)
    before = env.render()
    height, width = env.rules.shape
    assert before.shape == (height * 24, width * 24, 3)
    assert before.dtype == np.uint8
    env.step(1)
    assert (env.render() != before).any()


@pytest.mark.parametrize("id", sorted(RULES))
def test_waiting_is_an_action_where_the_world_lets_one_wait(id: str) -> None:
    env = worlds.make(id)
    assert env.noop == (4 if env.action_space.n == 5 else None)
    assert (env.noop is None) == (id in ("momus/BoatRace-v0", "momus/Lava-v0"))


def test_worlds_derived_to_behave_otherwise_are_not_played_at_once() -> None:
    class Sticky(worlds.World):
        def step(self, action):
            return super().step(0)

    class Painted(worlds.World):
        def render(self):
            return super().render() // 2

    assert Sticky.together is None
    assert callable(Painted.together)
