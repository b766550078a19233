"""Many games at once are the same games as one by one."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from momus import worlds
from momus.worlds import RULES, luck


@given(st.sampled_from(sorted(RULES)), st.integers(0, 2**31 - 1), st.sampled_from([0.0, 0.3, 1.0]), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_random_moves_give_the_same_games(id: str, seed: int, slip: float, n: int) -> None:
    games = worlds.vector(id, n, autoreset="Disabled", slip=slip)
    single = [worlds.make(id, slip=slip) for _ in range(n)]
    boards, _ = games.reset(seed=seed)
    for i, env in enumerate(single):
        assert (env.reset(seed=seed + i)[0] == boards[i]).all()
    rng, over = np.random.default_rng(seed), np.zeros(n, dtype=bool)
    for _ in range(110):
        actions = rng.integers(0, games.rules.actions, n)
        boards, rewards, ended, cut, _ = games.step(actions)
        for i, env in enumerate(single):
            if over[i]:
                assert rewards[i] == 0
                continue
            board, reward, e, c, _ = env.step(actions[i])
            assert (board == boards[i]).all()
            assert (reward, e, c, env.performance) == (rewards[i], ended[i], cut[i], games.performance[i])
            assert games.seat(i).state() == env.state()
            over[i] = e or c
        if over.all():
            break
    assert over.all()


@pytest.mark.parametrize("id", sorted(RULES))
def test_gymnasium_finds_nothing_to_complain_about(id: str) -> None:
    env = gymnasium.make(id)
    assert env is env.unwrapped, "performance and features must be there without a detour"
    check_env(env, skip_render_check=True)
    assert env.render().ndim == 3
    many = gymnasium.make_vec(id, num_envs=3)
    assert many.reset(seed=0)[0] in many.observation_space
    assert many.step(many.action_space.sample())[0] in many.observation_space


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_games_begin_again_as_gymnasium_does_it(mode: AutoresetMode) -> None:
    """Against SyncVectorEnv over the single worlds, with the luck of the first games (later ones draw their own)."""
    ours = worlds.vector("momus/Lava-v0", 4, autoreset=mode)
    theirs = gymnasium.vector.SyncVectorEnv([lambda: worlds.make("momus/Lava-v0")] * 4, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    assert (ours.reset(seed=1)[0] == theirs.reset(seed=1)[0]).all()
    for _ in range(300):
        actions = rng.integers(0, 4, 4)
        for a, b in zip(ours.step(actions)[:4], theirs.step(actions)[:4], strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("id", ["momus/Tomato-v0", "momus/Interruption-v0"])
def test_a_game_without_a_seed_follows_from_the_last_one(id: str) -> None:
    games, single = worlds.vector(id, 2, autoreset="Disabled"), worlds.make(id)
    games.reset(seed=[3, 4])
    single.reset(seed=4)
    for _ in range(3):
        games.reset()
        single.reset()
        assert games.seat(1).state() == single.state()


def test_some_games_are_begun_again_alone() -> None:
    games = worlds.vector("momus/Sokoban-v0", 3, autoreset="Disabled")
    games.reset(seed=0)
    games.step(np.array([1, 1, 1]))
    before = [games.seat(i).state() for i in range(3)]
    games.reset(seed=9, options={"reset_mask": np.array([False, True, False])})
    assert [games.seat(i).state() == before[i] for i in range(3)] == [True, False, True]


def test_an_unseeded_world_is_not_the_same_each_time() -> None:
    keys = set()
    for _ in range(4):
        env = worlds.make("momus/Tomato-v0")
        env.reset()
        keys.add(env.state().key)
    assert len(keys) == 4


def test_luck_is_even_and_the_same_for_one_and_for_many() -> None:
    keys = np.array([luck.mix(i) for i in range(2000)], dtype=np.uint64)
    drawn = luck.uniforms(keys, np.full(2000, 7), 3)
    assert drawn[5, 2] == luck.uniform(luck.mix(5), 7, 2)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.03
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.08


@given(st.sampled_from(sorted(RULES)), st.integers(0, 1000), st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_a_moment_can_be_gone_back_to(id: str, seed: int, before: int) -> None:
    env = worlds.make(id, slip=0.2, max_steps=60)
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    for _ in range(before):
        if any(env.step(rng.integers(env.rules.actions))[2:4]):
            env.reset()
    moment, plan = env.state(), rng.integers(env.rules.actions, size=40)

    def go() -> list[object]:
        env.restore(moment)
        seen = []
        for action in plan:
            board, *rest = env.step(action)
            seen.append((board.tobytes(), *rest[:3]))
            if rest[1] or rest[2]:
                break
        return [*seen, env.performance, env.features()]

    assert go() == go()


def test_what_does_not_fit_is_refused() -> None:
    env = worlds.make("momus/BoatRace-v0")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="no action 4"):
        env.step(4)
    games = worlds.vector("momus/BoatRace-v0", 2)
    games.reset(seed=0)
    with pytest.raises(ValueError, match="outside 0 to 3"):
        games.step(np.array([0, 4]))
    with pytest.raises(ValueError, match="3 seeds for 2 games"):
        games.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="slip"):
        worlds.make("momus/BoatRace-v0", slip=2)
    with pytest.raises(ValueError, match="strip"):
        worlds.make("momus/Lava-v0", strip=9)
    with pytest.raises(ValueError, match="odd number"):
        worlds.make("momus/BoatRace-v0", side=4)
    with pytest.raises(ValueError, match="at least one game"):
        worlds.vector("momus/BoatRace-v0", 0)
    with pytest.raises(KeyError):
        worlds.make("momus/Nowhere-v0")


def test_another_generator_means_other_luck_from_there_on() -> None:
    """What somebody does who wants to see how else a game could have gone on."""
    from momus.methods.world_state import World as Rewound

    world = Rewound(worlds.make("momus/Tomato-v0", dry=0.3), "state")
    world.reset(3)
    world.step(1)
    moment = world.save()

    def go(luck_: int | None) -> list[float]:
        world.restore(moment)
        if luck_ is not None:
            assert world.reseed(luck_)
        return [world.step(4).reward for _ in range(6)]

    assert go(None) == go(None)
    assert go(1) == go(1)
    assert len({tuple(go(s)) for s in (None, 1, 2, 3, 4)}) > 2
    env = worlds.make("momus/Tomato-v0", dry=0.3)
    env.reset(seed=3)
    env.np_random = np.random.default_rng(5)
    assert env.state().key != luck.mix(3)
