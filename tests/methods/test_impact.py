"""Impact on worlds whose answers are known by hand, and the traps that the literature names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from momus import worlds
from momus.methods import impact, world_state
from momus.methods import state_graph as sg
from momus.methods.state_graph import StateGraph

NOOP = 4


def world_graph(id: str, **options):
    rng = np.random.default_rng(0)
    world = world_state.rewindable(lambda: worlds.make(id, **options), rng=rng)
    return sg.explore(world, sg.naming(world, lambda e: e.features(), rng), seeds=[0], rng=rng)


def walked(id: str, path: str) -> tuple[StateGraph, list[int], list[int], float]:
    graph, how = world_graph(id)
    env = worlds.make(id)
    board, _ = env.reset(seed=0)
    states, returned = [graph.index[how.name(env, board, False)]], 0.0
    for action in worlds.moves(path):
        board, reward, ended, _, _ = env.step(action)
        states.append(graph.index[how.name(env, board, ended)])
        returned += reward
    return graph, states, worlds.moves(path), returned


def made(edges: list[list[int]], ended: list[bool], rewards: list[list[float]] | None = None) -> StateGraph:
    """A graph whose action a leads from s to edges[a][s]."""
    n = len(ended)
    moves = tuple(sparse.csr_matrix((np.ones(n), (np.arange(n), e)), shape=(n, n)) for e in edges)
    paid = np.array(rewards or np.zeros((n, len(edges))), dtype=float)
    return StateGraph(
        {bytes([i]): i for i in range(n)}, moves, paid, np.array(ended), np.ones(n, bool), np.arange(n)[:, None] * 1.0,
        ("place",), None, False, 0, 0, "",
    )  # fmt: skip


def total(graph, states, actions, cost) -> float:
    return float(sum(cost[s, a] for s, a in zip(states[:-1], actions, strict=True)))


@pytest.mark.parametrize(
    ("id", "name", "harm"),
    [
        ("momus/Vase-v0", "straight", True), ("momus/Vase-v0", "around", False),
        ("momus/Sokoban-v0", "corner", True), ("momus/Sokoban-v0", "recoverable", False),
        ("momus/ConveyorVase-v0", "rescue", False), ("momus/ConveyorVase-v0", "put-back", True),
        ("momus/ConveyorVase-v0", "never-touch", False),
        ("momus/ConveyorSushi-v0", "take-off", True), ("momus/ConveyorSushi-v0", "leave", False),
    ],
)  # fmt: skip
def test_the_published_behaviours_are_told_apart(id: str, name: str, harm: bool) -> None:
    graph, states, actions, returned = walked(id, worlds.PATHS[id][name].moves)
    aims = impact.aims(graph, np.random.default_rng(0))
    cost = impact.stepwise(graph, NOOP, aims.values, aims.average)
    least = impact.tradeoff(graph, cost, np.zeros(graph.n), len(actions) + 5).least(states[0], 0.9 * returned)
    needless = total(graph, states, actions, cost) - least
    assert needless > 0.3 if harm else needless == pytest.approx(0, abs=1e-6)


def test_inaction_overlooks_the_vase_that_is_put_back() -> None:
    """The trap of offsetting: in the end all is as if nothing had been done."""
    graph, states, actions, _ = walked("momus/ConveyorVase-v0", worlds.PATHS["momus/ConveyorVase-v0"]["put-back"].moves)
    aims = impact.aims(graph, np.random.default_rng(0))
    broken = [i for i, n in enumerate(aims.names) if n.startswith("broken")]
    whole = aims.values[:, broken]
    end = impact.against_inaction(graph, NOOP, whole, impact.lost, states[0], len(actions))
    assert end[states[-1]] == 0
    assert total(graph, states, actions, impact.stepwise(graph, NOOP, whole, impact.lost)) > 0.4


def test_walking_about_changes_nothing() -> None:
    graph, _ = world_graph("momus/BoatRace-v0")
    assert impact.aims(graph, np.random.default_rng(0)).names == ()
    values = impact.reachable(graph, np.arange(graph.n))
    assert impact.stepwise(graph, 0, values, impact.lost).max() == 0


def test_attainable_is_the_best_that_can_be_reached() -> None:
    graph = made([[0, 0, 2, 2], [1, 2, 3, 3]], [False] * 4)  # left, right; from 2 on there is no way back
    wants = np.array([[0.0], [1.0], [0.2], [0.5]])
    assert impact.attainable(graph, wants)[:, 0].tolist() == [1, 1, 0.5, 0.5]
    assert impact.attainable(graph, wants, 0.9)[:, 0] == pytest.approx([0.9, 1, 0.45, 0.5])
    assert impact.reachable(graph, np.array([0]))[:, 0].tolist() == [1, 1, 0, 0]


def test_collected_values_solve_their_equation() -> None:
    graph = made([[0, 0, 1], [1, 2, 2]], [False] * 3)
    q = impact.collected(graph, np.array([[0.0], [0.0], [1.0]]), 0.9)
    assert q[2, 1, 0] == pytest.approx(1, abs=1e-4) and q[0, 1, 0] == pytest.approx(0.81, abs=1e-4)
    assert q[0, 0, 0] == pytest.approx(0.9 * 0.81, abs=1e-4)


def test_the_move_that_ends_the_game_is_no_impact() -> None:
    graph = made([[0, 1, 2], [1, 2, 2]], [False, False, True])  # stay, on
    values = impact.reachable(graph, np.arange(3))
    cost = impact.stepwise(graph, 0, values, impact.lost)
    assert cost[1, 1] == 0 and cost[0, 1] > 0


def test_tradeoff_finds_the_careful_way() -> None:
    # From 0 to the paying end 3: directly at a price of 1, or by 1 and 2 for nothing but two more moves.
    rewards = [[-1, 48], [-1, -1], [-1, 48], [0, 0]]
    graph = made([[1, 1, 2, 3], [3, 2, 3, 3]], [False, False, False, True], rewards)
    cost = np.zeros((4, 2))
    cost[0, 1] = 1.0
    found = impact.tradeoff(graph, cost, np.zeros(4), 10)
    assert found.least(0, 40) == 0 and found.least(0, 47) == 1
    assert found.least(0, 60) == np.inf
    assert impact.tradeoff(graph, cost, np.zeros(4), 2).least(0, 40) == 1, "two moves are too few for the careful way"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_attainable_never_rises_on_the_way_and_reaches_every_reward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, wants = 8, rng.random((8, 3))
    graph = made([rng.integers(0, n, n).tolist() for _ in range(3)], [False] * n)
    v = impact.attainable(graph, wants)
    assert (v >= wants - 1e-9).all()
    for p in graph.moves:
        assert (p @ v <= v + 1e-4).all()
    far = graph.steps_between(np.arange(n))
    best = np.array([[wants[np.isfinite(far[s]), k].max() for k in range(3)] for s in range(n)])
    assert v == pytest.approx(best, abs=1e-4)
